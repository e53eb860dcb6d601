"""What has been committed to some partitions by now."""

from collections.abc import Iterable

from streams.config.settings import Settings
from streams.kafka.clients import KafkaError, Message, TopicPartition, consumer

AT_ONCE = {"fetch.wait.max.ms": 10}
"""At the end of a partition the broker says so at once, and does not wait for half a second for more."""
LOOK_S = 0.05
"""Wait for records or ends of partitions: `consume` waits for as many as it may return."""


def committed(target: Settings | str, places: Iterable[tuple[str, int]]) -> list[Message]:
    """Read every committed record of partitions, each one's in order, up to their ends."""
    reader = consumer(target, {"enable.partition.eof": True, "group.id": "committed", **AT_ONCE})
    found: list[Message] = []
    waiting = set(places)
    reader.assign([TopicPartition(topic, partition, 0) for topic, partition in waiting])
    while waiting:
        for message in reader.consume(10_000, LOOK_S):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting.discard((message.topic(), message.partition()))
    reader.close()
    return found
