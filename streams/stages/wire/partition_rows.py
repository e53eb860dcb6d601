r"""Rows that are a partition's own: no viewer's and no title's.

Their keys begin with ``\x01``, which no id does; their values are a byte of version and a payload. A stage
that wants to keep something per partition (weights, a histogram) names it here::

    WEIGHTS = PartitionRow("weights", numbers("<f4"), empty=np.zeros(0, np.float32))

    weights = WEIGHTS.read(store)               # when the step is made
    outcome.rows.append(WEIGHTS.row(weights))   # with every batch that changed them

To change a payload's meaning, append a version: ``versions=RowVersions("weights").then(upgrade=function)``
(see :mod:`online_models.tables.row_versions`); the upgrade takes and returns whole values, the byte of version
included.

A row can have *members*, a row each: ``OWED.row(value, "ada")``, ``OWED.no_row("ada")``,
``OWED.members(store)``.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.errors import ConfigMismatchError, NonFiniteRowError, RowVersionError
from online_models.feedback.watch_time import EMPTY, Counts
from online_models.tables.layout import F8, I8, U8
from online_models.tables.row_versions import RowVersions
from online_models.tables.titles import TagRows
from streams.engine.stage import Row, StateView
from streams.errors import StateError, StateVersionError

__all__ = [
    "ALL", "BLEND", "FORMAT", "LEARNED", "OWED", "ROLE", "SENT", "TAGS", "WATCH_TIME", "Form", "PartitionRow",
    "count", "explained", "is_reserved", "numbers", "owner_key", "require_format",
]  # fmt: skip

T = TypeVar("T")
_COUNT = struct.Struct("<q")
_ROLE = struct.Struct("<qq?")
_CAUSE = struct.Struct("<qq")
_MEMBER = b"\0"  # between a row's name and that of a member
_NO_CONFIG = ModelConfig()  # payloads do not depend on the model's shapes, or say so themselves
_UNFRAMED = 8  # values of before there were versions were 64-bit numbers: a multiple of 8 bytes, no frame


class Form(NamedTuple):
    """How a payload is packed, and read."""

    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]


def count() -> Form:
    """Return the form of one integer."""
    return Form(_COUNT.pack, lambda payload: int(_COUNT.unpack(payload)[0]))


def numbers(kind: str) -> Form:
    """Return the form of a one-dimensional array; numbers that are not finite are refused.

    Examples
    --------
    >>> form = numbers("<f4")
    >>> form.unpack(form.pack(np.array([0.5, 2.0]))).tolist()
    [0.5, 2.0]
    """

    def pack(values: NDArray[Any]) -> bytes:
        if not np.isfinite(values).all():
            msg = "a partition's row is not finite"
            raise NonFiniteRowError(msg)
        return values.astype(kind).tobytes()

    return Form(pack, lambda payload: np.frombuffer(payload, kind).copy())


def _role() -> Form:
    """Return the form of a role: two integers, a truth value, a name."""

    def unpack(payload: bytes) -> tuple[int, int, bool, str]:
        return (*_ROLE.unpack(payload[: _ROLE.size]), payload[_ROLE.size :].decode())

    return Form(lambda role: _ROLE.pack(*role[:3]) + role[3].encode(), unpack)


class PartitionRow(Generic[T]):
    r"""One named row of a partition.

    Parameters
    ----------
    name
        Its key without the leading control character.
    form
        How the newest version's payload is packed.
    empty
        What is read where there is no row yet.
    versions
        Its versions; one, if nothing is said.
    unframed
        Whether values from before there were versions exist; they count as version 1.

    Examples
    --------
    >>> row = PartitionRow("example", count(), empty=0)
    >>> row.row(7), row.unpack(row.row(7)[1]), row.unpack(None)
    ((b'\x01example', b'\x01\x07\x00\x00\x00\x00\x00\x00\x00'), 7, 0)
    """

    def __init__(
        self, name: str, form: Form, *, empty: T, versions: RowVersions | None = None, unframed: bool = False
    ) -> None:
        self.name = name
        self.key = b"\x01" + name.encode()
        self.versions = versions or RowVersions(f"the partition's row {name!r}")
        self._form, self._empty, self._unframed = form, empty, unframed

    def row(self, value: T, member: str = "") -> Row:
        """Pack, the row of a member where one is named."""
        return self._key_of(member), bytes([self.versions.version]) + self._form.pack(value)

    def no_row(self, member: str) -> Row:
        """Return what deletes a member's row."""
        return self._key_of(member), None

    def members(self, store: StateView) -> Iterator[tuple[str, T]]:
        """Yield names and values of the members that there are; looks at no other row."""
        for key, value in store.scan(self.key + _MEMBER):
            yield key[len(self.key) + 1 :].decode(), self.unpack(value)

    def unpack(self, value: bytes | None) -> T:
        """Read a value of any version.

        Raises
        ------
        StateVersionError
            A newer version wrote it.
        StateError
            It cannot be read.
        """
        if value is None:
            return self._empty
        if self._unframed and len(value) % _UNFRAMED == 0:
            value = b"\x01" + value
        with explained():
            (current,) = self.versions.current([value], _NO_CONFIG)
        try:
            out: T = self._form.unpack(current[1:])
        except (struct.error, ValueError) as error:
            what = f"{self.versions.kind} cannot be read"
            advice = "run `nearline state verify`, then `nearline state rebuild`"
            raise StateError(what, why=str(error), next_step=advice) from error
        return out

    def read(self, store: StateView, member: str = "") -> T:
        """Read the row of a store, a member's where one is named."""
        return self.unpack(store.get(self._key_of(member)))

    def _key_of(self, member: str) -> bytes:
        return self.key + _MEMBER + member.encode() if member else self.key


SENT: PartitionRow[int] = PartitionRow("sent", count(), empty=0, unframed=True)
"""Viewers stage: how many signals the partition has sent."""
LEARNED: PartitionRow[I8] = PartitionRow(
    "learned", numbers("<i8"), empty=np.zeros(0, np.int64), unframed=True
)
"""Titles stage: how many signals of each viewers partition the shard has learned."""
FORMAT: PartitionRow[int] = PartitionRow("format", count(), empty=0)
"""Both stages: the newest version of the rows beside it, so that an older program refuses the partition when
it opens it, and not at the first row that it cannot read."""
ROLE: PartitionRow[tuple[int, int, bool, str] | None] = PartitionRow("role", _role(), empty=None)
"""Viewers stage: what the version is (:class:`streams.stages.versions.cutover.Role`); None before it met a
switch."""

WATCH_TIME: PartitionRow[Counts] = PartitionRow("watch-time", numbers("<u2"), empty=EMPTY)
"""Viewers stage: how long titles of like length are watched (:mod:`online_models.feedback.watch_time`)."""


def _tags() -> Form:
    """Return the form of tags' vectors: names, end to end, then the numbers of each."""

    def pack(tags: TagRows) -> bytes:
        names = "\0".join(tags.names).encode()
        return _COUNT.pack(len(names)) + names + numbers("<f4").pack(tags.vectors.ravel())

    def unpack(payload: bytes) -> TagRows:
        (size,) = _COUNT.unpack(payload[: _COUNT.size])
        end = _COUNT.size + size
        names = payload[_COUNT.size : end].decode().split("\0") if size else []
        return TagRows(names, np.frombuffer(payload[end:], "<f4").reshape(len(names), -1).copy())

    return Form(pack, unpack)


TAGS: PartitionRow[TagRows] = PartitionRow("tags", _tags(), empty=TagRows([], np.zeros((0, 0), np.float32)))
"""Titles stage: what the shard's tags have learned (:class:`online_models.tables.titles.TagRows`)."""
BLEND: PartitionRow[F8] = PartitionRow("blend", numbers("<f8"), empty=np.zeros(0))
"""Viewers stage: the blend's weights, row after row (:class:`online_models.ranking.shared_scores.SharedScores`)."""

OWED: PartitionRow[tuple[int, int]] = PartitionRow(
    "owed", Form(lambda cause: _CAUSE.pack(*cause), _CAUSE.unpack), empty=(-1, 0)
)
"""Viewers stage: who is owed a page (:mod:`streams.stages.viewers.page_throttle`), a member each: offset and time of an
event."""

ALERTED: PartitionRow[U8] = PartitionRow("alerted", numbers("<u8"), empty=np.zeros(0, np.uint64))
"""Viewers stage: what viewers were told of (:mod:`streams.stages.viewers.alerts`), a member each: title keys and
times, ms, by turns."""
ROW_WORTH: PartitionRow[F8] = PartitionRow("row-worth", numbers("<f8"), empty=np.zeros(0))
"""Viewers stage: titles seen in rows of each kind, and watched after it (:mod:`online_models.page.shelf_value`)."""

ALL: tuple[PartitionRow[Any], ...] = (
    SENT, LEARNED, FORMAT, ROLE, WATCH_TIME, BLEND, TAGS, OWED, ALERTED, ROW_WORTH,
)  # fmt: skip
"""Every row of a partition's own that there is."""


def owner_key(key: bytes) -> bytes:
    r"""Return the key without its member.

    Examples
    --------
    >>> key, _ = OWED.row((41, 10**12), "ada")
    >>> key, owner_key(key) == OWED.key
    (b'\x01owed\x00ada', True)
    """
    return key.partition(_MEMBER)[0]


def is_reserved(key: bytes) -> bool:
    """Say whether a key belongs to the stage and names no viewer or title."""
    return key[:1] <= b"\x1f"


def require_format(store: StateView, versions: RowVersions) -> list[Row]:
    """Make sure that this program can read a partition's rows.

    Returns
    -------
    list of Row
        What is to be written with the partition's next rows: its new format, or nothing.

    Raises
    ------
    StateVersionError
        A newer program wrote rows.
    """
    found = FORMAT.read(store)
    if found > versions.version:
        with explained():
            msg = f"{versions.kind} has version {found}, this program knows 1 to {versions.version}"
            raise RowVersionError(msg)
    return [] if found == versions.version else [FORMAT.row(versions.version)]


@contextmanager
def explained() -> Iterator[None]:
    """Turn what is wrong with a row into an error that the operator reads; ids stay out of it."""
    try:
        yield
    except RowVersionError as error:
        what = "stored rows are of a version that this program does not know"
        advice = "start the version of nearline that wrote them; nothing was changed"
        raise StateVersionError(what, why=str(error), next_step=advice) from error
    except ConfigMismatchError as error:
        what = "stored rows were written under another model configuration, or are damaged"
        advice = (
            "restore the former NEARLINE_MODEL__… settings, or learn the new ones as a version of their own, "
            "NEARLINE_MODEL_VERSION=NAME (`nearline model --help`); "
            "`nearline state verify` tells damage"
        )
        raise StateError(what, why=str(error), next_step=advice) from error
