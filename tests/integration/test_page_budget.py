"""Pages that are owed by a real worker on a real Kafka, which is killed before it pays."""

import os
import signal
from pathlib import Path

import pytest

from schemas import topics
from schemas.codec import decode_home
from schemas.pages import Home
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from streams.stages.wire.partition_rows import PENDING_PAGE
from tests.integration import oracle
from tests.streams.steps import T0, watch
from tests.waiting import until

VARIABLES = {"NEARLINE_GROUP_INSTANCE_ID": "one", "NEARLINE_PAGE_INTERVAL_S": "60"}
"""A place that is back at once after a kill; an interval in which only who has the partition anew pays."""


@pytest.mark.slow
def test_a_killed_worker_s_debts_are_paid_on_a_quiet_topic(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Kill -9 between debt and payment: the page comes once, without an event, and opens an interval."""
    settings = Settings.load(
        brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group=f"{topic_prefix}n"
    )
    make_topics(settings)
    before, after = (2, T0 + 1), (3, T0)
    with WorkerProcess(settings, tmp_path, VARIABLES) as worker, EventProducer(settings) as producer:
        worker.wait_ready()

        def happens(*titles: str) -> None:
            producer.send([watch("ada", title, number) for number, title in enumerate(titles)])
            producer.flush()

        happens("t1")
        until(lambda: len(_pages(settings)) == 1, worker)
        happens("t2", "t3")
        until(lambda: before in _debts(settings), worker)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait_dead()
        worker.start()
        until(lambda: len(_pages(settings)) == 2, worker)
        happens("t4")
        until(lambda: after in _debts(settings), worker)
        assert worker.stop() == 0
    pages = _pages(settings)
    assert [page.seq for page in pages] == [1, 2]
    assert [page.source.offset for page in pages] == [0, 2]
    debts = _debts(settings)
    assert debts[-3:] == [before, None, after]
    assert debts.count(None) == 1


def _pages(settings: Settings) -> list[Home]:
    return [decode_home(message.value()) for message in oracle.read(settings, topics.HOME)]


def _debts(settings: Settings) -> list[tuple[int, int] | None]:
    """Return what was committed of ada's debt: offset and time of the event; None: it is paid."""
    key, _ = PENDING_PAGE.no_row("ada")
    rows = [m.value() for m in oracle.read(settings, topics.VIEWER_STATE) if m.key() == key]
    return [None if row is None else PENDING_PAGE.unpack(row)[:2] for row in rows]
