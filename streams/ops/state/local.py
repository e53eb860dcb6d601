"""Find the local databases, and open them without disturbing a worker.

Behind `nearline state` (:mod:`streams.ops.state.verify`, :mod:`streams.ops.state.export`,
:mod:`streams.ops.state.rebuild`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from online_models.tables.row_versions import RowVersions
from online_models.tables.rows import TITLE_ROWS, VIEWER_ROWS
from schemas import topics
from streams.config.settings import PROCESS_FOLDER, Settings
from streams.engine.state import Store, StoreMemory
from streams.errors import SettingsError, StateError

__all__ = ["STAGES", "StageState", "StateLocation", "places", "reading", "stage_state"]


class StageState(NamedTuple):
    """The state of a stage."""

    stage: str
    """Name of the stage and of its folder."""
    source: str
    """Source topic, without the prefix."""
    changelog: str
    """Changelog topic, without the prefix."""
    rows: RowVersions
    """Versions of its rows."""


STAGES = (
    StageState("viewers", topics.EVENTS, topics.VIEWER_STATE, VIEWER_ROWS),
    StageState("titles", topics.SIGNALS, topics.TITLE_MODEL, TITLE_ROWS),
)
"""Stages with row state."""


class StateLocation(NamedTuple):
    """One local database."""

    kind: StageState
    partition: int
    folder: Path

    def __str__(self) -> str:
        return f"{self.kind.stage} partition {self.partition}"


def stage_state(name: str) -> StageState:
    """Return the state of a stage by name.

    Raises
    ------
    SettingsError
        There is no such stage.
    """
    for kind in STAGES:
        if kind.stage == name:
            return kind
    what = f"there is no stage {name}"
    raise SettingsError(what, next_step="name one of " + ", ".join(kind.stage for kind in STAGES))


def places(settings: Settings, stage: str | None = None, partition: int | None = None) -> list[StateLocation]:
    """Return the databases in the state folder, optionally of one stage and partition.

    Processes of one worker have folders of their own, and a partition that has moved leaves a copy: of
    several databases of a partition this is the one that was opened last.

    Raises
    ------
    StateError
        There is none.
    SettingsError
        There is no such stage.
    """
    kinds = STAGES if stage is None else (stage_state(stage),)
    whole = settings.state_folder
    found = [
        StateLocation(kind, int(folder.name), folder)
        for kind in kinds
        for of_process in (whole, *whole.glob(f"{PROCESS_FOLDER}*"))
        for folder in (of_process / kind.stage).glob("*")
        if folder.is_dir() and folder.name.isdecimal() and partition in {None, int(folder.name)}
    ]
    found.sort(key=lambda place: _opened(place.folder))
    found = list({(place.kind, place.partition): place for place in found}.values())
    if not found:
        number = "any partition" if partition is None else f"partition {partition}"
        what = f"there is no local state in {settings.state_folder}"
        advice = "give the worker's folder (--state-dir, NEARLINE_STATE_DIR)"
        raise StateError(what, why=f"looked for {stage or 'any stage'}, {number}", next_step=advice)
    return sorted(found, key=lambda place: (STAGES.index(place.kind), place.partition))


def _opened(folder: Path) -> float:
    """Return when a database was opened to be written: RocksDB names a new manifest then."""
    try:
        return (folder / "CURRENT").stat().st_mtime
    except OSError:  # it was never written, or is gone
        return 0.0


@contextmanager
def reading(place: StateLocation) -> Iterator[Store]:
    """Open a database read-only as it is now, while a worker may be using it.

    Raises
    ------
    StateDamagedError
        It is corrupt.
    StateError
        It cannot be read, or was written by a newer version.
    """
    with TemporaryDirectory(prefix="nearline-look-") as notes:
        store = Store(place.folder, StoreMemory(open_files=-1), secondary=Path(notes))
        try:
            yield store
        finally:
            store.close()
