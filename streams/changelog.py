r"""The log of a partition's state: what is in it, and how to read it back.

A changelog partition holds the rows of one source partition (key, absolute value, or a tombstone), and after
the rows of each batch the *applied record*, key ``b"\0applied"``, which says up to which source offset the
rows above it reach. It is the last record of its transaction, so a reader of committed records never sees it
without its rows. Readers that only want the rows skip keys that begin with a NUL byte.
"""

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from streams.errors import AbandonedError, BrokerUnreachableError, StateError
from streams.kafka_clients import Consumer, KafkaError, Message, TopicPartition
from streams.state import Store

__all__ = ["APPLIED_KEY", "RESTORER", "Changelog", "pack_applied", "unpack_applied"]

RESTORER = {"enable.partition.eof": True, "group.id": "nearline-restore", "fetch.wait.max.ms": 10}
"""Properties of a consumer that restores. With the driver's own 500 ms a broker holds the end back."""

APPLIED_KEY = b"\0applied"
"""Key of the applied record; compaction keeps the newest of each partition."""

_APPLIED = struct.Struct("<Bq")
"""Version and source offset."""

VERSION = 1
"""Version of the applied record."""

CHUNK = 10_000
"""Records per read: 10,000 rows of 1 kB are 10 MB in memory, and one write of the store."""

SLICE_S = 0.05
"""Longest wait for a chunk to fill; also what the end of the log costs, once a partition."""

SILENCE_S = 60.0
"""Seconds without a record or an end of the log after which the broker is taken for gone."""


def pack_applied(offset: int) -> bytes:
    """Return the applied record's value for a source offset.

    Examples
    --------
    >>> unpack_applied(pack_applied(41))
    41
    """
    return _APPLIED.pack(VERSION, offset)


def unpack_applied(value: bytes) -> int:
    """Return the source offset out of an applied record's value.

    Raises
    ------
    StateError
        A newer version wrote it.
    """
    if len(value) != _APPLIED.size or value[0] != VERSION:
        what = "the changelog has an applied record that this version cannot read"
        raise StateError(what, why=f"version {value[:1].hex()}", next_step="start the version that wrote it")
    return int(_APPLIED.unpack(value)[1])


@dataclass(slots=True)
class Changelog:
    """Reader of one changelog partition into a store.

    Parameters
    ----------
    consumer
        Reads committed records and reports ends of partitions; not used by anybody else meanwhile.
    topic, partition
        What is read.
    abandoned
        Asked between chunks; true ends the restore with `AbandonedError`.
    """

    consumer: Consumer
    topic: str
    partition: int
    abandoned: Callable[[], bool] = lambda: False
    rows: int = 0
    """Rows written so far."""

    def ends(self) -> tuple[int, int]:
        """Return the offsets of the first record and of the end of the log."""
        return ends(self.consumer, self.topic, self.partition)

    def unusable(self, store: Store, *, delete_retention_s: float, now_ms: int) -> str | None:
        """Say why a store cannot be brought up to date from this log, None when it can.

        * its position lies outside of the log: the log was truncated, so nobody can say what the rows are;
        * the log went on while the store was away for longer than tombstones are kept: it may have missed
          deletions, and would bring a forgotten viewer back.
        """
        low, high = self.ends()
        if store.changelog_position > high:
            return (
                f"it was written at changelog offset {store.changelog_position}, but the log ends at {high}"
            )
        if 0 < store.changelog_position < low:
            return (
                f"it was written at changelog offset {store.changelog_position}, but the log begins at {low}"
            )
        away_s = (now_ms - store.written_at_ms) / 1000
        missed = high - store.changelog_position - 1  # the last record is the marker of the last transaction
        if store.changelog_position and missed > 0 and away_s > delete_retention_s:
            return f"it is {away_s:.0f} s old, and deletions are kept for {delete_retention_s:.0f} s"
        return None

    def replay(self, store: Store) -> None:
        """Write everything after the store's position into the store, up to the end of the log.

        The end is known by position, never by a last record: the last offsets may belong to markers and
        aborted records that nobody is shown.

        Raises
        ------
        AbandonedError
            The partition was taken away meanwhile.
        BrokerUnreachableError
            Nothing came for `SILENCE_S` seconds.
        """
        _, high = self.ends()
        self.consumer.assign([TopicPartition(self.topic, self.partition, store.changelog_position)])
        heard = time.monotonic()
        at_end = False
        while not at_end:
            if self.abandoned():
                what = f"partition {self.partition} of {self.topic} was taken away while it was read"
                raise AbandonedError(what)
            messages = self.consumer.consume(CHUNK, SLICE_S)
            if messages:
                heard = time.monotonic()
                at_end = self._take(store, messages, high)
            elif time.monotonic() - heard > SILENCE_S:
                what = f"changelog {self.topic} is silent"
                raise BrokerUnreachableError(what, why=f"no answer for {SILENCE_S:.0f} s")
        self.consumer.unassign()

    def _take(self, store: Store, messages: list[Message], high: int) -> bool:
        """Write one chunk; return whether the end of the log was reached."""
        rows: list[tuple[bytes, bytes | None]] = []
        applied, position, at_end = store.applied, store.changelog_position, False
        for message in messages:
            error = message.error()
            offset, key, value = message.offset() or 0, message.key() or b"", message.value()
            if error is not None:
                at_end = _is_end(error) and offset >= high
                position = max(position, offset) if at_end else position
                continue
            position = offset + 1
            if key == APPLIED_KEY:
                applied = unpack_applied(value or b"")
            else:
                rows.append((key, value))
        store.write(rows, applied=applied, changelog_position=position, caught_up=at_end)
        self.rows += len(rows)
        return at_end


def ends(consumer: Consumer, topic: str, partition: int, *, timeout_s: float = 30.0) -> tuple[int, int]:
    """Ask the broker for the first offset and the end of a partition."""
    low, high = consumer.get_watermark_offsets(
        TopicPartition(topic, partition), timeout=timeout_s, cached=False
    )
    return low, high


def _is_end(error: KafkaError) -> bool:
    """Tell the end of a partition from a failure, which is logged by the driver and retried by it."""
    return bool(error.code() == KafkaError._PARTITION_EOF)  # noqa: SLF001 - the driver's name of the constant
