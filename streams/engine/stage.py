r"""What a stage is, and the protocol of the code that runs inside it.

A stage is ``(source topic, state, changelog, outputs, step)``. The group assigns partitions of the source to
a worker. For each of them the worker keeps one store, one transactional producer and one *step*, and
processes one batch at a time. The stage knows no model, the step knows no Kafka.

**Order of effects** of a batch with the offsets a..b of source partition P
(:mod:`streams.engine.partition`):

1. Records at or below the applied offset are dropped: they were delivered before.
2. The step computes new absolute rows and outputs in memory. Nothing is written yet.
3. One Kafka transaction (``transactional.id = group.stage.P``) writes the rows to changelog partition P, the
   outputs, the dead letters, and last in the changelog the *applied record* (key ``b"\0applied"``, value b).
4. One atomic write of the store takes over the rows, the applied offset b and the position in the changelog.
5. The partition's applied offset becomes b. The group's committed offset follows; people read it, we never
   do.

A crash before the end of 3 leaves nothing visible: the batch is read again. After a crash between 3 and 4 the
changelog supplies rows and applied offset at the next start, and 1 drops the records that are delivered
again. A lost disk is rebuilt from the changelog. If the outcome of 3 is unknown, the process ends: its
successor reads the outcome in the log.

**Order of opening** P, in a worker thread: fence the previous owner (``init_transactions``), open the store,
read the changelog from the stored position to its end, compare the applied offset with the ends of the
source, make the step. Then the consumer seeks to applied + 1. The group's committed offset is never read.

**Deferred output** (:class:`HasDeferredOutput`): a step may hold outputs back. They are flushed with the next
batch or, if none arrives in time, in a transaction of their own, which goes through 3 and 4 and repeats the
applied record.

**A step that raises** has a bug: the process ends with code 4 and nothing of the batch is visible. It leaves
a marker (:mod:`streams.engine.poison_marker`). The next process reads the batch one record at a time, and
when the step raises on a single record again, the process after that writes this record as a dead letter
(``step_failed``). Nothing is flushed meanwhile. If a flush raised, the next process discards the pending
output.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypedDict, runtime_checkable

from schemas.dead_letters import DeadLetter

__all__ = [
    "HasDeferredOutput",
    "Message",
    "Outcome",
    "Record",
    "Row",
    "StageSpec",
    "StateView",
    "Step",
    "StepFactory",
    "Target",
]  # fmt: skip

Row = tuple[bytes, bytes | None]
"""A state row: key and absolute new value; None deletes. Keys that begin with a NUL byte are reserved."""


class Record(Protocol):
    """One record of the source topic; aiokafka's ``ConsumerRecord`` is one."""

    @property
    def topic(self) -> str:
        """Name of the topic on the cluster, prefix included."""

    @property
    def partition(self) -> int:
        """Partition of the topic."""

    @property
    def offset(self) -> int:
        """Offset in the partition; ascending within a batch, with gaps."""

    @property
    def timestamp(self) -> int:
        """Time at which the producer sent it: UTC, milliseconds since 1970."""

    @property
    def key(self) -> bytes | None:
        """Raw key."""

    @property
    def value(self) -> bytes | None:
        """Raw value; None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Raw headers."""


class Message(TypedDict, total=False):
    """One output, as ``confluent_kafka.Producer.produce_batch`` takes it; no headers."""

    key: bytes | None
    value: bytes | None


Target = tuple[str, int | None]
"""Topic (its name on the cluster) and partition. None: the partition is Java's murmur2 of the key.

The partition applies to the whole list, because ``produce_batch`` ignores a partition given in a message
(confluent-kafka 2.16.1, measured)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one batch changes. The stage makes all of it visible at once, or none of it."""

    rows: list[Row] = field(default_factory=list)
    """Absolute new state rows, for the changelog partition and, after the commit, for the store."""

    outputs: dict[Target, list[Message]] = field(default_factory=dict)
    """Messages by target. The stage owns the lists afterwards."""

    dead_letters: list[DeadLetter] = field(default_factory=list)
    """Records of the batch that could not be used."""

    erased: list[bytes] = field(default_factory=list)
    """Keys of deleted rows of which no byte may stay on the disk; they are among the rows, too."""

    last_offset: int | None = None
    """Offset of the last processed record if the step stopped early; the rest is read again. None: all."""

    causes: list[int] = field(default_factory=list)
    """For each page among the outputs: offset of the record of this batch that caused it."""

    deferred_causes: list[tuple[int, int]] = field(default_factory=list)
    """For each page that was held back and is among the outputs now: offset and timestamp of the record that
    caused it; the timestamp is 0 where it is unknown."""

    def add(self, part: "Outcome") -> None:
        """Append another outcome. If both change a row, the later value wins."""
        self.rows.extend(part.rows)
        self.dead_letters.extend(part.dead_letters)
        self.erased.extend(part.erased)
        self.causes.extend(part.causes)
        self.deferred_causes.extend(part.deferred_causes)
        for target, messages in part.outputs.items():
            self.outputs.setdefault(target, []).extend(messages)


class StateView(Protocol):
    """The committed state of a partition, as a step sees it: read-only.

    Reads return what earlier batches committed, never what the current batch is about to change.
    """

    def get(self, key: bytes) -> bytes | None:
        """Return the row of a key, None when there is none."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the rows of many keys, in their order."""

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys begin with `prefix`, ascending by key; raise if a file is corrupt."""

    @property
    def applied(self) -> int:
        """Source offset of the last record that is part of this state; -1 before the first."""


class Step(Protocol):
    """The logic of one source partition.

    It is called with one batch at a time, not always from the same thread. It may keep state in memory from
    batch to batch: if it raises, or if the transaction fails, the process ends, and the next process builds a
    new step from the store. Two members are optional: ``close()`` is called when the partition is revoked.
    A step whose ``silent`` is true publishes nothing from the next batch: another version of the model does,
    and writes the same dead letters, so the engine drops those of its outcomes, and has none of its own.
    """

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Turn a batch into changes. Offsets ascend; the batch is never empty."""


@runtime_checkable
class HasDeferredOutput(Protocol):
    """A step that holds outputs back until a later time.

    What is pending is part of its rows, so the next owner of the partition has it, too.
    """

    def due_s(self) -> float | None:
        """Return the seconds until output is due, at most 0 if some is due now; None: nothing is pending."""

    def flush_due(self) -> Outcome:
        """Return the outputs that are due, and the rows that change with them."""

    def discard_pending(self) -> Outcome:
        """Return the rows that delete everything pending; called after :meth:`flush_due` raised."""


StepFactory = Callable[[int, StateView], Step]
"""``(partition, store) -> step``: called in a worker thread after the state of an assigned partition was
restored. May block, for instance until a replica has caught up."""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage: its source, its changelog, its batching and its step."""

    name: str
    """Short name: a label of metrics, part of the transactional id and of the path of the state folder."""

    source: str
    """Topic that is read; its name on the cluster."""

    changelog: str
    """Compacted topic of the state; its name on the cluster. It has as many partitions as the source."""

    make_step: StepFactory
    """Builds the logic of a partition."""

    dead_letters: str
    """Topic of rejected records; its name on the cluster."""

    max_events: int = 4_000
    """Maximum number of records in a batch."""

    max_bytes: int = 4_000_000
    """Maximum bytes of keys, values and headers in a batch; a larger single record is a batch of its own."""

    min_interval_s: float = 0.0
    """Minimum seconds between the starts of two batches of a partition."""

    yields_s: float = 0.0
    """Seconds for which its steps let those of other stages go first (:mod:`streams.engine.step_permits`)."""

    gate: Callable[[int], Awaitable[bool]] | None = None
    """Awaited on the event loop before each batch of a partition, repeatedly until it returns true. It bounds
    the lead over a replica, and lets another model version go first. None: no gate."""

    max_events_now: Callable[[], int] | None = None
    """Called before each batch; a further limit on its records, below :attr:`max_events`. None: no such
    limit."""

    start_offset: Callable[[int], int] = lambda _: 0
    """Offset from which a partition without state is read, by partition. Default: the first available."""

    layout: str = ""
    """Digest of the configuration that determines the fields of rows: a local database with another one is
    wiped. Empty: no configuration does."""

    shards: int = 0
    """Number of source partitions over which the keys are spread; 0 means all of them."""
