"""Definitions out of a compacted topic, as every worker reads them: experiments, business rules.

The topic is read whole and then for ever, so that a new definition needs no restart. One thread takes records
and makes of all that is usable one thing that never changes; the others use the newest. What cannot be read
or used is logged, counted and left out, its predecessor too: a bad record stops nobody.
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

LOOK_S: Final = 0.2
"""Longest wait for news: an experiment begins when every worker has heard of it
(`experiment_admin.NOTICE_MS`)."""


class DefinitionKind(NamedTuple, Generic[One]):
    """What a topic holds."""

    topic: str
    """Unprefixed."""
    word: str
    """What one of them is called."""
    decode: Callable[[bytes | None], One]
    faults: Callable[[One], list[str]]
    """Every reason against using one."""


class Definitions(Generic[One, All]):
    """What there is at present.

    Parameters
    ----------
    settings
        Brokers, topics.
    kind
        Of what.
    gather
        Makes one thing of all that is usable.
    partitions
        Of the topic.
    metrics
        Where they are counted.
    on_change
        Called with the new value in the reader's thread, after every change.

    Attributes
    ----------
    newest
        What there is now.
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
            settings, settings.topic(kind.topic), range(partitions), self.take, wait_s=LOOK_S
        )

    def start(self) -> None:
        """Begin to read."""
        self._table.start()

    def stop(self) -> None:
        """Stop reading."""
        self._table.stop()

    @property
    def caught_up(self) -> bool:
        """Say whether everything that was written at the start is known."""
        return self._table.caught_up

    def wait(self) -> None:
        """Block until everything that was written is known."""
        self._table.wait()

    def current(self) -> All:
        """Return what there is now, once everything that was written is known."""
        self.wait()
        return self.newest

    def waiting(self) -> list[str]:
        """Say how far it is, while it has not caught up."""
        return [] if self.caught_up else [str(self._table.read_progress)]

    def take(self, messages: Sequence[Message]) -> None:
        """Take records over."""
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
    """Return the definitions after some records; one that cannot be read takes its predecessor away.

    Parameters
    ----------
    kind
        Of what.
    known
        Those before, by their records' keys.
    messages
        In order.
    unreadable
        Keys of those that could not be read; kept up to date.
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
