"""Two versions of the model on a real Kafka: one takes over from the other under load, and back again."""

import os
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_home
from schemas.pages import Home
from streams.cli import main
from streams.config.settings import Settings
from streams.errors import VersionError
from streams.kafka.clients import admin
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from streams.ops.versions import await_cut, of_version, reports, retire, switch
from streams.stages.versions.register import read_register
from tests.integration import oracle
from tests.waiting import PATIENCE_S, until

RATE = 300
"""Events a second: kills find batches in flight, and two workers and a broker on two cores keep up."""
SLOWER_S = 10.0
"""Workers that do not keep up get half the load after this time: a busy machine is no failure."""
VARIABLES = {"NEARLINE_SESSION_TIMEOUT_S": "6", "NEARLINE_LIST_PER_EVENT": "true"}


class Load(threading.Thread):
    """Produces a world's events until it is stopped.

    Attributes
    ----------
    sent
        Events so far.
    rate
        Events a second, which may be changed while it runs.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="load")
        self.sent, self.rate = 0, RATE
        self._settings, self._stopped = settings, threading.Event()

    def run(self) -> None:
        """Produce a tenth of a second's events at a time."""
        world = World(seed=9, viewers=80, titles=120, rate=float(RATE))
        with EventProducer(self._settings) as producer:
            producer.send_titles(world.titles)
            while not self._stopped.wait(0.1):
                batch = world.take(max(self.rate // 10, 1))
                producer.send(batch)
                self.sent += len(batch)

    def stop(self) -> None:
        """Stop and wait for the last answer of the broker."""
        self._stopped.set()
        self.join()


@contextmanager
def under_load(settings: Settings) -> Iterator[Load]:
    """Produce while the block runs."""
    load = Load(settings)
    load.start()
    try:
        yield load
    finally:
        load.stop()


def await_lag(settings: Settings, load: Load) -> None:
    """Wait until both versions are at most a second behind, as their groups report; slow the load for it."""
    slower = time.monotonic() + SLOWER_S

    def caught_up() -> bool:
        nonlocal slower
        if time.monotonic() > slower:
            load.rate, slower = load.rate // 2, time.monotonic() + SLOWER_S
        found = reports(settings)
        begun = all(offset >= 0 for one in found for offset in one.applied)
        return len(found) == 2 and begun and all(one.lag <= RATE for one in found)

    until(caught_up)


def restart(worker: WorkerProcess) -> None:
    """Kill a worker where it stands and start it again."""
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait_dead()
    worker.start()


@pytest.mark.slow
def test_a_switch_under_load_loses_and_doubles_nothing(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Workers of both are killed around the cut: each event has one page, numbers grow, both ways."""
    settings = Settings.load(
        brokers=kafka.bootstrap_servers,
        topic_prefix=topic_prefix,
        group=f"{topic_prefix}n",
        session_timeout_s=6.0,
        list_per_event=True,
    )
    blue = of_version(settings, "blue")
    make_topics(settings)
    make_topics(blue)
    cuts: list[tuple[int, ...]] = []
    with ExitStack() as stack:
        old = stack.enter_context(WorkerProcess(settings, tmp_path / "old", VARIABLES))
        new = stack.enter_context(WorkerProcess(blue, tmp_path / "new", VARIABLES))
        with under_load(settings) as load:
            for one in (old, new):  # which start behind it: kernels take seconds to load
                one.wait_ready()
            await_lag(settings, load)
            with pytest.raises(VersionError, match="is live"):
                retire(settings, "1")
            cuts.append(switch(settings, "blue", max_lag=20 * RATE).cut)
            restart(old)
            restart(new)
            assert await_cut(settings, ["1", "blue"], cuts[0], timeout_s=PATIENCE_S, show=lambda _: None)
            for one in (old, new):
                one.wait_ready()
            time.sleep(1.0)
            await_lag(settings, load)
            cuts.append(switch(settings, "1", max_lag=20 * RATE).cut)
            assert await_cut(settings, ["1", "blue"], cuts[1], timeout_s=PATIENCE_S, show=lambda _: None)
            time.sleep(1.0)
        oracle.await_answers(settings, [old])
        oracle.await_answers(blue, [new])
        assert [one.stop() for one in (old, new)] == [0, 0]
    events = oracle.read(settings, topics.EVENTS)
    assert len(events) == load.sent + 2 * oracle.PARTITIONS
    pages = [decode_home(message.value()) for message in oracle.read(settings, topics.HOME)]
    wanted = oracle.replayed(settings, events, oracle.read(settings, topics.SIGNALS))
    _check_pages(pages, wanted.causes, cuts)
    _check_state(settings, wanted)
    _check_state(blue, oracle.replayed(blue, events, oracle.read(blue, topics.SIGNALS)))
    assert not oracle.read(settings, topics.DEAD_LETTERS)
    _check_retirement(settings, blue)


def _check_pages(pages: list[Home], causes: list[tuple[int, int]], cuts: list[tuple[int, ...]]) -> None:
    """Each cause has one page, of the version whose turn it was; numbers and causes of a viewer grow."""
    found = Counter((page.source.partition, page.source.offset) for page in pages)
    assert found == Counter(causes)
    assert set(found.values()) == {1}
    by_viewer: dict[str, list[Home]] = defaultdict(list)
    for page in pages:  # in the order of the topic
        by_viewer[page.viewer_id].append(page)
        at, (first, second) = page.source.offset, (cut[page.source.partition] for cut in cuts)
        assert page.model_version.split("@")[0] == ("blue" if first < at < second else "1")
    for theirs in by_viewer.values():
        numbers = [(page.seq, page.source.offset) for page in theirs]
        assert all(a < b and x < y for (a, x), (b, y) in pairwise(numbers))
        assert all(seq <= offset + 1 for seq, offset in numbers)
    assert {page.model_version.split("@")[0] for page in pages} == {"1", "blue"}


def _check_state(settings: Settings, wanted: oracle.Facts) -> None:
    """Compare histories, counters, co-watches and signals with those of a single-process replay."""
    seen = oracle.observed(settings)
    assert seen.viewers == wanted.viewers
    assert Counter(seen.signals) == Counter(wanted.signals)
    assert seen.titles == wanted.titles


def _check_retirement(settings: Settings, blue: Settings) -> None:
    """When its workers are gone, a version leaves nothing behind but its pages."""
    own = {blue.topic(name) for name in topics.PER_VERSION}
    words = ["--brokers", settings.brokers, "--prefix", settings.topic_prefix]
    os.environ["NEARLINE_GROUP"] = settings.group
    try:
        until(lambda: main(["model", "retire", "blue", "--yes", *words]) == 0)
    finally:
        del os.environ["NEARLINE_GROUP"]
    until(lambda: not own & admin(settings).list_topics(timeout=60).topics.keys())
    assert set(read_register(settings).versions) == {"1"}
