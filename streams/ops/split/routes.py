"""Where records and rows go when partitions are split. Knows no Kafka.

The number of partitions is multiplied. A partition is murmur2 of the key modulo their number, so the keys of
partition p are in the *children* p, p + before, p + 2 before … afterwards, and a child has one parent. What a
partition knows of all its viewers together (weights of the blend, watch times) is therefore defined for each
child: it is what the parent knew.
"""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from online_models.experiments.exposure import Tally
from online_models.experiments.moments import Moments
from schemas.partitioner import partition_for
from schemas.versions import FIRST_VERSION, MARKER_KEY
from streams.errors import SettingsError, StateError
from streams.stages.experiments.rows import TALLIES, TALLY, pack_tally, tally_of
from streams.stages.versions.cutover import Role
from streams.stages.wire import impression_rows, partition_rows
from streams.stages.wire.events import account_of
from streams.stages.wire.partition_rows import PartitionRow, is_reserved

__all__ = ["KEPT", "MOVED", "Copies", "Route", "Split", "event", "result_row", "viewer_row", "visit_row"]

Copies = Iterable[tuple[int, bytes | None]]
"""Partitions that get a row, each with its value there."""


class Split(NamedTuple):
    """A number of partitions, and a multiple of it."""

    before: int
    after: int
    profiles: bool = False
    """Whether a profile is a viewer: the setting of the workers."""
    version: str = FIRST_VERSION
    """The version of the model."""

    def children(self, partition: int) -> range:
        """Return the partitions into which one is split; the first has its number.

        Examples
        --------
        >>> list(Split(2, 8).children(1))
        [1, 3, 5, 7]
        """
        return range(partition, self.after, self.before)

    def of_key(self, key: bytes, partition: int) -> int:
        """Return the child of a partition that gets a record.

        A record that is in a wrong partition stays in one: it was a dead letter, and it will be one.

        Examples
        --------
        >>> Split(2, 4).of_key(b"ada", 1), Split(2, 4).of_key(b"ada", 0)
        (1, 0)
        """
        home = partition_for(key, self.after)
        return home if home % self.before == partition else partition

    def of_viewer(self, viewer: bytes, partition: int) -> int:
        """Return the child of a partition that gets what belongs to a viewer.

        Raises
        ------
        SettingsError
            The viewer's events are in another partition: the setting `profiles` is not that of the workers.
        """
        account = account_of(viewer.decode(errors="replace"), profiles=self.profiles).encode()
        home = partition_for(account, self.after)
        if home % self.before != partition:
            what = f"partition {partition} has a row of a viewer whose events are in {home % self.before}"
            advice = "set NEARLINE_PROFILES as the workers have it, then repeat"
            raise SettingsError(what, why="the key of the events is another one", next_step=advice)
        return home


Route = Callable[[Split, int, bytes, bytes | None], Copies]
"""From a row of a partition, its key and value, to its copies."""


def event(split: Split, partition: int, key: bytes) -> Iterable[int]:
    """Return the partitions that get a record of the event log: a switch marker concerns all viewers."""
    return split.children(partition) if key == MARKER_KEY else (split.of_key(key, partition),)


def _to_all(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:  # noqa: ARG001
    return [(child, value) for child in split.children(partition)]


def _to_first(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:  # noqa: ARG001
    return [(partition, value)]


def _to_nobody(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:  # noqa: ARG001
    return []


def _of_member(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:
    member = key[len(partition_rows.owner_key(key)) + 1 :]
    return [(split.of_viewer(member, partition), value)]


def _role(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:
    """Copy the role without a takeover to wait for: the other version is gone, and so are its offsets."""
    row = partition_rows.ROLE.unpack(value)
    if row is not None:
        role = Role(*row)
        _, value = partition_rows.ROLE.row(role._replace(other=split.version) if role.live else role)
    return _to_all(split, partition, key, value)


MOVED: Final = partition_rows.PENDING_PAGE
"""Row that names an offset of the event log: its copy names the copy of the event."""
_VIEWER_ROWS: Final = MappingProxyType[PartitionRow[Any], Route](
    {
        # the titles stage counts signals by partition, and has counted those of the parent: the other
        # children have sent none
        partition_rows.SENT: _to_first,
        partition_rows.FORMAT: _to_all,
        partition_rows.ROLE: _role,
        partition_rows.WATCH_TIME: _to_all,
        partition_rows.BLEND: _to_all,
        partition_rows.SHELF_VALUE: _to_all,
        partition_rows.DEPARTURES: _to_all,  # hashes, which do not say whose they are
        partition_rows.GUESTS: _to_all,
        partition_rows.GUEST_TITLES: _to_all,
        partition_rows.GUEST_VIEWERS: _of_member,
        partition_rows.ALERTED: _of_member,
        # offsets of tables that are written anew: what cannot be used there is reported once more
        partition_rows.TABLE_LETTERS: _to_nobody,
    }
)
KEPT: Final = MappingProxyType({row.key: route for row, route in _VIEWER_ROWS.items()})
"""Routes of the partition's rows in the viewers stage, by key; without :data:`MOVED`."""


def viewer_row(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:
    """Route a row of the viewers stage, except :data:`MOVED`.

    Raises
    ------
    StateError
        There is no such row: a newer program wrote it.
    """
    if not is_reserved(key):
        return [(split.of_viewer(key, partition), value)]
    if key.startswith(impression_rows.PREFIX):
        return [(split.of_viewer(key[len(impression_rows.PREFIX) :], partition), value)]
    route = KEPT.get(partition_rows.owner_key(key))
    if route is None:
        name = partition_rows.owner_key(key)[1:].decode(errors="replace")
        what, advice = f"the partition's row {name!r} is unknown", "split with the newest program"
        raise StateError(what, why="a newer program wrote it", next_step=advice)
    return route(split, partition, key, value)


def result_row(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:
    """Route a row of the results stage: viewers' counts, and the tallies of a partition.

    A tally is a sum over viewers, and the decisions stage adds the partitions up. The first child keeps it,
    and the others begin with sums of zero: what their viewers do next is added there.
    """
    if not key.startswith(TALLY):
        return [(split.of_viewer(key, partition), value)]
    others = split.children(partition)[1:]
    return [(partition, value)] + [(child, value and _empty_tally(value, child)) for child in others]


def visit_row(split: Split, partition: int, key: bytes, value: bytes | None) -> Copies:
    """Route a row of the visits stage: all are of viewers."""
    return [(split.of_viewer(key, partition), value)]


def _empty_tally(value: bytes, partition: int) -> bytes:
    """Return the tally of the same experiment and arms, without viewers."""
    record = TALLIES.unpack(value)
    parent = tally_of(record)
    empty = Tally(parent.first_ms, parent.first_ms, 0, {arm: Moments() for arm in parent.arms})
    return pack_tally(record.experiment_id, partition, empty)
