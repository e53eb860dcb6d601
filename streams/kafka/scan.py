"""Reads topics once, for commands such as `inspect` and `doctor`; commits nothing and joins no group."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Final

from streams.config.settings import Settings
from streams.errors import BrokerUnreachableError, TopicError
from streams.kafka.clients import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
    admin,
    consumer,
    offset_span,
    unreachable,
)

__all__ = [
    "keys", "metadata", "newest", "partitions_of", "read", "read_all", "read_latest", "spans",
    "tail",
]  # fmt: skip

TIMEOUT_S: Final = 5.0
"""Seconds to wait for one answer of the cluster."""
MOST: Final = 10_000
"""Messages per call."""
READER: Final = {"enable.partition.eof": True, "fetch.wait.max.ms": 10, "group.id": "nearline-looker"}
"""librdkafka properties: the end of a partition is reported; the group is unused, nothing is committed."""


def metadata(settings: Settings) -> Any:  # noqa: ANN401 - the driver does not name this type in public
    """Return the metadata of the cluster and its topics.

    Raises
    ------
    BrokerUnreachableError
        No broker answers.
    """
    client = admin(settings)
    try:
        return client.list_topics(timeout=settings.connect_timeout_s)
    except KafkaException as error:
        raise unreachable(settings, error, client) from None


def partitions_of(settings: Settings, topic: str) -> int:
    """Return the number of partitions of a topic (name without prefix).

    Raises
    ------
    BrokerUnreachableError
        No broker answers.
    TopicError
        The topic does not exist.
    """
    found = metadata(settings).topics.get(settings.topic(topic))
    if found is None:
        what = f"topic {settings.topic(topic)} does not exist"
        raise TopicError(what, why="it was not created", next_step="run `nearline topics apply`")
    return len(found.partitions)


def spans(settings: Settings, topic: str) -> dict[int, tuple[int, int]]:
    """Return the first offset and the end of each partition of a topic (name without prefix)."""
    count = partitions_of(settings, topic)
    reader = consumer(settings, READER)
    try:
        places = {partition: TopicPartition(settings.topic(topic), partition) for partition in range(count)}
        return {
            partition: offset_span(reader, place, timeout_s=TIMEOUT_S) for partition, place in places.items()
        }
    finally:
        reader.close()


def read(settings: Settings, topic: str, starts: Mapping[int, int]) -> Generator[Message, None, None]:
    """Yield committed records up to the end of each partition at the time it is reached.

    Parameters
    ----------
    settings
        Brokers.
    topic
        Name without prefix.
    starts
        Partitions, and the offsets from which to read.

    Raises
    ------
    BrokerUnreachableError
        No record arrived for :data:`TIMEOUT_S`.
    """
    reader = consumer(settings, READER)
    try:
        yield from _until_the_ends(reader, settings, topic, starts)
    finally:
        reader.close()


def read_all(settings: Settings, topic: str) -> Generator[Message, None, None]:
    """Yield every committed record of a topic, partition by partition in order; see :func:`read`.

    Raises
    ------
    TopicError
        The topic does not exist.
    BrokerUnreachableError
        The broker does not answer.
    """
    return read(settings, topic, dict.fromkeys(range(partitions_of(settings, topic)), OFFSET_BEGINNING))


def read_latest(settings: Settings, topic: str, partitions: Iterable[int]) -> dict[bytes, Message]:
    """Return the newest record of every key of some partitions, tombstones included."""
    starts = dict.fromkeys(partitions, OFFSET_BEGINNING)
    return {message.key() or b"": message for message in read(settings, topic, starts)}


def newest(settings: Settings, topic: str, partition: int, key: bytes) -> bytes | None:
    """Return the newest value of one key of a partition, None if there is none; others are not kept."""
    value = None
    for message in read(settings, topic, {partition: OFFSET_BEGINNING}):
        if message.key() == key:
            value = message.value()
    return value


def keys(settings: Settings, topic: str, partitions: Iterable[int]) -> list[bytes]:
    """Return every key of some partitions, those of tombstones included; values are not kept."""
    records = read(settings, topic, dict.fromkeys(partitions, OFFSET_BEGINNING))
    return list(dict.fromkeys(message.key() or b"" for message in records))


def tail(settings: Settings, topic: str, most: int) -> list[Message]:
    """Return about the last ``most`` records of a topic, the same share of each partition."""
    count = partitions_of(settings, topic)
    reader = consumer(settings, READER)
    try:
        starts = {}
        for partition in range(count):
            place = TopicPartition(settings.topic(topic), partition)
            low, high = offset_span(reader, place, timeout_s=TIMEOUT_S)
            starts[partition] = max(low, high - -(-most // count))
        return list(_until_the_ends(reader, settings, topic, starts))
    finally:
        reader.close()


def _until_the_ends(
    reader: Consumer, settings: Settings, topic: str, starts: Mapping[int, int]
) -> Iterator[Message]:
    name = settings.topic(topic)
    try:
        reader.list_topics(name, timeout=TIMEOUT_S)  # without the leaders the first fetch waits half a second
    except KafkaException as failure:
        raise unreachable(settings, failure) from None
    reader.assign([TopicPartition(name, partition, start) for partition, start in starts.items()])
    left = set(starts)
    quiet_s = 0.0
    while left:
        found = reader.consume(MOST, 0.1)
        quiet_s = 0.0 if found else quiet_s + 0.1
        if quiet_s > TIMEOUT_S:
            what, why = f"{name} is not readable to its end", f"no record arrived for {TIMEOUT_S:g} s"
            raise BrokerUnreachableError(what, why=why, next_step="check the log of the broker, then repeat")
        for message in found:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the driver's name
                left.discard(message.partition() or 0)
