"""`nearline state export` and `rebuild`: rows in words, and all of them read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from online_models.config import ModelConfig
from streams.cli import main
from streams.cli.console import ExitCode
from streams.engine.folder_lock import locked_folder
from streams.ops.local_kafka.embedded import PARTITIONS
from tests.streams.cli.state.disk import HOME, NEIGHBOURS, Disk, Run, verified


def test_no_broker_is_an_error(nowhere: str, disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing answers: said so, and before a rebuild wipes anything."""
    words = ["--state-dir", str(disk.folder), "--brokers", nowhere]
    assert main(["state", "rebuild", "--yes", *words]) == ExitCode.UNREACHABLE
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
    assert verified(run, "--against-changelog") == []


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
    with locked_folder(disk.folder):
        code, _, err = run("rebuild", "--yes")
    assert code == ExitCode.FAILED
    assert "in use by another worker" in err
    assert disk.row(b"ada")
