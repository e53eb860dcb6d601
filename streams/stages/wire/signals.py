"""Records of ``titles.signals.v1``: signals from the viewers stage to the titles stage, by columns.

::

    header | one column after the other of EVENT_COLUMNS[n] | x f2[p, D] | gradient f2[p, HK]
           | history u2[sum of depth] | known, one bit each | keys u8[t] | ends of names u4[t] | names
           | attribution updates

All little-endian. Titles are numbers of the record's own dictionary (keys and names at the end). ``x`` and
the gradient are there for the ``p`` chosen titles only, in half precision: learning does not notice the
difference, and the broker sees half the bytes. A record holds at most :data:`MAX_EVENTS` signals and is
halved until it has at most :data:`MAX_BYTES`; a dictionary entry takes at least 14 bytes, so title numbers
fit 16 bits. A record without signals has attribution updates, or names titles: those that viewers have
brought from elsewhere (`history`), from which titles learn nothing. Only the title model stores names.

The first byte is the record's version, as of all rows (:mod:`streams.stages.wire.row_codec`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import blank_signals
from online_models.tables.layout import I4, Signals
from online_models.tables.row_versions import RowVersions
from online_models.tables.titles import TitleTable
from schemas import DecodeError, Reason
from streams.errors import StateError
from streams.stages.wire.attribution import unpack_updates
from streams.stages.wire.row_codec import explained
from streams.stages.wire.signal_checks import (
    CHOSEN,
    LEARNED,
    fault_of_names,
    fault_of_signals,
    fault_of_updates,
)

__all__ = [
    "MAX_BYTES",
    "MAX_EVENTS",
    "VERSIONS",
    "SignalBatch",
    "pack",
    "pack_names",
    "pack_updates",
    "unpack",
]

_HEADER_2: Final = [
    ("version", "<u2"), ("partition", "<u2"), ("events", "<u4"), ("width", "<u2"), ("inputs", "<u2"),
    ("positives", "<u4"), ("history", "<u4"), ("titles", "<u4"), ("names", "<u4"), ("sent", "<i8"),
]  # fmt: skip
_FIRST: Final = np.dtype(_HEADER_2)
HEADER: Final = np.dtype([*_HEADER_2, ("seen", "<i8")])
EVENT_COLUMNS: Final = (
    ("action", "u1"), ("title", "<u2"), ("weight", "<f4"), ("change", "<f4"), ("at", "<i8"), ("depth", "<u2"),
    ("country", "<u2"), ("session_items", "<u2"), ("device", "u1"), ("viewer", "<u2"),
)  # fmt: skip
"""One value per signal each: fields of `Signals`, the title as a number of the dictionary, and the viewer's
country, kind of device, and 16 bits of the hash of the id: enough to see whether a segment has twenty
viewers, too few to name one."""


def _with_viewers(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Upgrade records of version 1, which do not tell viewers apart: all signals count as one viewer's."""
    out = []
    for record in records:
        head = np.frombuffer(record, _FIRST, count=1).copy()
        before = sum(np.dtype(kind).itemsize for name, kind in EVENT_COLUMNS if name != "viewer")
        n = min(int(head["events"][0]), len(record) // before)  # more is no record, and refused when read
        end = _FIRST.itemsize + n * before
        head["version"] = 2
        out.append(head.tobytes() + record[_FIRST.itemsize : end] + bytes(2 * n) + record[end:])
    return out


def _with_seen(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Upgrade records of version 2, which do not say what their senders had seen: everything."""
    size = _FIRST.itemsize
    return [b"\3" + one[1:size] + ALL_SEEN.to_bytes(8, "little") + one[size:] for one in records]


def _with_neutral(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Upgrade records of version 3, whose senders left neutral titles out: there are none."""
    return [b"\4" + one[1:] for one in records]


ALL_SEEN: Final = 1 << 62
"""More signals than there are: a sender whose replica lacks none."""
VERSIONS: Final = (
    RowVersions("a signals record")
    .then(upgrade=_with_viewers)
    .then(upgrade=_with_seen)
    .then(upgrade=_with_neutral)
)
MAX_EVENTS: Final = 1_000
"""Signals in a record: about 300 bytes each at the default configuration, 6 kB at the largest."""
MAX_BYTES: Final = 900_000
"""Bytes of a record: Kafka's default limit is 1 MB, headers and the batch's overhead included."""
_NO_ROW: Final = np.iinfo(np.int32).min
"""In a history, a title that has no row here."""

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SignalBatch:
    """One record."""

    partition: int
    """Viewers partition of the sender."""
    sent: int
    """Signals sent so far, with this record's: the watermark that bounds the replica's lag."""
    seen: int
    """Signals of all partitions that the sender's replica had learned."""
    signals: Signals
    """Titles as rows of the receiver's table."""
    countries: NDArray[np.uint16]
    """[n] countries of the viewers as codes, 0 where unknown."""
    devices: NDArray[np.uint8]
    """[n] kinds of device as codes, 0 where unknown."""
    viewers: NDArray[np.uint16]
    """[n] 16 bits of the hashes of the viewers' ids."""
    named: I4
    """Rows of the titles of a record without signals: they are only named."""
    updates: bytes
    """Packed attribution updates (:mod:`streams.stages.wire.attribution`); mostly empty."""


class _Located(NamedTuple):
    """Signals with the countries and devices of their viewers."""

    signals: Signals
    countries: NDArray[np.uint16]
    devices: NDArray[np.uint8]
    viewers: NDArray[np.uint16]


def pack(
    signals: Signals,
    titles: TitleTable,
    *,
    partition: int,
    sent: int,
    seen: int = ALL_SEEN,
    countries: NDArray[np.uint16] | None = None,
    devices: NDArray[np.uint8] | None = None,
    viewers: NDArray[np.uint16] | None = None,
) -> Iterator[tuple[bytes, int]]:
    """Pack the signals from which titles learn, in records that a broker accepts.

    Parameters
    ----------
    signals
        Signals of one batch; those without effect on titles are left out.
    titles
        The sender's table, whose rows the signals name.
    partition
        The sender's partition.
    sent
        Signals that it has sent before.
    seen
        Signals of all partitions that its replica had learned when it observed these. Default: all.
    countries
        Country codes of the first signals' viewers, 0 where unknown. Default: all unknown.
    devices
        Device codes of the first signals' viewers, 0 where unknown. Default: all unknown.
    viewers
        16 bits of the hashes of the first signals' viewers. Default: 0.

    Yields
    ------
    record, sent
        The bytes, and the sender's count after them.
    """
    n = signals.title.size
    located = _Located(signals, np.zeros(n, np.uint16), np.zeros(n, np.uint8), np.zeros(n, np.uint16))
    if countries is not None:
        located.countries[: countries.size] = countries
    if devices is not None:
        located.devices[: devices.size] = devices
    if viewers is not None:
        located.viewers[: viewers.size] = viewers
    useful = np.flatnonzero(LEARNED[signals.action])
    for start in range(0, useful.size, MAX_EVENTS):
        chosen = useful[start : start + MAX_EVENTS]
        yield from _halved(located, chosen, titles, partition, (sent + start, seen))


def pack_updates(updates: bytes, titles: TitleTable, *, partition: int, sent: int) -> bytes:
    """Pack attribution updates as a record without signals."""
    head, config = np.zeros(1, HEADER), titles.config
    head["version"], head["partition"], head["sent"] = VERSIONS.version, partition, sent
    head["width"], head["inputs"] = config.width, config.input_width
    return head.tobytes() + updates


def pack_names(rows: I4, titles: TitleTable, *, partition: int, sent: int) -> Iterator[bytes]:
    """Pack the names of titles as records without signals; parameters as for `pack`."""
    for start in range(0, rows.size, MAX_EVENTS):
        some = rows[start : start + MAX_EVENTS]
        dictionary, length = _dictionary(some, titles)
        head, config = np.zeros(1, HEADER), titles.config
        head["version"], head["partition"], head["sent"] = VERSIONS.version, partition, sent
        head["width"], head["inputs"] = config.width, config.input_width
        head["titles"], head["names"] = some.size, length
        yield head.tobytes() + dictionary


def unpack(record: bytes, titles: TitleTable) -> SignalBatch:
    """Read a record of any version; find or make the rows of its titles.

    A title beyond the receiver's capacity is left out: its signals have no effect, and histories close the
    gap.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    StateError
        It is of a model of another shape.
    DecodeError
        No worker wrote it; nothing has changed.
    """
    if len(record) < _FIRST.itemsize:
        raise _malformed(len(record))
    with explained():
        (record,) = VERSIONS.current([record], titles.config)
    if len(record) < HEADER.itemsize:
        raise _malformed(len(record))
    head = np.frombuffer(record, HEADER, count=1)[0]
    width, inputs = titles.config.width, titles.config.input_width
    if (head["width"], head["inputs"]) != (width, inputs):
        what = "a signals record was written under another model configuration"
        why = f"width {head['width']} and {head['inputs']}; expected {width} and {inputs}"
        advice = "let the workers of the old configuration drain titles.signals.v1 before starting new ones"
        raise StateError(what, why=why, next_step=advice)
    try:
        return _read(record, head, titles)
    except (ValueError, IndexError, msgspec.MsgspecError) as error:  # of numpy: lengths that do not fit
        raise _malformed(type(error).__name__) from error


def _read(record: bytes, head: np.void, titles: TitleTable) -> SignalBatch:
    """Read a record of the newest version and of this model's shape; raise where its lengths do not fit."""
    width, inputs = titles.config.width, titles.config.input_width
    columns = _Columns(record, HEADER.itemsize)
    n, p = int(head["events"]), int(head["positives"])
    events = {name: columns.take(kind, n) for name, kind in EVENT_COLUMNS}
    out = blank_signals(n, titles)
    for name in ("action", "weight", "change", "at", "depth", "session_items"):
        getattr(out, name)[:] = events[name]
    chosen = CHOSEN[out.action]
    out.x[chosen] = columns.take("<f2", p * width).reshape(p, width)
    out.gradient[chosen] = columns.take("<f2", p * inputs).reshape(p, inputs)
    history = columns.take("<u2", int(head["history"]))
    known = np.unpackbits(columns.take("u1", -(-history.size // 8)), count=history.size).astype(bool)
    dictionary = _Dictionary.read(columns, int(head["titles"]), int(head["names"]))
    updates, used = columns.rest(), np.concatenate((events["title"], history))
    fault = (
        fault_of_names(dictionary.names)
        or fault_of_signals(out, events["country"], events["device"])
        or fault_of_updates(unpack_updates(updates))
    )
    if fault or head["sent"] < 0 or head["seen"] < 0 or used.max(initial=0) >= max(1, len(dictionary.names)):
        raise _malformed(fault or "a number is out of range")
    rows = dictionary.rows(titles)
    out.title[:] = rows[events["title"]]
    past = np.where(rows >= 0, rows, _NO_ROW)[history]
    past[known & (past != _NO_ROW)] ^= -1  # a title that is known but not liked is stored as ~row
    out.history[_filled(out.depth, out.history.shape[1])] = past
    if (rows < 0).any():
        _leave_out(out)
    return SignalBatch(
        int(head["partition"]),
        int(head["sent"]),
        int(head["seen"]),
        out,
        events["country"],
        events["device"],
        events["viewer"],
        rows[rows >= 0] if n == 0 else rows[:0],
        updates,
    )


def _malformed(what: object) -> DecodeError:
    return DecodeError(Reason.MALFORMED, None, f"expected a signals record: {what}")


class _Columns:
    """Reads one column after the other."""

    def __init__(self, record: bytes, at: int) -> None:
        self._record, self._at = record, at

    def take(self, kind: str, count: int) -> NDArray[Any]:
        """Return the next ``count`` numbers."""
        dtype = np.dtype(kind)
        out: NDArray[Any] = np.frombuffer(self._record, dtype, count=count, offset=self._at)
        self._at += dtype.itemsize * count
        return out

    def rest(self) -> bytes:
        """Return the remaining bytes."""
        return self._record[self._at :]


def _filled(depth: I4, width: int) -> NDArray[np.bool_]:
    """Return which cells of a history block hold a title."""
    return np.arange(width) < depth[:, None]


def _leave_out(signals: Signals) -> None:
    """Take out titles that have no row (-1) here."""
    nameless = signals.title < 0
    signals.action[nameless] = Action.IGNORED
    signals.title[nameless] = 0
    for n, (history, depth) in enumerate(zip(signals.history, signals.depth.tolist(), strict=True)):
        kept = history[:depth][history[:depth] != _NO_ROW]
        signals.session_items[n] -= np.count_nonzero(history[: signals.session_items[n]] == _NO_ROW)
        history[: kept.size] = kept
        signals.depth[n] = kept.size


def _halved(
    located: _Located, chosen: Index, titles: TitleTable, partition: int, position: tuple[int, int]
) -> Iterator[tuple[bytes, int]]:
    """Pack the chosen signals into one record, or into its halves where that is too large."""
    sent, seen = position
    total = sent + int(chosen.size)
    record = _pack_one(located, chosen, titles, partition, (total, seen))
    if len(record) <= MAX_BYTES or chosen.size == 1:
        yield record, total
        return
    half = chosen.size // 2
    yield from _halved(located, chosen[:half], titles, partition, position)
    yield from _halved(located, chosen[half:], titles, partition, (sent + half, seen))


def _pack_one(
    located: _Located, some: Index, titles: TitleTable, partition: int, position: tuple[int, int]
) -> bytes:
    """Pack some of the signals."""
    signals, action, depth = located.signals, located.signals.action[some], located.signals.depth[some]
    past = signals.history[some][_filled(depth, signals.history.shape[1])]
    known, history = past < 0, past ^ (past >> 31)  # ~past where it is below 0
    rows, numbers = _numbered(np.concatenate((signals.title[some], history)), len(titles))
    chosen = some[CHOSEN[action]]
    dictionary, length = _dictionary(rows, titles)
    head = np.zeros(1, HEADER)
    n = some.size
    head[0] = (
        VERSIONS.version, partition, n, signals.x.shape[1], signals.gradient.shape[1],
        chosen.size, history.size, rows.size, length, *position,
    )  # fmt: skip
    events: dict[str, NDArray[Any]] = {
        "action": action,
        "title": numbers[:n],
        "weight": signals.weight[some],
        "change": signals.change[some],
        "at": signals.at[some],
        "depth": depth,
        "country": located.countries[some],
        "session_items": signals.session_items[some],
        "device": located.devices[some],
        "viewer": located.viewers[some],
    }
    parts = (
        head, *(events[name].astype(kind) for name, kind in EVENT_COLUMNS),
        signals.x[chosen].astype("<f2"), signals.gradient[chosen].astype("<f2"), numbers[n:],
        np.packbits(known),
    )  # fmt: skip
    return b"".join([*(part.tobytes() for part in parts), dictionary])


def _numbered(named: I4, titles: int) -> tuple[I4, NDArray[np.uint16]]:
    """Return the different rows of titles, ascending, and the number of each; sorting would be slower."""
    number = np.zeros(titles, np.uint16)
    number[named] = 1
    rows = np.flatnonzero(number).astype(np.int32)
    number[rows] = np.arange(rows.size)
    return rows, number[named].astype("<u2")


def _dictionary(rows: I4, titles: TitleTable) -> tuple[bytes, int]:
    """Return the keys and names of titles as a record has them, and the length of all names."""
    names = [titles.ids[row].encode() for row in rows.tolist()]
    keys, ends = titles.arrays.key[rows].astype("<u8"), np.cumsum([len(name) for name in names], dtype="<u4")
    blob = b"".join(names)
    return keys.tobytes() + ends.tobytes() + blob, len(blob)


class _Dictionary(NamedTuple):
    """The titles of a record: names, "" where the sender knew the key alone."""

    keys: NDArray[np.uint64]
    names: list[str]

    @classmethod
    def read(cls, columns: _Columns, count: int, length: int) -> "_Dictionary":
        """Read it."""
        keys, ends = columns.take("<u8", count), columns.take("<u4", count).tolist()
        blob = columns.take("u1", length).tobytes()
        names = [blob[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
        return cls(keys.astype(np.uint64), names)

    def rows(self, titles: TitleTable) -> I4:
        """Find or make the rows: by name, or by key where there is no name."""
        if all(self.names):
            return titles.intern(self.names)
        out = titles.by_key(self.keys)
        out[[bool(name) for name in self.names]] = titles.intern([name for name in self.names if name])
        return out
