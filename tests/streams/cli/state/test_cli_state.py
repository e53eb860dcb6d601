"""`nearline state verify`: what is sound is found sound, and what is not is named."""

import json
import math
import struct
from typing import Any

import pytest

from online_models.config import ModelConfig
from online_models.tables.rows import TITLE_ROWS, VIEWER_ROWS
from schemas.partitioner import partition_for
from streams.cli.console import ExitCode
from streams.ops.local_kafka.embedded import PARTITIONS
from tests.streams.cli.state.disk import HOME, NEIGHBOURS, Disk, Run, verified
from tests.streams.engine.test_state import flipped


def test_a_sound_state_is_found_sound(run: Run, written: Any) -> None:
    """Rows, versions, offsets and distance are told; every row is compared with the changelog."""
    code, out, err = run("verify", "--against-changelog", "--json", "-")
    viewers, titles = json.loads(out)["databases"]
    assert (code, viewers["stage"], viewers["partition"], titles["stage"]) == (0, "viewers", HOME, "titles")
    assert viewers["rows"] == len(NEIGHBOURS) + 1
    assert viewers["versions"] == {str(VIEWER_ROWS.version): viewers["rows"]}
    assert titles["versions"] == {str(TITLE_ROWS.version): 6}
    assert (viewers["applied"], viewers["behind"], titles["behind"]) == (9, 0, 0)
    assert viewers["compared"] == len(written[1]["viewers"])
    assert "reading the changelog of viewers partition" in err


def test_the_table_is_for_people(run: Run) -> None:
    """Without JSON a line a database goes to standard output."""
    code, out, _ = run("verify", "--stage", "viewers")
    assert code == 0
    assert f"v{VIEWER_ROWS.version}:{len(NEIGHBOURS) + 1}" in out


def test_a_database_in_use_is_verified(run: Run, disk: Disk) -> None:
    """Beside a worker, with what it wrote a moment ago, and without a trace."""
    store = disk.store("viewers", HOME)
    store.write([], applied=8, changelog_position=store.changelog_position)
    assert verified(run, "--local") == []
    assert "its applied offset is 8, in the changelog 9" in verified(run, "--against-changelog")
    assert store.get(b"ada") is not None
    store.close()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda row: bytes([99]) + row[1:], "version 99"),
        (lambda row: row[:-3], "bytes"),
        (lambda _: b"", "no version"),
        (lambda row: _with(row, "taste", math.nan), "taste is not finite"),
        (lambda row: _with(row, "acc", math.inf), "acc is not finite"),
    ],
)
def test_rows_that_cannot_be_true_are_found(run: Run, disk: Disk, spoil: Any, what: str) -> None:
    """One bad row among good ones is counted, and its viewer is not named."""
    disk.change(b"ada", spoil(disk.row(b"ada")))
    (problem,) = verified(run, "--local")
    assert problem.startswith("1 rows: ")
    assert what in problem
    assert "ada" not in problem


def test_differences_to_the_changelog_are_found(run: Run, disk: Disk) -> None:
    """Another row, a row too many, a row too few; without the comparison they look well."""
    row = disk.row(b"ada")
    disk.change(b"ada", _with(row, "acc", 0.5))
    disk.change(NEIGHBOURS[0].encode(), None)
    stranger = next(n for n in (f"x{n}" for n in range(99)) if partition_for(n.encode(), PARTITIONS) == HOME)
    disk.change(stranger.encode(), row)
    assert verified(run) == []
    assert verified(run, "--against-changelog") == [
        "1 rows differ from the changelog",
        "1 rows are not in the changelog",
        "1 rows of the changelog are missing",
    ]


def test_rows_of_another_partition_are_found(run: Run, disk: Disk) -> None:
    """A viewer who belongs elsewhere betrays a folder that was moved."""
    stranger = next(n for n in (f"x{n}" for n in range(99)) if partition_for(n.encode(), PARTITIONS) != HOME)
    disk.change(stranger.encode(), disk.row(b"ada"))
    assert verified(run) == ["1 rows belong to another partition"]


@pytest.mark.parametrize(
    ("applied", "position", "what"),
    [
        (50, 3, "applied offset is 50, but its source ends at 10"),
        (9, 10_000, "changelog offset is 10000, but"),
    ],
)
def test_a_state_ahead_of_its_topics_is_found(
    run: Run, disk: Disk, applied: int, position: int, what: str
) -> None:
    """Topics that were made anew, or lost their end."""
    store = disk.store("viewers", HOME)
    store.write([], applied=applied, changelog_position=position)
    store.close()
    assert any(what in problem for problem in verified(run))
    assert verified(run, "--local") == []


def test_what_is_behind_is_not_wrong(run: Run, disk: Disk) -> None:
    """An old backup is compared as far as it reaches."""
    store = disk.store("viewers", HOME)
    rows = list(store.scan())
    store.write([(rows[-1][0], None)], applied=-1, changelog_position=0)
    store.close()
    code, out, _ = run("verify", "--against-changelog", "--json", "-")
    viewers = json.loads(out)["databases"][0]
    assert (code, viewers["behind"], viewers["compared"]) == (0, len(rows) + 1, 0)


def test_a_flipped_byte_is_found_and_nothing_is_changed(run: Run, disk: Disk) -> None:
    """Damage on the disk; the mark that wipes is the worker's to make."""
    store = disk.store("viewers", HOME)
    store.write([(b"fill%d" % n, bytes(200)) for n in range(4_000)], applied=9, changelog_position=1)
    store._db.flush()
    store.close()
    flipped(disk.folder / "viewers" / str(HOME))
    assert any("is damaged" in problem for problem in verified(run, "--local"))
    assert not list(disk.folder.glob("*/*.DAMAGED"))


def test_marks_and_unknown_rows_of_a_partition_are_found(run: Run, disk: Disk) -> None:
    """A mark of the worker, a row that a newer version keeps, a cut one."""
    (disk.folder / "titles" / "0.DAMAGED").touch()
    disk.change(b"\x01weights", b"\x01")
    disk.change(b"\x01sent", b"\x01\xcd")
    problems = "\n".join(verified(run, "--local"))
    for what in ("a worker marked it as damaged", "'weights' is unknown", "'sent' cannot be read"):
        assert what in problems


def test_no_state_is_an_error(run: Run) -> None:
    """A wrong folder, stage or pair of options says what to give."""
    for words, code, what in (
        (("--stage", "cinema"), ExitCode.USAGE, "viewers, titles"),
        (("--partition", "77"), ExitCode.FAILED, "NEARLINE_STATE_DIR"),
        (("--local", "--against-changelog"), ExitCode.USAGE, "one of the two"),
    ):
        got, _, err = run("verify", *words)
        assert got == code
        assert what in err


def _with(row: bytes, name: str, number: float) -> bytes:
    """Return a viewer's row with one float changed."""
    at = (VIEWER_ROWS.dtype(ModelConfig()).fields or {})[name][1]
    return row[:at] + struct.pack("<f", number) + row[at + 4 :]
