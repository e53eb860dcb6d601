"""`nearline state` beside a real worker on a real Kafka: verified, damaged, found, rebuilt, exported."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from online_models.simulation import World
from streams.cli import main
from streams.cli.console import ExitCode
from streams.config.settings import Settings
from streams.engine.state import Store, StoreMemory
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.integration import oracle

EVENTS, VIEWERS = 1_500, 60


@pytest.mark.slow
def test_a_workers_state_is_verified_damaged_and_rebuilt(
    kafka: KafkaCluster,
    topic_prefix: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sound beside the worker at work and after its death; what is spoilt is found; a rebuild is the log."""
    settings = Settings.load(
        brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group=f"{topic_prefix}n"
    )
    monkeypatch.setenv("NEARLINE_GROUP", settings.group)
    make_topics(settings)
    state = tmp_path / "w" / "state"

    def run(*words: str) -> tuple[int, Any]:
        where = ["--state-dir", str(state), "--brokers", settings.brokers, "--prefix", topic_prefix]
        code = main(["state", *words, *where])
        out = capsys.readouterr().out
        return code, json.loads(out) if "--json" in words else out

    world = World(seed=3, viewers=VIEWERS, titles=80, rate=400.0)
    with WorkerProcess(settings, tmp_path / "w") as worker, EventProducer(settings) as producer:
        worker.wait_ready()
        producer.send_titles(world.titles)
        producer.send(world.take(EVENTS))
        oracle.await_answers(settings, [worker])
        code, said = run("verify", "--against-changelog", "--json", "-")
        assert (code, said["sound"]) == (0, True), said
        assert run("rebuild", "--yes")[0] == ExitCode.FAILED  # the worker has it
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait_dead()
        code, said = run("verify", "--against-changelog", "--json", "-")
        assert (code, said["sound"]) == (0, True), said
        viewers = [one for one in said["databases"] if one["stage"] == "viewers"]
        spoilt = state / "viewers" / str(viewers[0]["partition"])
        claimed = _identity(spoilt)
        _spoil(spoilt)
        code, said = run("verify", "--against-changelog", "--json", "-")
        assert (code, said["sound"]) == (ExitCode.FAILED, False)
        code, rebuilt = run("rebuild", "--yes", "--json", "-")
        assert code == 0
        assert sum(one["rows"] for one in rebuilt["databases"]) > VIEWERS
        assert claimed is not None
        assert _identity(spoilt) == claimed  # the worker goes on with it
        code, said = run("verify", "--against-changelog", "--json", "-")
        assert (code, said["sound"]) == (0, True), said
        assert [one["behind"] for one in said["databases"]] == [0] * len(said["databases"])
    here, there = (run("export", "viewers", *source) for source in ((), ("--from-changelog",)))
    assert here == there
    assert len(here[1].splitlines()) == sum(one["rows"] for one in viewers)


def _identity(folder: Path) -> bytes | None:
    """Return what a database belongs to."""
    store = Store(folder, StoreMemory())
    identity = store.identity
    store.close()
    return identity


def _spoil(folder: Path) -> None:
    """Take a viewer away, as no worker would."""
    store = Store(folder, StoreMemory())
    key = next(key for key, _ in store.scan() if key > b"\x1f")
    store.write([(key, None)], applied=store.applied, changelog_position=store.changelog_position)
    store.close()
