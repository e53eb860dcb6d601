r"""One version of the model takes over from another, at an offset of the log, with no page lost or doubled.

A switch is decided once and takes effect in each events partition where its *marker* stands: a record among
the events that is none. Every version reads the log in order, so all of them meet the marker between the same
two events, whenever they get there: the old one publishes the pages of what is before it, the new one of what
is behind it. No worker has to be told in time, and any may be killed: the role is a row of the partition's
state, written in the transaction of the batch that met the marker.

*Exactly one page per cause.* A batch is cut at the marker, so neither version publishes across it; pages that
are owed (:mod:`streams.stages.viewers.page_throttle`) are paid at the marker, by the version that owes them. A switch
has a number; a marker with a number that is not above the last one's changes nothing, and one that the
register does not know is an event like any other and ends as a dead letter.

*Numbers never go backwards.* A page is caused by an event of its own, so a viewer's n-th page is caused by an
event at offset n - 1 or later: ``seq <= offset + 1``. Before a marker at offset c no number is above c. Who
takes over there numbers from c + 1, which the event that causes that page again has an offset for: the bound
holds after any number of switches, in both directions. And the new version goes on behind the marker when the
old one has committed everything before it (:mod:`streams.stages.versions.handover`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import structlog

from schemas import DecodeError
from schemas.codec import decode_switch_marker
from schemas.versions import FIRST_VERSION, MARKER_KEY, ModelVersion, SwitchMarker
from streams.engine.stage import Outcome, Record, StateView
from streams.stages.versions.handover import Predecessor
from streams.stages.versions.own import Standing
from streams.stages.wire.partition_rows import ROLE

__all__ = ["Role", "VersionedStep", "role_at_birth"]

_LOG = structlog.get_logger(__name__)


class Role(NamedTuple):
    """What a version is in one partition, from one marker to the next."""

    epoch: int
    """Number of the last switch that took effect."""
    floor: int
    """Pages are numbered from above it; where the version took over, if it ever did."""
    live: bool
    """Whether pages are published."""
    other: str
    """Who publishes instead; of a live version: from whom it takes over, itself when that is done."""

    def after(self, marker: SwitchMarker, offset: int, version: ModelVersion) -> "Role":
        """Return the role of a version behind a marker.

        Examples
        --------
        >>> old = ModelVersion(name="1", fingerprint="-", epoch=0, registered_at_ms=10**12)
        >>> new = ModelVersion(name="blue", fingerprint="-", epoch=0, registered_at_ms=10**12)
        >>> marker = SwitchMarker(epoch=1, version="blue")
        >>> role_at_birth(old).after(marker, 41, old)
        Role(epoch=1, floor=0, live=False, other='blue')
        >>> role_at_birth(new).after(marker, 41, new)
        Role(epoch=1, floor=41, live=True, other='1')
        """
        if marker.epoch <= self.epoch:
            return self
        if marker.version != version.name or marker.epoch <= version.epoch:
            return Role(marker.epoch, self.floor, live=False, other=marker.version)
        return self._replace(epoch=marker.epoch, floor=self.floor if self.live else offset, live=True)

    def predecessor(self, name: str) -> Predecessor | None:
        """Return who must have reached the marker before version `name` publishes what is behind it."""
        return Predecessor(self.other, self.floor) if self.live and self.other != name else None


def role_at_birth(version: ModelVersion) -> Role:
    """Return the role of a version before it has met a marker.

    The first version of an installation publishes from the first event on. Any other, also the first one when
    it was retired and came again, is a shadow until it is switched to; markers from before it was registered
    only tell it who publishes.
    """
    return Role(0, 0, live=version.name == FIRST_VERSION and version.epoch == 0, other=version.live)


class VersionedStep(ABC):
    """A step over the event log that knows whether to publish.

    Parameters
    ----------
    store
        The partition's rows, the role among them.
    versions
        The version's standing.
    wait_for
        Told who has to get how far before the next batch; None for nobody.
    """

    def __init__(
        self, store: StateView, versions: Standing, wait_for: Callable[[Predecessor | None], None]
    ) -> None:
        self._versions, self._wait_for = versions, wait_for
        row = ROLE.read(store)
        self._role = role_at_birth(versions.registration) if row is None else Role(*row)
        wait_for(self._role.predecessor(versions.registration.name))

    @property
    def silent(self) -> bool:
        """Return whether nothing may be published: a shadow."""
        return not self._role.live

    @property
    def floor(self) -> int:
        """Return the number above which pages are numbered."""
        return self._role.floor

    @abstractmethod
    def learn(self, records: Sequence[Record]) -> Outcome:
        """Turn events into changes; no pages while :attr:`silent`."""

    def settle(self) -> Outcome:
        """Pay what is owed from before a marker: behind it another version may publish."""
        return Outcome()

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Turn a batch into changes, cut where a switch takes effect."""
        marked = [n for n, record in enumerate(records) if record.key == MARKER_KEY]
        name = self._versions.registration.name
        taking_over = self._role.predecessor(name) is not None
        if not marked and not taking_over:
            return self._told(records)
        out, start = Outcome(), 0
        if taking_over:  # a batch comes when the wait is over
            self._role = self._role._replace(other=name)
            out.rows.append(ROLE.row(self._role))
        for n, marker in self._confirmed(records, marked):
            out.add(self._told(records[start:n]))
            out.add(self.settle())
            took_over = self._turn(marker, records[n])
            out.rows.append(ROLE.row(self._role))
            if took_over:
                return replace(out, last_offset=records[n].offset)
            start = n + 1
        out.add(self._told(records[start:]))
        return out

    def _told(self, records: Sequence[Record]) -> Outcome:
        if not records:
            return Outcome()
        out = self.learn(records)
        if self.silent:
            out.dead_letters.clear()
        return out

    def _confirmed(
        self, records: Sequence[Record], marked: Sequence[int]
    ) -> Iterator[tuple[int, SwitchMarker]]:
        """Yield the markers that the register knows, with their places in the batch."""
        markers: dict[int, SwitchMarker] = {}
        for n in marked:
            try:
                markers[n] = decode_switch_marker(records[n].value)
            except DecodeError:
                continue
        known = self._versions.confirmed(markers.values()) if markers else set()
        return ((n, marker) for n, marker in markers.items() if (marker.epoch, marker.version) in known)

    def _turn(self, marker: SwitchMarker, record: Record) -> bool:
        """Take the role that begins behind a marker; return whether the version took over there."""
        was_live, entry = self._role.live, self._versions.registration
        self._role = self._role.after(marker, record.offset, entry)
        self._wait_for(self._role.predecessor(entry.name))
        _LOG.info(
            "switch_met",
            partition=record.partition,
            offset=record.offset,
            epoch=marker.epoch,
            to=marker.version,
            publishes=self._role.live,
        )
        return self._role.live and not was_live
