"""Doubles for the stage's tests: a log in memory that keeps Kafka's promises about transactions."""

import struct
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streams.engine.applied import Origin
from streams.engine.context import Failpoint, WorkerContext, no_failpoint
from streams.engine.stage import Outcome, Record, StageSpec, StateView
from streams.engine.state import StoreMemory
from streams.engine.store_identity import StoreIdentity
from streams.kafka.clients import KafkaError, KafkaException
from streams.telemetry.metrics import Metrics

ROW = struct.Struct("<qI")


class Log:
    """Topics in memory; a transaction appends at once, followed by a marker that takes an offset."""

    def __init__(self) -> None:
        self.topics: dict[tuple[str, int], list[Any]] = defaultdict(list)
        self.owner: dict[str, object] = {}
        self.first: dict[str, int] = defaultdict(int)
        """First offset that retention has left of a topic."""
        self.topic_id = "7f3a"
        """Id of each topic."""
        self.room = 1_000_000
        """Messages that a producer's queue holds."""

    def append(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> int:
        """Append a record; return its offset."""
        self.topics[topic, partition].append((key, value))
        return len(self.topics[topic, partition]) - 1

    def records(self, topic: str, partition: int = 0) -> list[tuple[bytes | None, bytes | None]]:
        """Return what a reader of committed records sees."""
        return [entry for entry in self.topics[topic, partition] if entry is not None]


class Producer:
    """A transactional producer of the log."""

    def __init__(self, log: Log, name: str) -> None:
        self._log, self._name = log, name
        self._queue: list[tuple[str, int, Any, Any, Any]] = []
        self.fail_commit: KafkaError | None = None
        self.fail_produce: KafkaError | None = None
        self.fail_delivery: KafkaError | None = None
        """What the broker says to the messages of the next transaction."""
        self.polls = 0

    def init_transactions(self, _timeout: float) -> None:
        """Fence whoever had the name."""
        self._log.owner[self._name] = self

    def begin_transaction(self) -> None:
        """Start with an empty queue."""
        self._queue.clear()

    def produce(
        self, topic: str, *, value: Any, on_delivery: Any, key: Any = None, partition: int = 0
    ) -> None:
        """Queue one message, if there is room and it is small enough."""
        if self.fail_produce is not None:
            raise KafkaException(self.fail_produce)
        if len(value or b"") > 1_000_000:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        if len(self._queue) >= self._log.room:
            raise BufferError
        self._queue.append((topic, partition, key, value, on_delivery))

    def produce_batch(self, topic: str, messages: list[dict[str, Any]], partition: int = 0) -> int:
        """Queue what there is room for and mark the rest, as librdkafka does."""
        for place, message in enumerate(messages):
            if len(message["value"] or b"") > 1_000_000:
                message["_error"] = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
            elif len(self._queue) >= self._log.room:
                for refused in messages[place:]:
                    refused["_error"] = KafkaError(KafkaError._QUEUE_FULL)
                return place
            else:
                self._queue.append((topic, partition, message.get("key"), message["value"], None))
        return sum("_error" not in message for message in messages)

    def poll(self, _timeout: float) -> int:
        """Make room."""
        self.polls += 1
        self._log.room += 5
        return 0

    def flush(self, _timeout: float) -> int:
        """Say how many messages are not answered: none."""
        return 0

    def commit_transaction(self, _timeout: float) -> None:
        """Append everything and a marker per partition, unless somebody else has the name."""
        if self.fail_delivery is not None:
            for topic, _, _, _, on_delivery in self._queue:
                if on_delivery is not None:
                    on_delivery(self.fail_delivery, SimpleNamespace(topic=lambda topic=topic: topic))
            raise KafkaException(self.fail_delivery)
        if self.fail_commit is not None:
            raise KafkaException(self.fail_commit)
        if self._log.owner[self._name] is not self:
            raise KafkaException(KafkaError(KafkaError._FENCED, "fenced", fatal=True))
        for topic, partition, key, value, on_delivery in self._queue:
            offset = self._log.append(topic, partition, key, value)
            if on_delivery is not None:
                on_delivery(None, SimpleNamespace(offset=lambda offset=offset: offset))
        for topic, partition in {(entry[0], entry[1]) for entry in self._queue}:
            self._log.topics[topic, partition].append(None)


class Consumer:
    """A reader of committed records that reports ends of partitions."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.chunk = 3
        self.early_end = False
        """Report the end of the partition once before it, as a broker that lags behind may."""

    def get_watermark_offsets(self, tp: Any, *, timeout: float, cached: bool) -> tuple[int, int]:
        """Return the ends."""
        assert timeout > 0
        assert not cached
        return self._log.first[tp.topic], len(self._log.topics[tp.topic, tp.partition])

    def assign(self, tps: Sequence[Any]) -> None:
        """Begin to read at a position."""
        self._topic, self._partition, self._at = tps[0].topic, tps[0].partition, tps[0].offset

    def consume(self, _number: int, _timeout: float) -> list[Any]:
        """Return a few records, or the end."""
        entries = self._log.topics[self._topic, self._partition]
        found = []
        if self.early_end:
            self.early_end = False
            return [message(self._at, error=KafkaError(KafkaError._PARTITION_EOF))]
        while self._at < len(entries) and len(found) < self.chunk:
            if entries[self._at] is not None:
                found.append(message(self._at, *entries[self._at]))
            self._at += 1
        return found or [message(self._at, error=KafkaError(KafkaError._PARTITION_EOF))]

    def unassign(self) -> None:
        """Stop reading."""

    def close(self) -> None:
        """Leave."""


def message(offset: int, key: Any = None, value: Any = None, *, error: Any = None) -> Any:
    """Return what confluent-kafka's consumer returns."""
    return SimpleNamespace(error=lambda: error, offset=lambda: offset, key=lambda: key, value=lambda: value)


def record(offset: int, key: bytes = b"v1", value: bytes | None = b"e") -> Any:
    """Return what aiokafka's consumer returns."""
    return SimpleNamespace(
        topic="in",
        partition=0,
        offset=offset,
        timestamp=1_700_000_000_000,
        timestamp_type=0,
        key=key,
        value=value,
        headers=(),
    )


class Fold:
    """A step: count and CRC per key, echo to `out`; raises on the value `poison`."""

    def __init__(self, store: StateView) -> None:
        self._store = store

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Fold the batch."""
        rows: dict[bytes, tuple[int, int]] = {}
        for item in records:
            key, value = item.key or b"", item.value or b""
            if value == b"poison":
                msg = "a viewer's secret"
                raise ValueError(msg)
            row = self._store.get(key)
            count, crc = rows.get(key) or (ROW.unpack(row) if row else (0, 0))
            rows[key] = (count + 1, zlib.crc32(value, crc))
        return Outcome(
            rows=[(key, ROW.pack(*row)) for key, row in rows.items()],
            outputs={("out", None): [{"key": item.key, "value": item.value} for item in records]},
        )


class DeferringStep(Fold):
    """A step that folds at once and defers the echo until a test sets it due; flushes in order of events."""

    due = True
    poison = False
    """Whether a flush raises."""

    def __init__(self, store: StateView) -> None:
        super().__init__(store)
        self._pending = dict(store.scan(b"\x01"))

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Fold the batch."""
        out = super().__call__(records)
        deferred = {b"\x01%06d" % one.offset: one.value or b"" for one in records}
        self._pending |= deferred
        return Outcome(rows=[*out.rows, *deferred.items()])

    def due_s(self) -> float | None:
        """Say that it is due now, or much later."""
        return (0.0 if DeferringStep.due else 600.0) if self._pending else None

    def flush_due(self) -> Outcome:
        """Echo everything pending."""
        if DeferringStep.poison:
            raise ValueError
        echo = [{"key": b"", "value": value} for _, value in sorted(self._pending.items())]
        out = self.discard_pending()
        out.outputs["out", None] = echo  # type: ignore[assignment]
        return out

    def discard_pending(self) -> Outcome:
        """Delete everything pending."""
        rows = [(key, None) for key in self._pending]
        self._pending.clear()
        return Outcome(rows=list(rows))


def fold_spec() -> StageSpec:
    """Return a stage that folds."""
    return StageSpec(
        name="fold",
        source="in",
        changelog="log",
        dead_letters="dead",
        make_step=lambda _partition, store: Fold(store),
        max_events=4,
    )


def worker_context(log: Log, folder: Path, failpoint: Failpoint = no_failpoint) -> WorkerContext:
    """Return the context of a worker on a log in memory."""
    return WorkerContext(
        group="group",
        state_dir=folder,
        producer=lambda name: Producer(log, name),  # type: ignore[arg-type,return-value]
        consumer=lambda: Consumer(log),  # type: ignore[arg-type,return-value]
        metrics=Metrics(),
        origin=lambda _: Origin(1),
        identity=lambda spec, partition: StoreIdentity(
            "cluster", spec.changelog, log.topic_id, "group", spec.name, partition, spec.layout
        ),
        delete_retention_s=lambda _: 86_400.0,
        memory=StoreMemory(cache_bytes=1 << 20, buffer_bytes=1 << 20),
        failpoint=failpoint,
        now_ms=lambda: 1_700_000_000_050,
    )
