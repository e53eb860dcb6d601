"""Real workers on a real Kafka: killed, moved, robbed of their disk, and compared with a replay."""

import os
import random
import shutil
import signal
import time
from collections import Counter, defaultdict
from contextlib import ExitStack
from pathlib import Path

import pytest

from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_home
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.integration import oracle

EVENTS = 4_000
KILLS = 5
BATCH = 40
"""Events produced at a time, every tenth of a second: 400 a second, so that kills find batches in flight."""


@pytest.mark.slow
def test_killed_workers_equal_a_single_process_replay(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Nothing lost, nothing doubled: histories, counters, co-watches, signals equal the replay's."""
    settings = Settings.load(
        brokers=kafka.bootstrap_servers,
        topic_prefix=topic_prefix,
        group=f"{topic_prefix}n",
        session_timeout_s=6.0,
    )
    make_topics(settings)
    variables = {"NEARLINE_SESSION_TIMEOUT_S": "6"}
    with ExitStack() as stack:
        workers = [
            stack.enter_context(WorkerProcess(settings, tmp_path / f"w{n}", variables)) for n in range(2)
        ]
        for worker in workers:
            worker.wait_ready()
        _produce_and_kill(settings, workers, random.Random(11))
        oracle.await_answers(settings, workers)
        assert [worker.stop() for worker in workers] == [0, 0]
    events = oracle.read(settings, topics.EVENTS)
    assert len(events) == EVENTS
    seen = oracle.observed(settings)
    wanted = oracle.replayed(settings, events, oracle.read(settings, topics.SIGNALS))
    assert seen.viewers == wanted.viewers
    assert seen.watch_times == wanted.watch_times
    assert Counter(seen.signals) == Counter(wanted.signals)
    assert seen.titles == wanted.titles
    assert not oracle.read(settings, topics.DEAD_LETTERS)
    _check_lists(settings, wanted.last_cause)


def _produce_and_kill(settings: Settings, workers: list[WorkerProcess], rng: random.Random) -> None:
    """Produce a world's events while two workers are killed in turns; the second kill robs a disk, too."""
    world = World(seed=5, viewers=60, titles=120, rate=400.0)
    stream = world.take(EVENTS)
    moments = sorted(rng.sample(range(EVENTS // 10, EVENTS), KILLS))
    with EventProducer(settings) as producer:
        producer.send_titles(world.titles)
        for start in range(0, EVENTS, BATCH):
            producer.send(stream[start : start + BATCH])
            time.sleep(BATCH / 400)
            while moments and moments[0] < start:
                moments.pop(0)
                _kill(rng.choice(workers), rob=len(moments) == KILLS - 2)


def _kill(worker: WorkerProcess, *, rob: bool) -> None:
    """Kill a worker where it stands and start it again, without its state where it is robbed."""
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait_dead()
    if rob:
        shutil.rmtree(worker.folder / "state")
    worker.start()


def _check_lists(settings: Settings, last_cause: dict[str, int]) -> None:
    """Pages are numbered without gap or repeat, follow the events, and the last one is of the last event.

    The workers make fewer than one a batch; whose last page was owed when they were killed has got it.
    """
    pages = defaultdict(list)
    for message in oracle.read(settings, topics.HOME):
        pages[message.key()].append(decode_home(message.value()))
    assert pages
    for homes in pages.values():
        assert [home.seq for home in homes] == list(range(1, len(homes) + 1))
        offsets = [home.source.offset for home in homes]
        assert offsets == sorted(offsets)
        assert len({home.list_id for home in homes}) == len(homes)
    assert {homes[-1].viewer_id: homes[-1].source.offset for homes in pages.values()} == last_cause
