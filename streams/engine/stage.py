r"""What a stage is, and what it asks of the code that runs inside it.

A stage is ``(source topic, state, changelog, outputs, step)``. A worker gets some of the source's partitions;
for each it keeps one store, one transactional producer and one *step*, and sends one batch at a time through
them. The stage knows no model, the step knows no Kafka.

**Order of effects** of one batch with the offsets a..b of source partition P
(:mod:`streams.engine.partition`):

1. records at or below the applied offset are dropped: they were delivered again;
2. the step computes new absolute rows and outputs in memory; nothing is written yet;
3. one Kafka transaction (``transactional.id = group.stage.P``): the rows to changelog partition P, outputs,
   dead letters, and last in the changelog the *applied record* (key ``b"\0applied"``, value b);
4. one write of the store: rows, applied offset b, position in the changelog;
5. the partition's applied offset becomes b; the group's committed offset follows as a hint to humans.

A crash before the end of 3 leaves nothing visible: the batch comes again. Between 3 and 4 the changelog
brings rows and applied offset at the next start, and records delivered again fall under 1. A lost disk is
rebuilt from the changelog. Any doubt about the outcome of 3 ends the process: the successor trusts the log.

**Order of opening** P, in a worker thread: fence the previous owner (``init_transactions``), open the store,
read the changelog from the stored position to its end, compare the applied offset with the source's ends,
make the step; then the source is sought to applied + 1. The group's committed offset is never read.

**What a step owes** (:class:`HasDeferredOutput`) it pays along with the next batch or, when none comes in time, in a
transaction of its own that goes through 3 and 4 and repeats the applied record: outputs and rows, no record.

**A step that raises** is our bug: the process ends with code 4 and nothing of the batch is visible. Its
successor finds the marker of the suspected batch, goes through it one record at a time, and the single record
on which the step raises again becomes a dead letter (``step_failed``) at the start after that. Nothing is
paid meanwhile; and where it was the payment that raised, the successor strikes out what is owed.
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
"""A state row, key and absolute new value; None deletes. Keys that begin with a NUL byte are taken."""


class Record(Protocol):
    """One record of the source topic, as aiokafka's ``ConsumerRecord`` has it."""

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
        """When the producer sent it: UTC, milliseconds since 1970."""

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
"""Topic (its name on the cluster) and partition; None leaves it to the key by murmur2, as Java does.

The partition belongs to the whole list, because ``produce_batch`` ignores one that stands in a message
(confluent-kafka 2.16.1, measured)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one batch changes; the stage makes all of it visible at once, or none of it."""

    rows: list[Row] = field(default_factory=list)
    """Absolute new state rows: to the changelog partition and, after the commit, to the store."""

    outputs: dict[Target, list[Message]] = field(default_factory=dict)
    """Messages by where they go. The lists are the stage's afterwards."""

    dead_letters: list[DeadLetter] = field(default_factory=list)
    """Records of the batch that could not be used."""

    last_offset: int | None = None
    """Offset of the last record that was used, where the step stopped early; the rest comes again."""

    def add(self, part: "Outcome") -> None:
        """Put another outcome behind this one: of a row that both change, the later value is what stays."""
        self.rows.extend(part.rows)
        self.dead_letters.extend(part.dead_letters)
        for target, messages in part.outputs.items():
            self.outputs.setdefault(target, []).extend(messages)


class StateView(Protocol):
    """What a step may do with the committed state of its partition: read it.

    Reads show what earlier batches committed, never what the current batch is about to change.
    """

    def get(self, key: bytes) -> bytes | None:
        """Return the row of a key, None when there is none."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the rows of many keys, in their order."""

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys begin with `prefix`, ascending by key; raise if the disk is damaged."""

    @property
    def applied(self) -> int:
        """Source offset of the last record that is part of this state; -1 before the first."""


class Step(Protocol):
    """The logic of one source partition.

    Called with one batch at a time, not always from the same thread. It may keep state in memory from batch
    to batch: if an exception leaves it, or the transaction fails, the process ends and the next one builds a
    new step from the store. A step that has ``close()`` gets it called when the partition is taken away; of
    one whose ``silent`` is true nothing becomes public, dead letters included.
    """

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Turn a batch into changes; offsets ascend, the batch is never empty."""


@runtime_checkable
class HasDeferredOutput(Protocol):
    """A step that owes outputs and says when; what it owes is among its rows, so a successor owes it too."""

    def due_s(self) -> float | None:
        """Return the seconds until something is due, at most 0 when it is; None: nothing is owed."""

    def flush_due(self) -> Outcome:
        """Return what is due: outputs and rows, as a batch's, of no record."""

    def discard_pending(self) -> Outcome:
        """Return the rows that strike out all that is owed: to pay it raised."""


StepFactory = Callable[[int, StateView], Step]
"""``(partition, store) -> step``: called in a worker thread when a partition is assigned, after its state was
restored. May block, for instance until a replica has caught up."""


@dataclass(frozen=True, slots=True)
class StageSpec:
    """One stage: where it reads, where its state is logged, how it batches, and what it does."""

    name: str
    """Short name: label of metrics, part of the transactional id and of the state folder."""

    source: str
    """Topic that is read, its name on the cluster."""

    changelog: str
    """Compacted topic of the state, its name on the cluster; at least as many partitions as the source."""

    make_step: StepFactory
    """Builds the logic of a partition."""

    dead_letters: str
    """Topic of rejected records, its name on the cluster."""

    max_events: int = 4_000
    """Most records in a batch."""

    max_bytes: int = 4_000_000
    """Most bytes of values in a batch; a single larger record is a batch of its own."""

    min_interval_s: float = 0.0
    """Least seconds between the starts of two batches of a partition."""

    gate: Callable[[int], Awaitable[bool]] | None = None
    """Awaited on the event loop before each batch of a partition, again and again until it says yes; bounds
    the lead over a replica, lets another version go first. None: no gate."""

    max_events_now: Callable[[], int] | None = None
    """Asked before each batch for the most records that it may have now. None: :attr:`max_events`."""

    start_offset: Callable[[int], int] = lambda _: 0
    """Offset from which a partition without state is read, by partition. Default: the first there is."""

    shards: int = 0
    """Over how many of the source's partitions the keys are spread; 0 means all of them."""
