"""A cluster with changelogs, a disk that is as they say, and the command."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import Preferences, topics
from streams.cli import main
from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.kafka.clients import producer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.streams.cli.state.disk import HOME, NEIGHBOURS, Disk, Run
from tests.streams.steps import T0, Line, watch


@pytest.fixture(scope="package")
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
