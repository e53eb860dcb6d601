"""A real Apache Kafka, started by us: what only it can prove about the broker's side."""

import pytest

from streams.kafka.clients import KafkaException, NewTopic, TopicPartition, admin, consumer, producer
from streams.ops.local_kafka.cluster import KafkaCluster


def _create(cluster: KafkaCluster, topic: str) -> None:
    """Create a topic with one partition and wait for the answer."""
    client = admin(cluster.bootstrap_servers)
    for future in client.create_topics([NewTopic(topic, 1)]).values():
        future.result(timeout=30)


def _read_all(cluster: KafkaCluster, topic: str) -> list[bytes | None]:
    """Return the values that a read_committed consumer sees from the beginning to the end."""
    reader = consumer(cluster.bootstrap_servers, {"enable.partition.eof": True})
    reader.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes | None] = []
    while (message := reader.poll(30)) is not None and message.error() is None:
        values.append(message.value())
    reader.close()
    return values


def test_aborted_transactions_are_not_read(kafka: KafkaCluster, topic_prefix: str) -> None:
    """A read_committed consumer sees what was committed and nothing of what was aborted."""
    topic = f"{topic_prefix}isolation"
    _create(kafka, topic)
    writer = producer(kafka.bootstrap_servers, {"transactional.id": topic})
    writer.init_transactions(30)
    for value, finish in [(b"aborted", writer.abort_transaction), (b"committed", writer.commit_transaction)]:
        writer.begin_transaction()
        writer.produce(topic, value)
        writer.flush(30)
        finish(30)
    assert _read_all(kafka, topic) == [b"committed"]


def test_second_owner_fences_the_first(kafka: KafkaCluster, topic_prefix: str) -> None:
    """After a second producer of the same transactional id starts, the first cannot commit."""
    topic = f"{topic_prefix}fencing"
    _create(kafka, topic)
    first, second = (producer(kafka.bootstrap_servers, {"transactional.id": topic}) for _ in range(2))
    first.init_transactions(30)
    first.begin_transaction()
    first.produce(topic, b"late")
    first.flush(30)
    second.init_transactions(30)
    with pytest.raises(KafkaException):
        first.commit_transaction(30)
    assert _read_all(kafka, topic) == []


def test_topics_are_not_created_by_accident(kafka: KafkaCluster, topic_prefix: str) -> None:
    """Producing to a topic that does not exist fails instead of creating it."""
    topic = f"{topic_prefix}accident"
    writer = producer(kafka.bootstrap_servers, {"message.timeout.ms": 2_000})
    refused: list[bool] = []
    writer.produce(topic, b"x", on_delivery=lambda error, _: refused.append(error is not None))
    writer.flush(30)
    assert refused == [True]
    assert topic not in admin(kafka.bootstrap_servers).list_topics(timeout=30).topics


def test_start_is_idempotent_and_status_tells_the_truth(kafka: KafkaCluster) -> None:
    """Starting a running cluster leaves its process alone, and status shows it running and answering."""
    before = kafka.status()
    kafka.start()
    after = kafka.status()
    assert before == after
    assert after[0].pid is not None
    assert after[0].answers
