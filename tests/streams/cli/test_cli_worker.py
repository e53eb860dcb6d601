"""`nearline worker`: exit codes, and what is said when it cannot start."""

import signal
from pathlib import Path

import pytest

from schemas.topics import TOPICS
from streams.cli import main
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import becomes_ready, free_port
from tests.conftest import Nearline
from tests.waiting import PATIENCE_S


def test_missing_topics_are_code_1(
    embedded: EmbeddedCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator reads which topics, and the command that makes them."""
    words = ["--brokers", embedded.bootstrap_servers, "--prefix", "none.", "--state-dir", str(tmp_path)]
    assert main(["worker", *words]) == 1
    said = capsys.readouterr().err
    assert "none.viewing.events.v1" in said
    assert "nearline topics apply" in said


def test_no_broker_is_code_3(nowhere: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A closed port is the broker's matter."""
    assert main(["worker", "--brokers", nowhere]) == 3
    assert "nearline kafka start" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--http-port", "70000"], ["--group", "not a group"]])
def test_a_wrong_setting_is_code_2(words: list[str]) -> None:
    """Before anything is connected to."""
    assert main(["worker", *words]) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)])
def test_told_to_stop_is_code_0(
    embedded: EmbeddedCluster,
    nearline: Nearline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    """A ready worker drains and leaves; what it says is on standard error."""
    embedded.create(TOPICS)
    port, log, out = free_port(), tmp_path / "log", tmp_path / "out"
    words = ["--brokers", embedded.bootstrap_servers, "--state-dir", str(tmp_path), "--http-port", str(port)]
    monkeypatch.setenv("NEARLINE_CHECK_CRCS", "false")
    child = nearline("worker", *words, log=log, out=out)
    assert becomes_ready(port, PATIENCE_S)
    child.send_signal(number)
    assert child.wait(PATIENCE_S) == 0, log.read_text()
    assert log.read_text()
    assert out.read_text() == ""
