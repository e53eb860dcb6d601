"""Putting a worker together: what the cluster must have before anything starts."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas import topics
from schemas.topics import prefixed
from streams import worker as worker_module
from streams.config.settings import Settings
from streams.errors import BrokerUnreachableError, TopicError
from streams.kafka.clients import NewTopic, admin
from streams.kafka.topics import TopicAdmin
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.worker import build_worker, partitions_of

NEEDED = (
    topics.EVENTS, topics.CATALOG, topics.HOME, topics.TRENDING, topics.DEAD_LETTERS,
    topics.MODEL_VERSIONS, topics.SIGNALS, topics.TITLE_MODEL, topics.VIEWER_STATE, topics.EXPERIMENTS,
    topics.ALERTS, topics.RULES,
)  # fmt: skip


def test_a_worker_has_both_stages(embedded: EmbeddedCluster, tmp_path: Path) -> None:
    """Sources are the events and the signals; all topics are watched; nothing is connected or written yet."""
    embedded.create(NEEDED)
    settings = Settings.load(brokers=embedded.bootstrap_servers, state_dir=tmp_path / "state")
    worker = build_worker(settings)
    assert set(worker.app.task_manager.specs) == {topics.EVENTS, topics.SIGNALS}
    assert {topics.HOME, topics.ALERTS, topics.RULES} < set(worker.app.topic_check._others) < set(NEEDED)
    assert b'nearline_build_info{version="' in worker.metrics.exposition()
    assert not (tmp_path / "state").exists()
    worker.app.task_manager.shutdown()
    worker.app.loop.close()


def test_missing_topics_are_named(embedded: EmbeddedCluster) -> None:
    """The operator is told which, and the command that creates them."""
    embedded.create(NEEDED[:-2])
    with pytest.raises(TopicError) as caught:
        partitions_of(Settings.load(brokers=embedded.bootstrap_servers))
    assert all(name in caught.value.what for name in NEEDED[-2:])
    assert topics.EVENTS not in caught.value.what
    assert "nearline topics apply" in caught.value.next_step


def test_more_shards_than_partitions_are_refused(embedded: EmbeddedCluster) -> None:
    """A shard without a partition would learn nothing."""
    embedded.create(NEEDED)
    settings = Settings.load(brokers=embedded.bootstrap_servers, title_shards=5)
    with pytest.raises(TopicError, match="5 title shards") as caught:
        partitions_of(settings)
    assert "NEARLINE_TITLE_SHARDS" in caught.value.next_step


def test_an_address_without_a_broker_is_told(nowhere: str) -> None:
    """Nothing answers: exit code 3 and how to start one."""
    with pytest.raises(BrokerUnreachableError) as caught:
        partitions_of(Settings.load(brokers=nowhere))
    assert caught.value.exit_code == 3


def test_pages_need_the_partitions_of_their_events(kafka: KafkaCluster, topic_prefix: str) -> None:
    """A viewer's page is in the partition of the viewer's events: other numbers are refused."""
    settings = Settings.load(brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    client = admin(settings)
    wrong = NewTopic(settings.topic(topics.HOME), 6)
    client.create_topics([wrong])[wrong.topic].result(30)
    TopicAdmin(settings, prefixed(topic_prefix).values()).apply()
    with pytest.raises(TopicError, match="have different numbers of partitions"):
        partitions_of(settings)


@pytest.mark.parametrize(("compiled", "lines"), [(0, 0), (3, 1)])
def test_a_worker_says_that_it_compiled(monkeypatch: pytest.MonkeyPatch, compiled: int, lines: int) -> None:
    """One line with how many kernels, how long, and why; none if the caches had them all."""
    monkeypatch.setattr(worker_module, "warm_up", lambda: compiled)
    with capture_logs() as logged:
        worker_module.load_kernels()
    found = [one for one in logged if one["event"] == "kernels_compiled"]
    assert len(found) == lines
    assert all(one["kernels"] == 3 and one["seconds"] >= 0 and one["cause"] for one in found)
