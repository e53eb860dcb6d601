"""`nearline serve`: what it refuses, how it starts, and how it ends."""

import json
import signal
import urllib.request
from pathlib import Path

import pytest

from streams.cli import main
from streams.config.settings import Settings
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import becomes_ready
from tests.conftest import Nearline
from tests.waiting import PATIENCE_S, until


def test_beyond_loopback_without_a_token_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is connected; the error names the variable."""
    assert main(["serve", "--host", "192.0.2.1", "--port", "0"]) == 2
    assert "NEARLINE_SERVE__TOKEN" in capsys.readouterr().err


def test_a_taken_port_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do about it."""
    import socket  # noqa: PLC0415 - the only test that needs it

    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "--port" in capsys.readouterr().err


def test_it_serves_until_it_is_told_to_stop(
    embedded: EmbeddedCluster, nearline: Nearline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log says where it listens; SIGTERM ends it with code 0, an open live stream notwithstanding."""
    monkeypatch.setenv("NEARLINE_BROKERS", embedded.bootstrap_servers)
    monkeypatch.setenv("NEARLINE_LOG_FORMAT", "json")
    embedded.create(spec.name for spec in Settings.load().topic_table().values())
    log = tmp_path / "log"
    child = nearline("serve", "--port", "0", "--state-dir", str(tmp_path), log=log)

    def port() -> int | None:
        lines = map(json.loads, log.read_text().splitlines())
        return next((line["port"] for line in lines if line["event"] == "serve_starts"), None)

    address = until(port)
    assert becomes_ready(address, PATIENCE_S)
    with urllib.request.urlopen(
        f"http://127.0.0.1:{address}/v1/stream/viewers/ada", timeout=PATIENCE_S
    ) as stream:
        assert stream.readline() == b"retry: 1000\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_S) == 0
