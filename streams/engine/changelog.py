r"""The changelog of a partition's state, and how it is read back into a store.

A changelog partition holds the rows of one source partition (key and absolute value, or a tombstone) and
after the rows of each batch the *applied record* (:mod:`streams.engine.applied`): the source offset that the
rows before it include. Readers that only need rows skip keys that begin with a NUL byte.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.engine.read_progress import ReadProgress
from streams.engine.state import Store
from streams.errors import AbandonedError, BrokerUnreachableError
from streams.kafka.clients import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
    offset_span,
    refused,
)

__all__ = ["RESTORER", "Changelog", "ends", "unusable"]

RESTORER = {
    "enable.partition.eof": True,
    "group.id": "nearline-restore",
    "fetch.wait.max.ms": 10,  # with the driver's default of 500 the broker delays the end of the log
    "fetch.message.max.bytes": 8
    << 20,  # the driver's default of 1 MB is a request every 2 ms (measured: 1.2x)
    "queued.max.messages.kbytes": 32 << 10,  # read-ahead while rows are written
}
"""librdkafka properties of a consumer that restores."""

CHUNK = 10_000
"""Records per read: 10,000 rows of 1 kB are 10 MB in memory."""

RUN_BYTES = 32 << 20
"""Bytes of rows that the store ingests as one sorted file: four partitions hold 128 MB meanwhile. Half of it
costs a third more in RocksDB's compaction of a million rows (measured), twice of it saves nothing."""

SMALL_BYTES = 1 << 20
"""Up to this size rows go through the write buffer of the store: each file of its own slows reads."""

SLICE_S = 0.05
"""Seconds to wait for a chunk to fill; also the cost of detecting the end of the log, once per partition."""

SILENCE_S = 60.0
"""Seconds without a record or the end of the log after which the broker counts as unreachable."""


@dataclass(slots=True)
class Changelog:
    """Reader of one changelog partition into a store.

    Parameters
    ----------
    consumer
        Reads committed records and reports the ends of partitions; must not be shared meanwhile.
    topic, partition
        The changelog partition.
    abandoned
        Called between chunks; true ends the restore with `AbandonedError`.
    read_progress
        Updated after each chunk.
    """

    consumer: Consumer
    topic: str
    partition: int
    abandoned: Callable[[], bool] = lambda: False
    read_progress: ReadProgress = field(default_factory=lambda: ReadProgress("changelog"))

    def ends(self) -> tuple[int, int]:
        """Return the offsets of the first record and of the end of the log."""
        return ends(self.consumer, self.topic, self.partition)

    def unusable(self, store: Store, *, delete_retention_s: float, now_ms: int) -> str | None:
        """Return why a store cannot be brought up to date from this log, None if it can: :func:`unusable`."""
        return unusable(store, *self.ends(), delete_retention_s=delete_retention_s, now_ms=now_ms)

    def replay(self, store: Store) -> None:
        """Write everything after the position of the store into the store, up to the end of the log.

        The end is detected by position, not by a last record: the last offsets may belong to transaction
        markers and aborted records, which a consumer never returns.

        Raises
        ------
        AbandonedError
            The partition was taken away meanwhile.
        BrokerUnreachableError
            Nothing came for `SILENCE_S` seconds.
        """
        low, high = self.ends()
        self.read_progress.begin({self.partition: (max(low, store.changelog_position), high)})
        self.consumer.assign([TopicPartition(self.topic, self.partition, store.changelog_position)])
        run, heard, at_end = _Run(store), time.monotonic(), False
        while not at_end:
            if self.abandoned():
                what = f"partition {self.partition} of {self.topic} was revoked while it was read"
                why, step = "the group assigned it to another worker", "nothing: that worker restores it"
                raise AbandonedError(what, why=why, next_step=step)
            messages = self.consumer.consume(CHUNK, SLICE_S)
            if messages:
                heard = time.monotonic()
                at_end = run.add(messages, high)
                self.read_progress.reached(self.partition, run.position, rows=run.added)
                run.flush(at_end=at_end)
            elif time.monotonic() - heard > SILENCE_S:
                what = f"changelog {self.topic} does not answer"
                why, step = f"no answer for {SILENCE_S:.0f} s", "check the brokers that host the partition"
                raise BrokerUnreachableError(what, why=why, next_step=step)
        self.consumer.unassign()


class _Run:
    """Rows that were read and are not in the store yet: the newest of each key, and their position."""

    def __init__(self, store: Store) -> None:
        self._store, self._rows, self._size = store, dict[bytes, bytes | None](), 0
        self._applied, self.position = store.applied, store.changelog_position
        self.added = 0
        """Rows of the last chunk."""

    def add(self, messages: list[Message], high: int) -> bool:
        """Add a chunk; return whether the end of the log was reached."""
        at_end, self.added = False, 0
        for message in messages:
            error, offset = message.error(), message.offset() or 0
            if error is None:
                self.position = offset + 1
                self._put(message.key() or b"", message.value())
            elif _is_end(error) and offset >= high:
                self.position, at_end = max(self.position, offset), True
        return at_end

    def _put(self, key: bytes, value: bytes | None) -> None:
        """Add one record."""
        if key == APPLIED_KEY:
            self._applied = unpack_applied(value or b"")
        else:
            self._rows[key] = value
            self._size += len(key) + len(value or b"")
            self.added += 1

    def flush(self, *, at_end: bool) -> None:
        """Write the rows into the store if there are enough of them, or if the end is reached."""
        store = self._store
        if self._size > (SMALL_BYTES if at_end else RUN_BYTES):
            store.ingest(self._rows, applied=self._applied, changelog_position=self.position)
            self._rows, self._size = {}, 0
        if at_end:
            store.write(self._rows.items(), applied=self._applied, changelog_position=self.position)


def ends(consumer: Consumer, topic: str, partition: int, *, timeout_s: float = 30.0) -> tuple[int, int]:
    """Return the first offset and the end of a partition.

    Raises
    ------
    AccessError
        This user has no right to read the topic.
    """
    try:
        return offset_span(consumer, TopicPartition(topic, partition), timeout_s=timeout_s)
    except KafkaException as error:
        raise refused(error.args[0], f"{topic} cannot be read") or error from None


def unusable(store: Store, low: int, high: int, *, delete_retention_s: float, now_ms: int) -> str | None:
    """Return why a store cannot be brought up to date from a log, None if it can.

    * The position of the store is outside of the log: the log was truncated, so the rows are unknown.
    * The log went on while the store was unused for longer than tombstones are kept: the store may have
      missed deletions, and would bring a forgotten viewer back.

    Parameters
    ----------
    store
        Has a changelog position and the time of its last write.
    low, high
        First offset and end of the log.
    delete_retention_s
        Seconds for which the log keeps tombstones.
    now_ms
        Current time (UTC, ms).
    """
    position = store.changelog_position
    if position > high:
        return f"it was written at changelog offset {position}, but the log ends at {high}"
    if 0 < position < low:
        return f"it was written at changelog offset {position}, but the log begins at {low}"
    away_s = (now_ms - store.written_at_ms) / 1000
    missed = high - position - 1  # the last record is the marker of the last transaction
    if position and missed > 0 and away_s > delete_retention_s:
        return f"it is {away_s:.0f} s old, and deletions are kept for {delete_retention_s:.0f} s"
    return None


def _is_end(error: KafkaError) -> bool:
    """Return whether this is the end of a partition, not a failure, which the driver logs and retries."""
    return bool(error.code() == KafkaError._PARTITION_EOF)  # noqa: SLF001 - the driver's name of the constant
