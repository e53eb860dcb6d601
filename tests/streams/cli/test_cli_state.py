"""`nearline state`: databases on a disk beside an embedded cluster that has their changelogs."""

import json
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from online_models.config import ModelConfig
from online_models.rows import TITLE_ROWS, VIEWER_ROWS
from schemas import Preferences, topics
from schemas.partitioner import partition_for
from streams.brokers.embedded import PARTITIONS, EmbeddedCluster
from streams.cli import main
from streams.cli.console import ExitCode
from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.engine.claim import claimed
from streams.engine.state import Store, StoreMemory
from streams.kafka_clients import producer
from tests.streams.engine.test_state import flipped
from tests.streams.steps import T0, Line, watch

HOME = partition_for(b"ada", PARTITIONS)
"""Partition of the viewers in these tests; only they are kept."""
NEIGHBOURS = [
    name for name in (f"v{n}" for n in range(40)) if partition_for(name.encode(), PARTITIONS) == HOME
]

Run = Callable[..., Any]


@dataclass
class Disk:
    """A worker's state folder and the cluster behind it."""

    folder: Path
    brokers: str

    def store(self, stage: str, partition: int) -> Store:
        """Open a database."""
        return Store(
            self.folder / stage / str(partition), StoreMemory(cache_bytes=1 << 20, buffer_bytes=1 << 20)
        )

    def change(self, key: bytes, value: bytes | None) -> None:
        """Change a row of Ada's partition behind everyone's back."""
        store = self.store("viewers", HOME)
        store.write([(key, value)], applied=store.applied, changelog_position=store.changelog_position)
        store.close()

    def row(self, key: bytes) -> bytes:
        """Return a row of Ada's partition."""
        store = self.store("viewers", HOME)
        row = store.get(key)
        store.close()
        assert row is not None
        return row


@pytest.fixture(scope="module")
def written() -> Iterator[tuple[EmbeddedCluster, dict[str, list[tuple[bytes, bytes]]]]]:
    """Give a cluster with the changelogs of both stages, and what is in them."""
    line = Line()
    crowd = [watch(v, f"t{(n + k) % 6}", 3 * n + k) for n, v in enumerate(NEIGHBOURS) for k in range(3)]
    told = Preferences(event_id="p", viewer_id="ada", event_time_ms=T0, maturity=12)
    line.feed(*crowd, watch("ada", "t1", 900, country="AT"), watch("ada", "t2", 901), told)
    rows = {"viewers": [*line.store.rows.items()], "titles": [*line.title_stores[0].rows.items()]}
    with EmbeddedCluster() as cluster:
        cluster.create(
            [topics.EVENTS, topics.SIGNALS, topics.VIEWER_STATE, topics.TITLE_MODEL, topics.CATALOG]
        )
        writer = producer(cluster.bootstrap_servers)
        for stage, source, log, home in (
            ("viewers", topics.EVENTS, topics.VIEWER_STATE, HOME),
            ("titles", topics.SIGNALS, topics.TITLE_MODEL, 0),
        ):
            for key, value in [*rows[stage], (APPLIED_KEY, pack_applied(9))]:
                writer.produce(log, key=key, value=value, partition=home)
            for _ in range(10):
                writer.produce(source, value=b"{}", partition=home)
        assert writer.flush(10) == 0
        yield cluster, rows


@pytest.fixture
def disk(written: Any, tmp_path: Path) -> Disk:
    """Give a state folder that is as its changelogs say."""
    cluster, rows = written
    disk = Disk(tmp_path / "state", cluster.bootstrap_servers)
    for stage, home in (("viewers", HOME), ("titles", 0)):
        store = disk.store(stage, home)
        store.write(rows[stage], applied=9, changelog_position=len(rows[stage]) + 1)
        store.close()
    return disk


@pytest.fixture
def run(disk: Disk, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command and returns exit code and output."""

    def call(*words: str) -> tuple[int, str, str]:
        where = ["--state-dir", str(disk.folder), "--brokers", disk.brokers]
        code = main(["state", *words, *where])
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return call


def _problems(run: Run, *words: str) -> list[str]:
    """Verify and return what was found; the exit code has to say the same."""
    code, out, _ = run("verify", *words, "--json", "-")
    said = json.loads(out)
    problems = [problem for one in said["databases"] for problem in one["problems"]]
    assert (code == ExitCode.DONE) == said["sound"] == (not problems)
    return problems


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
    assert _problems(run, "--local") == []
    assert "it says applied 8, its changelog 9" in _problems(run, "--against-changelog")
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
    (problem,) = _problems(run, "--local")
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
    assert _problems(run) == []
    assert _problems(run, "--against-changelog") == [
        "1 rows differ from the changelog",
        "1 rows are not in the changelog",
        "1 rows of the changelog are missing",
    ]


def test_rows_of_another_partition_are_found(run: Run, disk: Disk) -> None:
    """A viewer who belongs elsewhere betrays a folder that was moved."""
    stranger = next(n for n in (f"x{n}" for n in range(99)) if partition_for(n.encode(), PARTITIONS) != HOME)
    disk.change(stranger.encode(), disk.row(b"ada"))
    assert _problems(run) == ["1 rows belong to another partition"]


@pytest.mark.parametrize(
    ("applied", "position", "what"),
    [
        (50, 3, "reaches offset 50 of its source, which ends at 10"),
        (9, 10_000, "written at changelog offset 10000"),
    ],
)
def test_a_state_ahead_of_its_topics_is_found(
    run: Run, disk: Disk, applied: int, position: int, what: str
) -> None:
    """Topics that were made anew, or lost their end."""
    store = disk.store("viewers", HOME)
    store.write([], applied=applied, changelog_position=position)
    store.close()
    assert any(what in problem for problem in _problems(run))
    assert _problems(run, "--local") == []


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
    assert any("is damaged" in problem for problem in _problems(run, "--local"))
    assert not list(disk.folder.glob("*/*.DAMAGED"))


def test_marks_and_unknown_rows_of_a_partition_are_found(run: Run, disk: Disk) -> None:
    """A mark of the worker, a row that a newer version keeps, a cut one."""
    (disk.folder / "titles" / "0.DAMAGED").touch()
    disk.change(b"\x01weights", b"\x01")
    disk.change(b"\x01sent", b"\x01\x02")
    problems = "\n".join(_problems(run, "--local"))
    for what in ("found damaged while it was open", "'weights' is unknown", "'sent' cannot be read"):
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


def test_no_broker_is_an_error(disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing answers: said so, and before a rebuild wipes anything."""
    nowhere = ["--state-dir", str(disk.folder), "--brokers", "127.0.0.1:1"]
    assert main(["state", "rebuild", "--yes", *nowhere]) == ExitCode.UNREACHABLE
    assert disk.row(b"ada")
    assert "no Kafka broker answers" in capsys.readouterr().err


@pytest.mark.parametrize("source", [(), ("--from-changelog",)])
def test_viewers_are_exported(run: Run, tmp_path: Path, source: tuple[str, ...]) -> None:
    """A line a viewer: history with names, counters, limits; from the disk and from the topic alike."""
    file = tmp_path / "viewers.jsonl"
    code, out, err = run("export", "viewers", "--output", str(file), "--vectors", *source)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert (code, out, len(lines)) == (0, "", len(NEIGHBOURS) + 1)
    assert f"{len(lines)} rows written" in err
    ada = next(line for line in lines if line["viewer_id"] == "ada")
    assert (ada["partition"], ada["positives"], ada["country"], ada["maturity_limit"]) == (HOME, 2, "AT", 12)
    assert ada["known"] == [{"title_id": "t1", "liked": True}, {"title_id": "t2", "liked": True}]
    assert len(ada["taste"]) == ModelConfig().factorization.factors


def test_titles_are_exported(run: Run) -> None:
    """To standard output, with neighbours by name; vectors only where they are asked for."""
    code, out, _ = run("export", "titles")
    lines = {line["title_id"]: line for line in map(json.loads, out.splitlines())}
    assert (code, sorted(lines)) == (0, [f"t{n}" for n in range(6)])
    assert {pair["title_id"] for pair in lines["t1"]["neighbours"]} <= set(lines)
    assert lines["t1"]["neighbours"]
    assert "out" not in lines["t1"]
    assert run("export", "films")[0] == ExitCode.USAGE


def test_a_rebuild_reads_everything_again(run: Run, disk: Disk, written: Any) -> None:
    """Whatever was wrong, afterwards every row is the changelog's; rows, bytes, time and speed are told."""
    disk.change(b"ada", b"")
    disk.change(b"ghost", b"row")
    code, out, _ = run("rebuild", "--yes", "--json", "-")
    viewers, titles = json.loads(out)["databases"]
    assert (code, viewers["partition"], viewers["applied"]) == (0, HOME, 9)
    assert viewers["rows"] == len(written[1]["viewers"])
    assert min(viewers["bytes"], titles["bytes"], viewers["rows_per_s"], viewers["seconds"]) > 0
    assert _problems(run, "--against-changelog") == []


def test_a_partition_that_is_gone_can_be_named(run: Run, disk: Disk) -> None:
    """Another machine prepares itself before a worker comes to it."""
    code, out, _ = run("rebuild", "--stage", "viewers", "--partition", str((HOME + 1) % PARTITIONS), "--yes")
    assert code == 0
    assert (disk.folder / "viewers" / str((HOME + 1) % PARTITIONS)).is_dir()
    assert "rebuilt" in out


def test_a_rebuild_asks_first(run: Run, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is a no."""
    disk.change(b"ada", b"")
    monkeypatch.setattr("sys.stdin", open("/dev/null"))  # noqa: SIM115, PTH123 - closed with the test
    assert run("rebuild")[0] != 0
    assert disk.row(b"ada") == b""


def test_a_rebuild_is_refused_while_a_worker_works(run: Run, disk: Disk) -> None:
    """The folder is the worker's."""
    with claimed(disk.folder):
        code, _, err = run("rebuild", "--yes")
    assert code == ExitCode.FAILED
    assert "in use by another worker" in err
    assert disk.row(b"ada")


def _with(row: bytes, name: str, number: float) -> bytes:
    """Return a viewer's row with one float changed."""
    at = (VIEWER_ROWS.dtype(ModelConfig()).fields or {})[name][1]
    return row[:at] + struct.pack("<f", number) + row[at + 4 :]
