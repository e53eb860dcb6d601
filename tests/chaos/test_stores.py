"""The last comparison of databases: damaged ones are told from ones that lost rows."""

from pathlib import Path

import pytest

from streams.engine.state import Store, StoreMemory
from tests.chaos.stores import newest_rows

OLD, NEW = {b"k": b"old"}, {b"k": b"new"}


def made(folder: Path, rows: dict[bytes, bytes], applied: int) -> Path:
    """Make a database that holds some rows."""
    store = Store(folder, StoreMemory())
    store.write([*rows.items()], applied=applied, changelog_position=applied + 1)
    store.close()
    return folder


def damaged(folder: Path) -> Path:
    """Flip a byte of a table whose content no log repeats."""
    made(folder, {b"k%d" % i: bytes(100) for i in range(2_000)}, applied=9)
    Store(folder, StoreMemory()).close()
    for table in folder.glob("*.sst"):
        content = bytearray(table.read_bytes())
        content[len(content) // 4] ^= 0xFF
        table.write_bytes(content)
    return folder


def test_the_farthest_counts(tmp_path: Path) -> None:
    """A leftover of a former owner and a folder that is not there do not matter."""
    stores = [made(tmp_path / "a", OLD, 3), made(tmp_path / "b", NEW, 9), tmp_path / "absent"]
    assert newest_rows(stores, applied=9) == NEW


@pytest.mark.parametrize(("reach", "expected"), [(9, NEW), (3, None)])
def test_a_damaged_one_says_nothing(tmp_path: Path, reach: int, expected: dict[bytes, bytes] | None) -> None:
    """It neither ends the comparison nor passes for lost rows."""
    assert newest_rows([damaged(tmp_path / "a"), made(tmp_path / "b", NEW, reach)], applied=9) == expected


def test_what_nobody_holds_is_missing(tmp_path: Path) -> None:
    """An old database without a damaged one beside it is compared, and found wanting."""
    assert newest_rows([made(tmp_path / "a", OLD, 3)], applied=9) == OLD
    assert newest_rows([tmp_path / "absent"], applied=9) == {}
