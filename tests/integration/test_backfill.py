"""A version rebuilt from the event log is the version that learned it live."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from online_models.simulation import World
from schemas import topics
from streams.cli import main
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from streams.ops.versions import of_version
from streams.stages.versions.register import read_register
from tests.integration import oracle
from tests.waiting import until

EVENTS = 3_000
VARIABLES = {"NEARLINE_SESSION_TIMEOUT_S": "6", "NEARLINE_PREQUENTIAL_SHARE": "1"}


@pytest.fixture(
    params=[
        pytest.param(1, id="one partition", marks=pytest.mark.nightly),
        pytest.param(4, id="four partitions"),
    ]
)
def partitions(request: pytest.FixtureRequest) -> int:
    """Give a number of partitions: with one, signals too are in the order of the log."""
    number: int = request.param
    return number


@pytest.fixture
def settings(
    kafka: KafkaCluster,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    partitions: int,
) -> Settings:
    """Give an installation with topics, and the environment of its commands."""
    monkeypatch.chdir(tmp_path)
    for name, value in {**VARIABLES, "NEARLINE_GROUP": f"{topic_prefix}n"}.items():
        monkeypatch.setenv(name, value)
    found = Settings.load(brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    make_topics(found, partitions=partitions)
    return found


@pytest.mark.slow
def test_a_backfill_equals_what_was_learned_live(settings: Settings, partitions: int, tmp_path: Path) -> None:
    """Histories, offsets, counters, co-watches byte by byte; with --since those of that part of the log."""
    with WorkerProcess(settings, tmp_path / "live", VARIABLES) as worker:
        worker.wait_ready()
        world = World(seed=3, viewers=60, titles=100, rate=400.0)
        _produce(settings, world, EVENTS // 2)
        time.sleep(0.05)
        half_time = datetime.fromtimestamp(time.time(), UTC)
        time.sleep(0.05)
        _produce(settings, world, EVENTS // 2)
        _await_applied(settings, worker)
    events = oracle.read(settings, topics.EVENTS)
    assert len(events) == EVENTS

    report = _backfill(settings, "blue", tmp_path)
    blue = of_version(settings, "blue")
    assert (report["events"], report["lag"]) == (EVENTS, 0)
    assert report["applied"] == [offset for _, offset in sorted(_applied(settings).items())]
    assert _applied(blue) == _applied(settings)
    live, rebuilt = oracle.observed(settings), oracle.observed(blue)
    assert rebuilt.viewers == live.viewers
    assert Counter(rebuilt.signals) == Counter(live.signals)
    signals = oracle.read(blue, topics.SIGNALS)
    assert rebuilt.titles == _replayed(blue, events, signals, partitions).titles
    if partitions == 1:
        assert rebuilt.titles == live.titles
    assert report["tested"] > 0
    assert report["hr@10"]["blend"] > 0  # live it may be any: at full speed viewers outrun the titles

    _backfill(settings, "green", tmp_path, "--since", half_time.isoformat())
    green, starts = of_version(settings, "green"), read_register(settings).versions["green"].starts
    part = [one for one in events if (one.offset() or 0) >= starts[one.partition() or 0]]
    assert len(part) == EVENTS // 2
    wanted = _replayed(green, part, oracle.read(green, topics.SIGNALS), partitions)
    seen = oracle.observed(green)
    assert (seen.viewers, seen.titles) == (wanted.viewers, wanted.titles)
    assert Counter(seen.signals) == Counter(wanted.signals)

    published = oracle.read(settings, topics.HOME)
    assert {(one.value() or b"").partition(b'"model_version":"')[2][:2] for one in published} == {b"1@"}
    assert not list((tmp_path / ".nearline").glob("backfill*"))


def _produce(settings: Settings, world: World, count: int) -> None:
    with EventProducer(settings) as producer:
        producer.send_titles(world.titles)
        producer.send(world.take(count))


def _backfill(settings: Settings, name: str, folder: Path, *more: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    words = ["--brokers", settings.brokers, "--prefix", settings.topic_prefix, "--json", str(path)]
    assert main(["replay", "--from-topic", "--version", name, *words, *more]) == 0
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def _applied(settings: Settings) -> dict[int, int]:
    marks = [m for m in oracle.read(settings, topics.VIEWER_STATE) if m.key() == APPLIED_KEY]
    return {mark.partition() or 0: unpack_applied(mark.value() or b"") for mark in marks}


def _await_applied(settings: Settings, worker: WorkerProcess) -> None:
    """Wait until every event is applied and everything that was signalled is learned."""
    ends = {m.partition(): m.offset() for m in oracle.read(settings, topics.EVENTS)}
    until(
        lambda: _applied(settings) == ends and not worker.exposition().value("nearline_replica_age_events"),
        worker,
    )


def _replayed(settings: Settings, events: list[Any], signals: list[Any], partitions: int) -> oracle.Facts:
    replay = oracle.Replay(settings, partitions)
    replay.events(events)
    replay.signals(signals)
    return replay.facts
