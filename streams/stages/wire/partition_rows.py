r"""Rows of a partition that belong to no viewer and no title.

Their keys begin with ``\x01``, which no id does; their values are rows of a
:class:`streams.stages.wire.row_codec.RowCodec`. A stage that wants to keep something per partition (weights,
a histogram) declares it here::

    WEIGHTS = PartitionRow("weights", NDArray[np.float32], empty=np.zeros(0, np.float32))

    weights = WEIGHTS.read(store)               # when the step is made
    outcome.rows.append(WEIGHTS.row(weights))   # with every batch that changed them

A row can have *members*, one row each: ``PENDING_PAGE.row(value, "ada")``, ``PENDING_PAGE.no_row("ada")``,
``PENDING_PAGE.members(store)``.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np

from online_models.config import ModelConfig
from online_models.errors import RowVersionError
from online_models.feedback.watch_time import EMPTY, Counts
from online_models.learners.blender import MAX_WEIGHT
from online_models.tables.layout import F8, I8, U8
from online_models.tables.row_versions import RowVersions
from online_models.tables.tag_numbers import TagRows
from schemas.fields import MAX_TIME_MS
from streams.engine.stage import Row, StateView
from streams.errors import StateError
from streams.stages.wire.row_codec import RowCodec, explained

__all__ = [
    "ALERTED", "ALL", "BLEND", "DEPARTURES", "FORMAT", "GUESTS", "GUEST_TITLES", "GUEST_VIEWERS", "LEARNED",
    "PENDING_PAGE", "ROLE", "SENT", "SHELF_VALUE", "TABLE_LETTERS", "TAGS", "WATCH_TIME", "DepartureRow",
    "GuestState", "PartitionRow", "check_format", "is_reserved", "owner_key", "require_format",
]  # fmt: skip

T = TypeVar("T")


class GuestState(NamedTuple):
    """External rankers, apart from what belongs to one viewer or title."""

    version: int = 0
    """Of the arrays (`online_models.river.stored_state`); 0: nothing is stored."""
    names: list[str] = []  # noqa: RUF012 - never changed
    failed: list[bool] = []  # noqa: RUF012
    """Whether a ranker is switched off: its numbers were not finite."""
    positives: int = 0
    """Positives that were learned."""
    weights: F8 = np.zeros(0)
    """In the blend."""
    wholes: list[F8] = []  # noqa: RUF012
    """State of each ranker."""


_MOST: Final = (1 << 53) - 1
"""Largest offset or number in a row: that of a page's number (`schemas.fields.Seq`), which is an offset."""
_MEMBER = b"\0"  # between a row's name and that of a member


class PartitionRow(Generic[T]):
    r"""One named row of a partition.

    Parameters
    ----------
    name
        Its key without the leading control character.
    of
        Type of its value.
    empty
        Value where there is no row yet.
    versions
        Its versions. Default: one.
    is_sound
        Whether the numbers of a value are within their ranges. Default: any are.

    Examples
    --------
    >>> row = PartitionRow("example", int, empty=0)
    >>> row.row(7), row.unpack(row.row(7)[1]), row.unpack(None)
    ((b'\x01example', b'\x01\x07'), 7, 0)
    """

    def __init__(
        self,
        name: str,
        of: type[Any],
        *,
        empty: T,
        versions: RowVersions | None = None,
        is_sound: Callable[[T], bool] = lambda _: True,
    ) -> None:
        self.name = name
        self.key = b"\x01" + name.encode()
        kind = versions or f"the partition's row {name!r}"
        self.codec: RowCodec[T] = RowCodec(kind, of, is_sound=is_sound)
        self._empty = empty

    def row(self, value: T, member: str = "") -> Row:
        """Pack the row, or a member's row."""
        return self._key_of(member), self.codec.pack(value)

    def no_row(self, member: str) -> Row:
        """Return the deletion of a member's row."""
        return self._key_of(member), None

    def members(self, store: StateView) -> Iterator[tuple[str, T]]:
        """Yield the names and values of all members; scans no other row."""
        for key, value in store.scan(self.key + _MEMBER):
            try:
                name = key[len(self.key) + 1 :].decode()
            except UnicodeDecodeError as error:
                what = f"a key of {self.codec.versions.kind} is no text"
                raise StateError(what, why=error.reason, next_step="run `nearline state rebuild`") from error
            yield name, self.codec.unpack(value)

    def unpack(self, value: bytes | None) -> T:
        """Read a value of any version; raises as `RowCodec.unpack`."""
        return self._empty if value is None else self.codec.unpack(value)

    def read(self, store: StateView, member: str = "") -> T:
        """Read the row, or a member's row, from a store."""
        return self.unpack(store.get(self._key_of(member)))

    def _key_of(self, member: str) -> bytes:
        return self.key + _MEMBER + member.encode() if member else self.key


def _is_number(value: int) -> bool:
    return -1 <= value <= _MOST


def _is_time(value: int) -> bool:
    return 0 <= value < MAX_TIME_MS


SENT: PartitionRow[int] = PartitionRow("sent", int, empty=0, is_sound=_is_number)
"""Viewers stage: number of signals that the partition has sent."""
LEARNED: PartitionRow[I8] = PartitionRow(
    "learned",
    I8,
    empty=np.zeros(0, np.int64),
    is_sound=lambda numbers: all(map(_is_number, numbers.tolist())),
)
"""Titles stage: number of signals of each viewers partition that the shard has learned."""
FORMAT: PartitionRow[int] = PartitionRow("format", int, empty=0)
"""Both stages: version of the viewers' or titles' rows in the partition. An older program refuses the
partition when it opens it, before it reaches the first row that it cannot read."""
ROLE: PartitionRow[tuple[int, int, bool, str] | None] = PartitionRow(
    "role",
    tuple[int, int, bool, str],
    empty=None,
    is_sound=lambda role: role is None or all(map(_is_number, role[:2])),
)
"""Viewers stage: role of the model version (:class:`streams.stages.versions.cutover.Role`); None before the
first switch."""
WATCH_TIME: PartitionRow[Counts] = PartitionRow("watch-time", Counts, empty=EMPTY)
"""Viewers stage: histogram of watch times by title length (:mod:`online_models.feedback.watch_time`)."""
TAGS: PartitionRow[TagRows] = PartitionRow("tags", TagRows, empty=TagRows([], np.zeros((0, 0), np.float32)))
"""Titles stage: learned vectors of the shard's tags (:class:`online_models.tables.titles.TagRows`)."""
BLEND: PartitionRow[F8] = PartitionRow(
    "blend", F8, empty=np.zeros(0), is_sound=lambda weights: bool((np.abs(weights) <= MAX_WEIGHT).all())
)
"""Viewers stage: weights of the blend, row after row."""


def _with_unknown_timestamp(rows: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Upgrade pending pages to version 2: an array of three (0x93) whose last is 0."""
    return [b"\x02\x93" + row[2:] + b"\0" for row in rows]


PENDING_PAGE: PartitionRow[tuple[int, int, int]] = PartitionRow(
    "pending-page",
    tuple[int, int, int],
    empty=(-1, 0, 0),
    versions=RowVersions("the partition's row 'pending-page'").then(upgrade=_with_unknown_timestamp),
    is_sound=lambda page: _is_number(page[0]) and _is_time(page[1]) and _is_time(page[2]),
)
"""Viewers stage: a viewer's pending page (:mod:`streams.stages.viewers.page_throttle`), one member each:
offset and time (ms) of the event that asked for it, and the timestamp (ms) of its record, 0 if unknown."""
ALERTED: PartitionRow[U8] = PartitionRow(
    "alerted",
    U8,
    empty=np.zeros(0, np.uint64),
    is_sound=lambda sent: sent.size % 2 == 0 and all(map(_is_time, sent[1::2].tolist())),
)
"""Viewers stage: alerts sent to a viewer (:mod:`streams.stages.viewers.alerts`), one member each: title key
and time (ms) in turn, oldest first."""
TABLE_LETTERS: PartitionRow[int] = PartitionRow("table-letters", int, empty=-1, is_sound=_is_number)
"""Viewers stage, partition 0: offset of the last record of a table's partition of which a dead letter was
written (:mod:`streams.stages.viewers.table_letters`), one member each: topic and partition."""
SHELF_VALUE: PartitionRow[F8] = PartitionRow("shelf-value", F8, empty=np.zeros(0))
"""Viewers stage: impressions on shelves of each kind, and watches after them
(:mod:`online_models.page.shelf_kinds`)."""


class DepartureRow(NamedTuple):
    """Departures of viewers that a partition remembers (:mod:`streams.stages.viewers.departures`)."""

    done: U8
    """Hashes of the newest departures, oldest first."""
    forgotten: list[tuple[int, int]]
    """Viewers who were forgotten lately: hash of the id, and time of the request (ms)."""


DEPARTURES: PartitionRow[DepartureRow] = PartitionRow(
    "departures",
    DepartureRow,
    empty=DepartureRow(np.zeros(0, np.uint64), []),
    is_sound=lambda row: all(_is_time(at) for _, at in row.forgotten),
)
"""Viewers stage: departures that are remembered."""

GUESTS: PartitionRow[GuestState] = PartitionRow("guests", GuestState, empty=GuestState())
"""Viewers stage: external rankers (:mod:`streams.stages.viewers.guests`)."""
GUEST_VIEWERS: PartitionRow[list[F8]] = PartitionRow("guest-viewers", list[F8], empty=[])
"""Viewers stage: what each external ranker has learned of a viewer, one member each."""
GUEST_TITLES: PartitionRow[tuple[int, list[F8]]] = PartitionRow(
    "guest-titles", tuple[int, list[F8]], empty=(0, [])
)
"""Viewers stage: number of a title, and what each external ranker has learned of it, one member each."""

ALL: tuple[PartitionRow[Any], ...] = (
    SENT, LEARNED, FORMAT, ROLE, WATCH_TIME, BLEND, TAGS, PENDING_PAGE, ALERTED, SHELF_VALUE, TABLE_LETTERS,
    DEPARTURES, GUESTS, GUEST_VIEWERS, GUEST_TITLES,
)  # fmt: skip
"""All rows of this kind."""


def owner_key(key: bytes) -> bytes:
    r"""Return the key without its member.

    Examples
    --------
    >>> key, _ = PENDING_PAGE.row((41, 10**12, 10**12), "ada")
    >>> key, owner_key(key) == PENDING_PAGE.key
    (b'\x01pending-page\x00ada', True)
    """
    return key.partition(_MEMBER)[0]


def is_reserved(key: bytes) -> bool:
    """Return whether a key is the stage's own: it names no viewer or title."""
    return key[:1] <= b"\x1f"


def require_format(store: StateView, versions: RowVersions) -> list[Row]:
    """Make sure that this program can read a partition's rows.

    Returns
    -------
    list of Row
        Rows to write with the next batch: the partition's new format, or none.

    Raises
    ------
    StateVersionError
        A newer program wrote rows.
    """
    found = FORMAT.read(store)
    check_format(found, versions)
    return [] if found == versions.version else [FORMAT.row(versions.version)]


def check_format(found: int, versions: RowVersions) -> None:
    """Raise `StateVersionError` if a newer program wrote rows: `found` is the row `FORMAT`."""
    if found > versions.version:
        with explained():
            msg = f"{versions.kind} has version {found}, this program knows 1 to {versions.version}"
            raise RowVersionError(msg)
