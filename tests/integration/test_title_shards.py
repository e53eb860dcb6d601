"""Titles spread over shards, viewers over workers: together they know what one process would."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from online_models.feedback.reward_function import Action
from online_models.simulation import World
from online_models.tables.rows import PackedTitles
from schemas import topics
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from streams.stages.wire.partition_rows import is_reserved
from tests.integration import oracle

EVENTS = 3_000


@pytest.mark.slow
@pytest.mark.parametrize("shards", [pytest.param(1, marks=pytest.mark.nightly), 3])
def test_shards_on_two_workers(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path, shards: int) -> None:
    """Every event is answered; rows, counters and signals equal the replay's, each title in one shard."""
    settings = Settings.load(
        brokers=kafka.bootstrap_servers,
        topic_prefix=topic_prefix,
        group=f"{topic_prefix}n",
        title_shards=shards,
    )
    make_topics(settings)
    world = World(seed=8, viewers=60, titles=120, rate=1_000.0)
    with ExitStack() as stack:
        workers = [stack.enter_context(WorkerProcess(settings, tmp_path / f"w{n}")) for n in range(2)]
        for worker in workers:
            worker.wait_ready()
        with EventProducer(settings) as producer:
            producer.send_titles(world.titles)
            producer.send(world.take(EVENTS))
        oracle.await_answers(settings, workers)
        mine = [one.exposition().value("nearline_partitions", stage="viewers") for one in workers]
        assert mine == [oracle.PARTITIONS / 2] * 2
        assert sum(one.exposition().value("nearline_lists_total") for one in workers) > 0
        assert [worker.stop() for worker in workers] == [0, 0]
    _compare(settings)


def _compare(settings: Settings) -> None:
    """Hold what the workers committed against one process."""
    events, signals = oracle.read(settings, topics.EVENTS), oracle.read(settings, topics.SIGNALS)
    assert len(events) == EVENTS
    seen, wanted = oracle.observed(settings), oracle.replayed(settings, events, signals)
    assert seen.viewers == wanted.viewers
    assert seen.titles == wanted.titles
    assert Counter(seen.signals) == Counter(wanted.signals)
    assert _counted(settings) == _signalled(seen.signals)


def _counted(settings: Settings) -> dict[Action, int]:
    """Sum the counters of all shards' rows; each title's row has to stand in one shard."""
    rows, homes = {}, {}
    for message in oracle.read(settings, topics.TITLE_MODEL):
        key = message.key() or b""
        if not is_reserved(key):
            assert homes.setdefault(key, message.partition()) == message.partition()
            rows[key] = PackedTitles.from_bytes([message.value() or b""], settings.model).fixed[0]
    assert set(homes.values()) == set(range(settings.title_shards))
    totals = np.sum([row["counts"] for row in rows.values()], axis=0).tolist()
    return dict(zip((Action.POSITIVE, Action.REJECT, Action.TOUCH), totals, strict=True))


def _signalled(signals: list[tuple[object, ...]]) -> dict[Action, int]:
    """Count the signals by action."""
    found = Counter(signal[1] for signal in signals)
    return {action: found[action] for action in (Action.POSITIVE, Action.REJECT, Action.TOUCH)}
