r"""The applied record of a changelog: the source offset that the rows before it include, and its source.

It has the key ``b"\0applied"`` and is the last record of its transaction, so a reader of committed records
never sees it without its rows. Compaction keeps the newest one of each partition. It also holds the origin of
the state (:class:`Origin`): the offset means nothing for another topic of the same name, and with another
number of partitions the keys of rows and events would differ.
"""

import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from streams.errors import BrokerUnreachableError, StateError
from streams.kafka.clients import Consumer, KafkaError, TopicPartition
from streams.kafka.topics import NO_ID

__all__ = [
    "APPLIED_KEY", "BEING_WRITTEN", "Origin", "newest_applied", "origin_of", "pack_applied", "unpack_applied",
]  # fmt: skip

APPLIED_KEY = b"\0applied"
"""Key of the applied record."""

_APPLIED = struct.Struct("<BqI16s")
"""Version, source offset, number of partitions over which keys are spread, id of the source topic."""

VERSION = 2
"""Version of the format."""

BACK = 2
"""Records before the end where the search begins: the newest applied record and its transaction marker."""

FURTHER = 16
"""Factor by which the search goes further back if the record was not found."""

SILENCE_S = 30.0
"""Seconds of silence after which a broker counts as unreachable."""

WAIT_S = 0.05
"""Seconds to wait for records; ends of partitions are reported without a wait."""


BEING_WRITTEN = (1 << 32) - 1
"""Number of partitions in the applied record of a changelog that `nearline topics split` is writing: no
topic has so many, and no worker may start on it."""


class Origin(NamedTuple):
    """The source that a state was built from."""

    parts: int = 0
    """Number of partitions or shards over which its keys are spread; 0 if unknown."""

    topic_id: bytes = NO_ID
    """Id of the source topic, 16 bytes: a topic that is created again has another id."""


def pack_applied(offset: int, origin: Origin = Origin()) -> bytes:  # noqa: B008 - a tuple cannot change
    """Return the value of an applied record.

    Examples
    --------
    >>> value = pack_applied(41, Origin(4))
    >>> unpack_applied(value), origin_of(value).parts
    (41, 4)
    """
    return _APPLIED.pack(VERSION, offset, *origin)


def unpack_applied(value: bytes) -> int:
    """Return the source offset of an applied record.

    Raises
    ------
    StateError
        Another version wrote it.
    """
    return int(_fields(value)[0])


def origin_of(value: bytes) -> Origin:
    """Return the origin of the state of an applied record.

    Raises
    ------
    StateError
        Another version wrote it.
    """
    return Origin(*_fields(value)[1:])


def newest_applied(
    consumer: Consumer, topic: str, ends: Mapping[int, tuple[int, int]], *, silence_s: float = SILENCE_S
) -> dict[int, bytes]:
    """Read the newest applied record of each partition of a changelog, searching backwards from its end.

    Parameters
    ----------
    consumer
        Reads committed records and reports the ends of partitions.
    topic
        The changelog.
    ends
        First offset and end of each partition.
    silence_s
        Seconds without a record or the end of a partition after which the broker counts as unreachable.
        Default: three requests of the driver (`streams.kafka.clients.SILENCE_MS`).

    Returns
    -------
    dict
        Values by partition, without the partitions that have no applied record.

    Raises
    ------
    BrokerUnreachableError
        Nothing came for `silence_s` seconds.
    """
    found: dict[int, bytes] = {}
    left, back = {p: span for p, span in ends.items() if span[0] < span[1]}, BACK
    while left:
        starts = [TopicPartition(topic, p, max(low, high - back)) for p, (low, high) in left.items()]
        found |= dict(_applied_records(consumer, starts, silence_s))
        left = {p: (low, high) for p, (low, high) in left.items() if p not in found and high - back > low}
        back *= FURTHER
    return found


def _applied_records(
    consumer: Consumer, starts: Iterable[TopicPartition], silence_s: float
) -> Iterator[tuple[int, bytes]]:
    """Yield partition and value of every applied record from the given positions to the ends."""
    positions = list(starts)
    consumer.assign(positions)
    open_ends, heard = {position.partition for position in positions}, time.monotonic()
    while open_ends:
        if time.monotonic() - heard > silence_s:
            what = f"changelog {positions[0].topic} does not answer"
            why = f"partitions {sorted(open_ends)} sent nothing for {silence_s:g} s"
            advice = "check the brokers that host these partitions (`nearline doctor`), then repeat"
            raise BrokerUnreachableError(what, why=why, next_step=advice)
        for message in consumer.consume(1_000, WAIT_S):
            error, partition = message.error(), message.partition() or 0
            if error is None:
                heard = time.monotonic()
                if message.key() == APPLIED_KEY:
                    yield partition, message.value() or b""
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the driver's name
                heard = time.monotonic()
                open_ends.discard(partition)
    consumer.unassign()


def _fields(value: bytes) -> tuple[int, int, bytes]:
    """Unpack the value of an applied record."""
    if len(value) != _APPLIED.size or value[0] != VERSION:
        what = "the changelog has an applied record that this version cannot read"
        raise StateError(what, why=f"version {value[:1].hex()}", next_step="start the version that wrote it")
    _, offset, parts, topic_id = _APPLIED.unpack(value)
    return offset, parts, topic_id
