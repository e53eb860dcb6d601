"""The insights worker as a process on a cluster: events in, records out, each viewer counted once."""

import os
import signal
from pathlib import Path

import pytest

from online_models.insights.sorting import demand_of
from schemas.insights import TitleInsight
from streams.config.settings import Settings
from streams.errors import TopicError
from streams.kafka.produce import EventProducer
from streams.ops.insights import read_demand, read_titles
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import InsightsProcess
from streams.stages.insights.worker import WANTED, build_insights_worker
from tests.streams.stages.insights.test_insights import TITLES, evenings
from tests.waiting import until


@pytest.mark.embedded
@pytest.mark.slow
def test_events_become_insights(embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path) -> None:
    """80 viewers of one title, killed in between: each is counted once, and the demand is told."""
    embedded.create([f"{topic_prefix}{name}" for name in WANTED])
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix, check_crcs=False)
    events = evenings(80)
    with EventProducer(settings) as producer:
        producer.send_titles(TITLES)
        producer.send(events[:120])
        producer.flush()
        with InsightsProcess(settings, tmp_path) as worker:
            until(lambda: _of(settings, 40), worker)
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait_dead()
        producer.send(events[120:])
        producer.flush()
        with InsightsProcess(settings, tmp_path) as worker:
            found = until(lambda: _of(settings, 80), worker)
    assert (found.starts, found.thumbs_up, found.finished) == (80, 80, 80)
    assert [one.name for one in found.countries] == ["DE", "KR"]
    wanted = demand_of(read_demand(settings))
    assert wanted.facets[0].labels in {("genre:Crime",), ("mood:dark",)}
    assert (wanted.searches[0].query, wanted.searches[0].searches) == ("noir", 80)


def test_a_missing_topic_is_named(embedded: EmbeddedCluster, topic_prefix: str) -> None:
    """The worker does not start, and says what to run."""
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix)
    with pytest.raises(TopicError, match="topics apply"):
        build_insights_worker(settings)


def _of(settings: Settings, viewers: int) -> TitleInsight | None:
    return next((one for one in read_titles(settings) if one.viewers == viewers), None)
