"""What the workers' databases hold once a run is over; some of them were damaged on purpose."""

from collections.abc import Iterable
from pathlib import Path

from streams.engine.state import Store, StoreMemory
from streams.errors import StateDamagedError


def newest_rows(folders: Iterable[Path], applied: int) -> dict[bytes, bytes] | None:
    """Return the rows of the database of one partition that reaches farthest.

    A flipped byte stays unseen until its block is read, and then the worker wipes the database: a damaged one
    says nothing about what was lost. Where one is damaged and none of the others reaches the changelog's end,
    there is nothing to compare.

    Parameters
    ----------
    folders
        The partition's database in each worker's folder; some may be missing.
    applied
        Offset that the changelog says is applied.

    Returns
    -------
    dict or None
        The rows, none at all where there is no database; None: nothing to compare.
    """
    reach, rows, damaged = -1, dict[bytes, bytes](), False
    for folder in folders:
        if not folder.is_dir():
            continue
        try:
            found, held = _read(folder)
        except StateDamagedError:
            damaged = True
            continue
        if found > reach:
            reach, rows = found, held
    return None if damaged and reach < applied else rows


def _read(folder: Path) -> tuple[int, dict[bytes, bytes]]:
    """Return a database's applied offset and rows; its damage also shows when it is closed."""
    store = Store(folder, StoreMemory())
    try:
        return store.applied, dict(store.scan())
    finally:
        store.close()
