"""Definitions from a compacted topic, as every worker reads them: experiments, business rules.

The topic is read to its end and then followed, so a new definition needs no restart. One thread reads records
and builds one immutable value of all usable definitions; other threads use the newest value. A definition
that cannot be decoded or used is logged, counted and left out, and so is its previous version: a bad record
stops no worker.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import structlog

from schemas import DecodeError
from streams.config.settings import Settings
from streams.engine.table_reader import TableReader
from streams.kafka.clients import Message
from streams.telemetry.metrics import Metrics

__all__ = ["DefinitionKind", "Definitions", "updated"]

One = TypeVar("One")
All = TypeVar("All")

_LOG = structlog.get_logger(__name__)

POLL_S: Final = 0.2
"""Seconds to wait for new records: an experiment begins when every worker has read its definition
(`streams.ops.experiments.admin.NOTICE_MS`)."""


class DefinitionKind(NamedTuple, Generic[One]):
    """A kind of definition and its topic."""

    topic: str
    """Name without the prefix."""
    word: str
    """Name of one definition in log events: `rule`."""
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
    ) -> None:
        self._kind, self._gather, self._on_change, self._metrics = kind, gather, on_change, metrics
        self.newest = gather(())
        self._known: dict[str, One] = {}
        self._unreadable: set[str] = set()
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
        self._known = updated(self._kind, self._known, messages, self._unreadable)
        usable = []
        for name, one in self._known.items():
            why = self._kind.faults(one)
            if why:
                _LOG.warning(f"{self._kind.word}_unusable", name=name, why=why)
            else:
                usable.append(one)
        self.newest = self._gather(usable)
        left_out = len(self._known) - len(usable) + len(self._unreadable)
        for state, count in (("used", len(usable)), ("left_out", left_out)):
            self._metrics.definitions.labels(self._kind.topic, state).set(count)
        self._on_change(self.newest)


def updated(
    kind: DefinitionKind[One],
    known: dict[str, One],
    messages: Iterable[Message],
    unreadable: set[str] | None = None,
) -> dict[str, One]:
    """Return the definitions after some records; one that cannot be decoded removes its previous version.

    Parameters
    ----------
    kind
        Their kind.
    known
        The definitions before, by record key.
    messages
        In order.
    unreadable
        Keys of the definitions that could not be decoded; updated in place.
    """
    out, bad = dict(known), set[str]() if unreadable is None else unreadable
    for message in messages:
        name, value = (message.key() or b"").decode(errors="replace"), message.value()
        out.pop(name, None)
        bad.discard(name)
        if value is None:
            continue
        try:
            out[name] = kind.decode(value)
        except DecodeError as error:
            bad.add(name)
            _LOG.warning(f"{kind.word}_unreadable", offset=message.offset(), reason=error.reason)
    return out
