r"""The applied record: up to which source offset the rows above it in a changelog reach, and of which source.

It has the key ``b"\0applied"`` and is the last record of its transaction, so a reader of committed records
never sees it without its rows. Compaction keeps the newest of each partition. Beside the offset it holds what
makes the offset mean something (:class:`Origin`): with another topic under the same name, or with another
number of partitions, the rows belong to other keys than the events that come.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from streams.errors import StateError
from streams.kafka.clients import Consumer, KafkaError, TopicPartition
from streams.kafka.topics import NO_ID

__all__ = ["APPLIED_KEY", "Origin", "newest_applied", "origin_of", "pack_applied", "unpack_applied"]

APPLIED_KEY = b"\0applied"
"""Key of the applied record."""

_APPLIED = struct.Struct("<BqI16s")
"""Version, source offset, number of parts that the keys are spread over, the source topic's id."""

VERSION = 2
"""Version of the applied record."""

BACK = 2
"""Records before the end at which a search begins: the newest applied record and its marker."""

FURTHER = 16
"""Factor by which the search goes back where others have written behind it."""

WAIT_S = 0.05
"""Longest wait for records; the ends of the partitions come by themselves."""


class Origin(NamedTuple):
    """What a state was built from."""

    parts: int = 0
    """Over how many partitions or shards its keys are spread; 0 when not known."""

    topic_id: bytes = NO_ID
    """The source topic's id, 16 bytes: a topic that is created again has another one."""


def pack_applied(offset: int, origin: Origin = Origin()) -> bytes:  # noqa: B008 - a tuple cannot change
    """Return the applied record's value.

    Examples
    --------
    >>> value = pack_applied(41, Origin(4))
    >>> unpack_applied(value), origin_of(value).parts
    (41, 4)
    """
    return _APPLIED.pack(VERSION, offset, *origin)


def unpack_applied(value: bytes) -> int:
    """Return the source offset out of an applied record's value.

    Raises
    ------
    StateError
        Another version wrote it.
    """
    return int(_fields(value)[0])


def origin_of(value: bytes) -> Origin:
    """Return what the state was built from out of an applied record's value.

    Raises
    ------
    StateError
        Another version wrote it.
    """
    return Origin(*_fields(value)[1:])


def newest_applied(consumer: Consumer, topic: str, ends: Mapping[int, tuple[int, int]]) -> dict[int, bytes]:
    """Read the newest applied record of each partition of a changelog, backwards from its end.

    Parameters
    ----------
    consumer
        Reads committed records and reports ends of partitions.
    topic
        The changelog.
    ends
        First offset and end of each partition.

    Returns
    -------
    dict
        Values by partition; those without an applied record are not in it.
    """
    found: dict[int, bytes] = {}
    left, back = {p: span for p, span in ends.items() if span[0] < span[1]}, BACK
    while left:
        starts = [TopicPartition(topic, p, max(low, high - back)) for p, (low, high) in left.items()]
        found |= dict(_applied_records(consumer, starts))
        left = {p: (low, high) for p, (low, high) in left.items() if p not in found and high - back > low}
        back *= FURTHER
    return found


def _applied_records(consumer: Consumer, starts: Iterable[TopicPartition]) -> Iterator[tuple[int, bytes]]:
    """Yield partition and value of every applied record from the given places to the ends."""
    places = list(starts)
    consumer.assign(places)
    open_ends = {place.partition for place in places}
    while open_ends:
        for message in consumer.consume(1_000, WAIT_S):
            error, partition = message.error(), message.partition() or 0
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the driver's name
                    open_ends.discard(partition)
            elif message.key() == APPLIED_KEY:
                yield partition, message.value() or b""
    consumer.unassign()


def _fields(value: bytes) -> tuple[int, int, bytes]:
    """Take an applied record's value apart."""
    if len(value) != _APPLIED.size or value[0] != VERSION:
        what = "the changelog has an applied record that this version cannot read"
        raise StateError(what, why=f"version {value[:1].hex()}", next_step="start the version that wrote it")
    _, offset, parts, topic_id = _APPLIED.unpack(value)
    return offset, parts, topic_id
