"""The first hour as the READMEs tell it: their commands, one after the other, on a real Kafka."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import becomes_ready, free_port
from tests.readmes import ROOT, commands
from tests.waiting import PATIENCE_S

STAY = ("nearline worker", "nearline simulate", "nearline serve")
"""Commands that go on until they are told to stop, in the order in which they are started."""
RUN = (
    "nearline topics apply",
    *STAY,
    "nearline doctor",
    "nearline inspect state",
    "nearline model list",
    "nearline config show",
)
"""What is run here, in this order."""
ELSEWHERE = {
    "nearline kafka start": "tests/streams/ops/local_kafka/test_local_kafka.py",
    "nearline kafka stop": "tests/streams/ops/local_kafka/test_local_kafka.py",
    "nearline evaluate --ratings": "tests/streams/cli/test_cli_evaluate.py",
    "nearline replay --ratings": "tests/streams/cli/test_cli_replay.py",
    "nearline replay --from-topic": "tests/integration/test_backfill.py",
    "nearline model switch": "tests/integration/test_versions.py",
    "nearline rules create": "tests/streams/stages/test_rules.py",
    "nearline rules list": "tests/streams/stages/test_rules.py",
    "nearline rules remove": "tests/streams/stages/test_rules.py",
    "nearline state verify": "tests/integration/test_state_command.py",
    "nearline state rebuild": "tests/integration/test_state_command.py",
    "nearline top": "tests/streams/cli/test_cli_top.py",
    "nearline keys add": "tests/streams/cli/test_cli_keys.py",
    "nearline keys list": "tests/streams/cli/test_cli_keys.py",
    "nearline keys revoke": "tests/streams/cli/test_cli_keys.py",
}
"""Beginnings of commands whose own tests run them, and where."""


@pytest.fixture
def surroundings(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Give what a newcomer's terminal would have, but for the ports and names that tests share."""
    chosen = {
        "NEARLINE_BROKERS": kafka.bootstrap_servers,
        "NEARLINE_TOPIC_PREFIX": topic_prefix,
        "NEARLINE_GROUP": f"{topic_prefix}first",
        "NEARLINE_HTTP_PORT": str(free_port()),
        "NEARLINE_SERVE__PORT": str(free_port()),
        "PYTHONPATH": str(ROOT),
    }
    monkeypatch.chdir(tmp_path)
    return os.environ | chosen


def _begin(line: str, surroundings: dict[str, str]) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "streams", *shlex.split(line)[1:]]
    with Path(f"{line.split()[1]}.log").open("w") as log:
        return subprocess.Popen(words, env=surroundings, stdout=log, stderr=subprocess.STDOUT, text=True)


def _run(line: str, surroundings: dict[str, str]) -> str:
    words = [sys.executable, "-m", "streams", *shlex.split(line)[1:]]
    done = subprocess.run(
        words, env=surroundings, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


def _require_alive(running: list[subprocess.Popen[str]]) -> None:
    assert [process.poll() for process in running] == [None] * len(running), "one ended by itself"


@pytest.mark.slow
def test_the_first_hour(surroundings: dict[str, str]) -> None:
    """Topics, worker, viewers and server start; doctor finds nothing that fails; all end when told to."""
    _run(RUN[0], surroundings)
    running = [_begin(line, surroundings) for line in STAY]
    try:
        for name in ("NEARLINE_HTTP_PORT", "NEARLINE_SERVE__PORT"):
            assert becomes_ready(int(surroundings[name]), check=lambda: _require_alive(running)), name
        for line in RUN[1 + len(STAY) :]:
            assert _run(line, surroundings).strip(), line
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGINT)
        codes = [process.wait(PATIENCE_S) for process in running]
    assert codes == [0, 0, 0], [Path(f"{line.split()[1]}.log").read_text()[-2000:] for line in STAY]


def test_every_command_is_run_somewhere() -> None:
    """Each command of ours in a README is run here, or by the tests that are named, which speak of it."""
    ours = {command.line.split(" && ")[0] for command in commands() if "nearline " in command.line}
    others = ("kubectl", "promtool", "helm")
    ours = {line[line.index("nearline ") :] for line in ours if not line.startswith(others)}
    begun = {line for line in ours if not line.startswith(RUN)}
    lost = {line for line in begun if not line.startswith(tuple(ELSEWHERE))}
    assert lost == set()
    for start, file in ELSEWHERE.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert all(word in text for word in start.split()[1:]), (start, file)
