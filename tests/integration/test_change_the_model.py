"""The runbook's way to another model, command by command, on a real Kafka."""

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from online_models.simulation import World
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import becomes_ready, free_port, make_topics
from tests.readmes import ROOT, blocks
from tests.waiting import PATIENCE_S


def _lines() -> list[str]:
    """Return the commands of the paragraph, without comments."""
    (block,) = (one for one in blocks("deploy/README.md", "console") if "model switch" in one)
    return [line[2:].split(" #")[0].strip() for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.slow
def test_the_commands_of_the_runbook_change_the_model(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """With a worker of version 1 at work, they end with version blue live, and each with code 0."""
    terminal = os.environ | {
        "NEARLINE_BROKERS": kafka.bootstrap_servers,
        "NEARLINE_TOPIC_PREFIX": topic_prefix,
        "NEARLINE_GROUP": f"{topic_prefix}change",
        "NEARLINE_HTTP_PORT": str(free_port()),
        "PYTHONPATH": str(ROOT),
    }
    own_port = str(free_port())
    settings = Settings(brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    make_topics(settings)
    world = World(seed=9, viewers=40, titles=60)
    with EventProducer(settings) as producer:
        producer.send_titles(world.titles)
        producer.send(world.take(500))
    running: list[subprocess.Popen[bytes]] = []

    def worker() -> None:
        log = tmp_path / f"worker-{len(running)}.log"
        words = [sys.executable, "-m", "streams", "worker"]
        with log.open("w") as out:
            running.append(
                subprocess.Popen(words, env=terminal, cwd=tmp_path, stdout=out, stderr=subprocess.STDOUT)
            )
        assert becomes_ready(int(terminal["NEARLINE_HTTP_PORT"])), log.read_text()[-2000:]

    try:
        worker()
        for line in _lines():
            tool, *words = shlex.split(line)
            if tool == "export":
                terminal |= dict(word.split("=", 1) for word in words)
                if "NEARLINE_HTTP_PORT=8001" in words:
                    terminal["NEARLINE_HTTP_PORT"] = own_port  # tests share this machine
            elif words == ["worker"]:
                worker()
            else:
                command = [sys.executable, "-m", "streams", *words]
                done = subprocess.run(
                    command, env=terminal, cwd=tmp_path, capture_output=True, text=True,
                    timeout=2 * PATIENCE_S, check=False,
                )  # fmt: skip
                assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(PATIENCE_S)
    assert "blue" in done.stdout
