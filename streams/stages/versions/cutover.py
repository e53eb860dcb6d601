r"""One version of the model takes over from another at an offset of the log; no page is lost or doubled.

A switch takes effect in each events partition at its *marker*, a record among the events. Every version reads
the log in order and reaches the marker between the same two events: the old version publishes the pages of
the events before it, the new version those of the events after it. Workers need no other coordination, and
any may be killed: the role is a row of the partition's state, written in the transaction of the batch that
contained the marker.

*Exactly one page per cause.* A batch is split at the marker, so neither version publishes across it; pending
pages (:mod:`streams.stages.viewers.page_throttle`) are flushed at the marker by the version that deferred
them. A switch has a number; a marker whose number is not above the last one's changes nothing, and a marker
that the register does not contain is an event like any other and ends as a dead letter.

*Numbers never go backwards.* A page is caused by an event of its own, so a viewer's n-th page is caused by an
event at offset n - 1 or later: ``seq <= offset + 1``. Before a marker at offset c no number is above c. A
version that takes over there numbers from c + 1, and the event that causes the page has an offset for it: the
bound holds after any number of switches, in both directions. In a log that was split into more partitions
offsets begin at 0 again: there the bound is ``seq <= offset + 1 + seq_base`` (`ModelVersion.seq_base`), and
whoever takes over numbers from above ``c + seq_base``. And the new version goes on after the marker
when the old version has committed everything before it (:mod:`streams.stages.versions.handover`).
"""

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

import structlog

from schemas import DecodeError
from schemas.codec import decode_switch_marker
from schemas.versions import FIRST_VERSION, MARKER_KEY, ModelVersion, SwitchMarker
from streams.engine.stage import Outcome, Record, StateView
from streams.stages.versions.handover import Predecessor
from streams.stages.versions.status import VersionStatus
from streams.stages.wire.partition_rows import ROLE

__all__ = ["Cutover", "PlacedMarker", "Role", "initial_role"]

_LOG = structlog.get_logger(__name__)
_key = attrgetter("key")


class Role(NamedTuple):
    """What a version does in one partition, from one marker to the next."""

    epoch: int
    """Number of the last switch that took effect."""
    floor: int
    """Pages are numbered from above it: offset at which the version took over, and the log's `seq_base`; 0 if
    it never did."""
    live: bool
    """Whether pages are published."""
    other: str
    """The version that publishes instead; of a live version: the one that it takes over from, and its own
    name when that is done."""

    def after(self, marker: SwitchMarker, offset: int, version: ModelVersion) -> "Role":
        """Return the role of a version after a marker.

        Examples
        --------
        >>> old = ModelVersion(name="1", fingerprint="-", epoch=0, registered_at_ms=10**12)
        >>> new = ModelVersion(name="blue", fingerprint="-", epoch=0, registered_at_ms=10**12)
        >>> marker = SwitchMarker(epoch=1, version="blue")
        >>> initial_role(old).after(marker, 41, old)
        Role(epoch=1, floor=0, live=False, other='blue')
        >>> initial_role(new).after(marker, 41, new)
        Role(epoch=1, floor=41, live=True, other='1')
        """
        if marker.epoch <= self.epoch:
            return self
        if marker.version != version.name or marker.epoch <= version.epoch:
            return Role(marker.epoch, self.floor, live=False, other=marker.version)
        floor = self.floor if self.live else offset + version.seq_base
        return self._replace(epoch=marker.epoch, floor=floor, live=True)

    def predecessor(self, version: ModelVersion) -> Predecessor | None:
        """Return the version that must reach the marker before `version` publishes after it."""
        if not self.live or self.other == version.name:
            return None
        return Predecessor(self.other, self.floor - version.seq_base)


def initial_role(version: ModelVersion) -> Role:
    """Return the role of a version before its first marker.

    The first version of an installation publishes from the first event on. Any other, also the first one when
    it was retired and registered again, is a shadow until it is switched to; markers from before it was
    registered only name the version that publishes.
    """
    return Role(0, 0, live=version.name == FIRST_VERSION and version.epoch == 0, other=version.live)


class PlacedMarker(NamedTuple):
    """A marker that is in the register, and its record."""

    marker: SwitchMarker
    record: Record


class Cutover:
    """The role of a version in one partition, and where it changes.

    Parameters
    ----------
    store
        The partition's rows, with the role.
    versions
        Status of the worker's version.
    wait_for
        Is given the version that must reach an offset before the next batch; None for none.
    """

    def __init__(
        self, store: StateView, versions: VersionStatus, wait_for: Callable[[Predecessor | None], None]
    ) -> None:
        self._versions, self._wait_for = versions, wait_for
        row = ROLE.read(store)
        self._role = initial_role(versions.registration) if row is None else Role(*row)
        wait_for(self._role.predecessor(versions.registration))

    @property
    def silent(self) -> bool:
        """Whether nothing may be published: the version is a shadow."""
        return not self._role.live

    @property
    def floor(self) -> int:
        """Number above which pages are numbered."""
        return self._role.floor

    def begin_batch(self, out: Outcome) -> None:
        """Complete a takeover: a batch is processed only when the wait for the predecessor is over."""
        entry = self._versions.registration
        if self._role.predecessor(entry) is not None:
            self._role = self._role._replace(other=entry.name)
            out.rows.append(ROLE.row(self._role))

    def split(self, records: Sequence[Record]) -> Iterator[tuple[Sequence[Record], PlacedMarker | None]]:
        """Yield a batch in segments, each with the marker behind it; the last one has none."""
        start = 0
        for n, marker in self._confirmed(records):
            yield records[start:n], PlacedMarker(marker, records[n])
            start = n + 1
        yield records[start:], None

    def pass_marker(self, placed: PlacedMarker, out: Outcome) -> bool:
        """Take the role after a marker; return whether the version publishes from there on, or no longer."""
        marker, record = placed
        was_live, entry = self._role.live, self._versions.registration
        self._role = self._role.after(marker, record.offset, entry)
        self._wait_for(self._role.predecessor(entry))
        out.rows.append(ROLE.row(self._role))
        _LOG.info(
            "switch_applied",
            partition=record.partition,
            offset=record.offset,
            epoch=marker.epoch,
            to=marker.version,
            publishes=self._role.live,
        )
        return self._role.live != was_live

    def _confirmed(self, records: Sequence[Record]) -> Iterator[tuple[int, SwitchMarker]]:
        """Yield the markers that the register contains, with their indexes in the batch."""
        markers: dict[int, SwitchMarker] = {}
        if MARKER_KEY not in map(_key, records):
            return iter(())
        for n, record in enumerate(records):
            if record.key == MARKER_KEY:
                try:
                    markers[n] = decode_switch_marker(record.value)
                except DecodeError:
                    continue
        known = self._versions.confirmed(markers.values()) if markers else set()
        return ((n, marker) for n, marker in markers.items() if (marker.epoch, marker.version) in known)
