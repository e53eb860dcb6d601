"""Definitions from a compacted topic, as every worker reads them: experiments, business rules.

The topic is read to its end and then followed, so a new definition needs no restart. One thread reads records
and builds one immutable value of all usable definitions; other threads use the newest value. A record that
cannot be decoded or used changes nothing (:mod:`streams.engine.table_records`): the definition's last usable
record stays in force, until a newer one or a tombstone comes. After a restart compaction may have deleted the
last usable record; then the definition is left out.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from schemas import DecodeError, Reason
from streams.config.settings import Settings
from streams.engine.table_reader import TableReader
from streams.engine.table_records import TableRecords, UnusableRecords, take_each
from streams.kafka.clients import Message
from streams.telemetry.metrics import Metrics

__all__ = ["DefinitionKind", "Definitions", "known_after"]

One = TypeVar("One")
All = TypeVar("All")

POLL_S: Final = 0.2
"""Seconds to wait for new records: an experiment begins when every worker has read its definition
(`streams.ops.experiments.admin.NOTICE_MS`)."""


class DefinitionKind(NamedTuple, Generic[One]):
    """A kind of definition and its topic."""

    topic: str
    """Name without the prefix."""
    word: str
    """Name of one definition for people: `rule`."""
    decode: Callable[[bytes | None], One]
    faults: Callable[[One], list[str]]
    """Returns every reason why a definition cannot be used."""


class Definitions(Generic[One, All]):
    """The current definitions of one kind.

    Parameters
    ----------
    settings
        Brokers, topics.
    kind
        Their kind and topic.
    gather
        Builds one value of all usable definitions.
    partitions
        Number of partitions of the topic.
    metrics
        Counts used and left-out definitions.
    on_change
        Called with the new value in the reader's thread, after every change.
    unusable
        Receives records that cannot be used. Default: one of its own.

    Attributes
    ----------
    newest
        The current value.
    """

    def __init__(
        self,
        settings: Settings,
        kind: DefinitionKind[One],
        gather: Callable[[Iterable[One]], All],
        *,
        partitions: int,
        metrics: Metrics,
        on_change: Callable[[All], None] = lambda _: None,
        unusable: UnusableRecords | None = None,
    ) -> None:
        self._kind, self._gather, self._on_change, self._metrics = kind, gather, on_change, metrics
        self.newest = gather(())
        self._known: dict[str, One] = {}
        self._unusable = unusable or UnusableRecords(metrics)
        self._records = TableRecords(kind.topic, self._take, self._unusable)
        self._table = TableReader(
            settings, settings.topic(kind.topic), range(partitions), self.take, wait_s=POLL_S
        )

    def start(self) -> None:
        """Start to read."""
        self._table.start()

    def stop(self) -> None:
        """Stop reading."""
        self._table.stop()

    @property
    def caught_up(self) -> bool:
        """Return whether everything that was written before the start is read."""
        return self._table.caught_up

    def wait(self) -> None:
        """Block until everything that was written before the start is read."""
        self._table.wait()

    def current(self) -> All:
        """Return the current value, after :meth:`wait`."""
        self.wait()
        return self.newest

    def waiting(self) -> list[str]:
        """Return the progress as a line of text until it has caught up."""
        return [] if self.caught_up else [str(self._table.read_progress)]

    def take(self, messages: Sequence[Message]) -> None:
        """Apply records."""
        self._records(messages)
        for state, count in (
            ("used", len(self._known)),
            ("left_out", self._unusable.count(self._kind.topic)),
        ):
            self._metrics.definitions.labels(self._kind.topic, state).set(count)

    def _take(self, messages: Sequence[Message]) -> None:
        """Apply records; raise on a bad one, and change nothing then."""
        known = dict(self._known)
        for message in messages:
            one = _apply(self._kind, known, message)
            if one is not None and (faults := self._kind.faults(one)):
                raise DecodeError(Reason.OUT_OF_RANGE, None, "; ".join(faults))
        newest = self._gather(known.values())
        self._on_change(newest)
        self._known, self.newest = known, newest


def known_after(kind: DefinitionKind[One], messages: Iterable[Message]) -> dict[str, One]:
    """Return the definitions after some records, those with faults included, by record key.

    Parameters
    ----------
    kind
        Their kind.
    messages
        In order; those that cannot be decoded are passed over.
    """
    known: dict[str, One] = {}

    def take(some: Sequence[Message]) -> None:
        for message in some:
            _apply(kind, known, message)

    take_each(list(messages), take)
    return known


def _apply(kind: DefinitionKind[One], known: dict[str, One], message: Message) -> One | None:
    """Apply one record to definitions; return the new definition, None if it was removed."""
    name, value = (message.key() or b"").decode(errors="replace"), message.value()
    if value is None:
        known.pop(name, None)
        return None
    known[name] = one = kind.decode(value)
    return one
