r"""The log of a partition's state: what is in it, and how to read it back.

A changelog partition holds the rows of one source partition (key, absolute value, or a tombstone), and after
the rows of each batch the *applied record*, key ``b"\0applied"``, which says up to which source offset the
rows above it reach. It is the last record of its transaction, so a reader of committed records never sees it
without its rows. Readers that only want the rows skip keys that begin with a NUL byte.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.engine.read_progress import ReadProgress
from streams.engine.state import Store
from streams.errors import AbandonedError, BrokerUnreachableError
from streams.kafka.clients import Consumer, KafkaError, KafkaException, Message, TopicPartition, refused

__all__ = ["RESTORER", "Changelog", "ends", "unusable"]

RESTORER = {
    "enable.partition.eof": True,
    "group.id": "nearline-restore",
    "fetch.wait.max.ms": 10,  # with the driver's own 500 a broker holds the end of the log back
    "fetch.message.max.bytes": 8 << 20,  # the driver's own 1 MB is a request every 2 ms (measured: 1.2x)
    "queued.max.messages.kbytes": 32 << 10,  # what the driver reads ahead while rows are written
}
"""Properties of a consumer that restores."""

CHUNK = 10_000
"""Records per read: 10,000 rows of 1 kB are 10 MB in memory."""

RUN_BYTES = 32 << 20
"""Bytes of rows that are sorted and taken over by the store at once: four partitions hold 128 MB meanwhile.
Half of it costs a third more in RocksDB's compaction of a million rows (measured), twice saves nothing."""

SMALL_BYTES = 1 << 20
"""Up to here rows go through the store's write buffer: a file of their own would be one more to look into."""

SLICE_S = 0.05
"""Longest wait for a chunk to fill; also what the end of the log costs, once a partition."""

SILENCE_S = 60.0
"""Seconds without a record or an end of the log after which the broker is taken for gone."""


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
    read_progress
        Told how far it is.
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
        """Say why a store cannot be brought up to date from this log, None when it can: :func:`unusable`."""
        return unusable(store, *self.ends(), delete_retention_s=delete_retention_s, now_ms=now_ms)

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
        low, high = self.ends()
        self.read_progress.begin({self.partition: (max(low, store.changelog_position), high)})
        self.consumer.assign([TopicPartition(self.topic, self.partition, store.changelog_position)])
        run, heard, at_end = _Run(store), time.monotonic(), False
        while not at_end:
            if self.abandoned():
                what = f"partition {self.partition} of {self.topic} was taken away while it was read"
                why, step = "the group gave it to another worker", "nothing: that worker restores it"
                raise AbandonedError(what, why=why, next_step=step)
            messages = self.consumer.consume(CHUNK, SLICE_S)
            if messages:
                heard = time.monotonic()
                at_end = run.add(messages, high)
                self.read_progress.reached(self.partition, run.position, rows=run.added)
                run.settle(at_end=at_end)
            elif time.monotonic() - heard > SILENCE_S:
                what = f"changelog {self.topic} is silent"
                why, step = f"no answer for {SILENCE_S:.0f} s", "look at the brokers that hold the partition"
                raise BrokerUnreachableError(what, why=why, next_step=step)
        self.consumer.unassign()


class _Run:
    """Rows that were read and are not in the store yet: the newest of each key, and how far they reach."""

    def __init__(self, store: Store) -> None:
        self._store, self._rows, self._size = store, dict[bytes, bytes | None](), 0
        self._applied, self.position = store.applied, store.changelog_position
        self.added = 0
        """Rows of the last chunk."""

    def add(self, messages: list[Message], high: int) -> bool:
        """Take a chunk; return whether the end of the log was reached."""
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
        """Take one record."""
        if key == APPLIED_KEY:
            self._applied = unpack_applied(value or b"")
        else:
            self._rows[key] = value
            self._size += len(key) + len(value or b"")
            self.added += 1

    def settle(self, *, at_end: bool) -> None:
        """Bring the rows into the store, when there are enough of them or no more will come."""
        store = self._store
        if self._size > (SMALL_BYTES if at_end else RUN_BYTES):
            store.ingest(self._rows, applied=self._applied, changelog_position=self.position)
            self._rows, self._size = {}, 0
        if at_end:
            store.write(self._rows.items(), applied=self._applied, changelog_position=self.position)


def ends(consumer: Consumer, topic: str, partition: int, *, timeout_s: float = 30.0) -> tuple[int, int]:
    """Ask the broker for the first offset and the end of a partition.

    Raises
    ------
    AccessError
        This user may not read the topic.
    """
    try:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=timeout_s, cached=False
        )
    except KafkaException as error:
        raise refused(error.args[0], f"{topic} cannot be read") or error from None
    return low, high


def unusable(store: Store, low: int, high: int, *, delete_retention_s: float, now_ms: int) -> str | None:
    """Say why a store cannot be brought up to date from a log, None when it can.

    * its position lies outside of the log: the log was truncated, so nobody can say what the rows are;
    * the log went on while the store was away for longer than tombstones are kept: it may have missed
      deletions, and would bring a forgotten viewer back.

    Parameters
    ----------
    store
        With the position and the time up to which its rows reach.
    low, high
        First offset and end of the log.
    delete_retention_s
        How long the log keeps tombstones, in seconds.
    now_ms
        The present (UTC, ms).
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
    """Tell the end of a partition from a failure, which is logged by the driver and retried by it."""
    return bool(error.code() == KafkaError._PARTITION_EOF)  # noqa: SLF001 - the driver's name of the constant
