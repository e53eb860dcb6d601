r"""One version of the model takes over from another, at an offset of the log, with no page lost or doubled.

A switch is decided once and takes effect in each events partition where its *marker* stands: a record among
the events that is none. Every version reads the log in order, so all of them meet the marker between the same
two events, whenever they get there: the old one publishes the pages of what is before it, the new one of what
is behind it. No worker has to be told in time, none has to wait for another, and any may be killed: the role
is a row of the partition's state (:data:`~streams.partition_rows.ROLE`), written in the transaction of the batch that met the marker.

*Exactly one page per cause.* A batch is cut at the marker, so neither version publishes across it. A switch
has a number; a marker with a number that is not above the last one's changes nothing, and one that the
register does not know is an event like any other and ends as a dead letter.

*Numbers never go backwards.* A page is caused by an event of its own, so a viewer's n-th page is caused by an
event at offset n - 1 or later: ``seq <= offset + 1``. Before a marker at offset c no number is above c. Who
takes over there numbers from c + 1, which the event that causes that page again has an offset for: the bound
holds after any number of switches, in both directions.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import structlog

from schemas import DecodeError
from schemas.codec import decode_switch_marker
from schemas.versions import FIRST_VERSION, MARKER_KEY, ModelVersion, SwitchMarker
from streams.partition_rows import ROLE
from streams.stage import Outcome, Record, Row, StateView
from streams.versions import Standing

__all__ = ["Role", "VersionedStep", "role_at_birth", "role_of"]

_LOG = structlog.get_logger(__name__)


class Role(NamedTuple):
    """What a version is in one partition, from one marker to the next."""

    epoch: int
    """Number of the last switch that took effect."""
    floor: int
    """Pages are numbered from above it."""
    live: bool
    """Whether pages are published."""

    def after(self, marker: SwitchMarker, offset: int, name: str) -> "Role":
        """Return the role of version `name` behind a marker.

        Examples
        --------
        >>> old, new = Role(0, 0, True), Role(0, 0, False)
        >>> marker = SwitchMarker(epoch=1, version="blue")
        >>> old.after(marker, 41, "1"), new.after(marker, 41, "blue")
        (Role(epoch=1, floor=0, live=False), Role(epoch=1, floor=41, live=True))
        >>> new.after(marker, 41, "blue").after(marker, 77, "blue").floor
        41
        """
        if marker.epoch <= self.epoch:
            return self
        live = marker.version == name
        return Role(marker.epoch, offset if live and not self.live else self.floor, live)

    def row(self) -> Row:
        """Return the role as a row of the state."""
        return ROLE.row(np.array(self, np.int64))


def role_of(store: StateView, version: ModelVersion) -> Role:
    """Return the role that a partition's state says, or the one at birth.

    Examples
    --------
    >>> key, value = Role(3, 41, True).row()
    >>> role_of({key: value}, ModelVersion(name="blue", fingerprint="-", epoch=2, registered_at_ms=10**12))
    Role(epoch=3, floor=41, live=True)
    """
    found = ROLE.read(store)
    if not found.size:
        return role_at_birth(version)
    epoch, floor, live = found.tolist()
    return Role(epoch, floor, bool(live))


def role_at_birth(version: ModelVersion) -> Role:
    """Return the role of a version before it has met a marker that concerns it.

    The first version of an installation publishes from the first event on. Any other, also the first one when
    it was retired and came again, is a shadow until it is switched to.
    """
    return Role(version.epoch, 0, version.name == FIRST_VERSION and version.epoch == 0)


class VersionedStep(ABC):
    """A step over the event log that knows whether to publish.

    Parameters
    ----------
    store
        The partition's rows, the role among them.
    versions
        The version's standing.
    """

    def __init__(self, store: StateView, versions: Standing) -> None:
        self._versions = versions
        self._role = role_of(store, versions.registration)

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

    def __call__(self, records: Sequence[Record]) -> Outcome:
        """Turn a batch into changes, cut where a switch takes effect."""
        marked = [n for n, record in enumerate(records) if record.key == MARKER_KEY]
        if not marked:
            return self._told(records)
        out, start = Outcome(), 0
        for n, marker in self._confirmed(records, marked):
            _add(out, self._told(records[start:n]))
            self._turn(marker, records[n])
            out.rows.append(self._role.row())
            start = n + 1
        _add(out, self._told(records[start:]))
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

    def _turn(self, marker: SwitchMarker, record: Record) -> None:
        """Take the role that begins behind a marker."""
        self._role = self._role.after(marker, record.offset, self._versions.registration.name)
        _LOG.info(
            "switch_met",
            partition=record.partition,
            offset=record.offset,
            epoch=marker.epoch,
            to=marker.version,
            publishes=self._role.live,
        )


def _add(out: Outcome, part: Outcome) -> None:
    """Put an outcome behind another: of a row that both change, the later value is the one that stays."""
    out.rows.extend(part.rows)
    out.dead_letters.extend(part.dead_letters)
    for target, messages in part.outputs.items():
        out.outputs.setdefault(target, []).extend(messages)
