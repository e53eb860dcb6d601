"""What the viewers stage tells the titles stage: a batch of signals, packed column by column.

::

    header | action u1[n] | title u2[n] | weight f4[n] | change f4[n] | at i8[n] | depth u2[n] | place u2[n]
           | fresh u2[n] | device u1[n] | x f2[p, D] | gradient f2[p, HK] | history u2[sum of depth]
           | only known, a bit each | keys u8[t] | name ends u4[t] | names | lessons

All little-endian. Titles are numbers of the record's own dictionary (keys and names at its end); ``x`` and
the gradient stand for the ``p`` positives only, in half precision: a step of learning does not see the
difference, the broker sees half the bytes. A record holds at most :data:`MOST_EVENTS` and is halved until it
has at most :data:`MOST_BYTES`; each dictionary entry takes 14 bytes or more, so the numbers then fit 16 bits
by themselves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import blank_signals
from online_models.tables.layout import I4, Signals
from online_models.tables.row_versions import RowVersions
from online_models.tables.titles import TitleTable
from streams.errors import StateError
from streams.stages.wire.partition_rows import explained

__all__ = ["HEADER", "VERSIONS"]


# Versions of a signals record (`streams.stages.wire.signals`), and the way from each to the next.


HEADER = np.dtype([
    ("version", "<u2"), ("partition", "<u2"), ("events", "<u4"), ("width", "<u2"), ("inputs", "<u2"),
    ("positives", "<u4"), ("history", "<u4"), ("titles", "<u4"), ("names", "<u4"), ("sent", "<i8"),
])  # fmt: skip


def _with_change(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 2: counters move by the change; until then they moved by the weight, but for rejections."""
    out = []
    for record in records:
        n = int(np.frombuffer(record, HEADER, count=1)[0]["events"])
        start = HEADER.itemsize
        at, end = start + 3 * n, start + 7 * n  # the weights
        action = np.frombuffer(record, np.uint8, count=n, offset=start)
        change = np.where(action == Action.REJECT, 0.0, np.frombuffer(record[at:end], "<f4")).astype("<f4")
        out.append(b"\2" + record[1:end] + change.tobytes() + record[end:])
    return out


def _with_place(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 3: where the viewers are; until then nobody knew."""
    out = []
    for record in records:
        n = int(np.frombuffer(record, HEADER, count=1)[0]["events"])
        end = HEADER.itemsize + 21 * n  # of the depths
        out.append(b"\3" + record[1:end] + bytes(2 * n) + record[end:])
    return out


def _with_sittings(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 4: what of a history is of this sitting, or only known; until then all was, and nothing."""
    out = []
    for record in records:
        head = np.frombuffer(record, HEADER, count=1)[0]
        n, history = int(head["events"]), int(head["history"])
        depths = HEADER.itemsize + 19 * n
        places = depths + 2 * n
        vectors = places + 2 * n
        end = vectors + 2 * int(head["positives"]) * (int(head["width"]) + int(head["inputs"])) + 2 * history
        fresh, known = record[depths:places], bytes(-(-history // 8))
        out.append(b"\4" + record[1:vectors] + fresh + record[vectors:end] + known + record[end:])
    return out


def _with_device(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 5: on what kind of device; until then nobody knew."""
    out = []
    for record in records:
        n = int(np.frombuffer(record, HEADER, count=1)[0]["events"])
        end = HEADER.itemsize + 25 * n  # of what is fresh
        out.append(b"\5" + record[1:end] + bytes(n) + record[end:])
    return out


VERSIONS = (
    RowVersions("a signals record")
    .then(upgrade=_with_change)
    .then(upgrade=_with_place)
    .then(upgrade=_with_sittings)
    .then(upgrade=_with_device)
)
"""Versions of the record."""


MOST_EVENTS = 1_000
"""Signals in a record: about 300 bytes each at the default configuration, 6 kB at the largest."""
MOST_BYTES = 900_000
"""Bytes of a record: Kafka's default limit is 1 MB, headers and the batch's overhead included."""
_NOWHERE = np.iinfo(np.int32).min
"""In a history, a title that has no row here."""

Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class SignalBatch:
    """One record: who sent it, how many signals its sender has sent with it, and what they say."""

    partition: int
    """Viewers partition of the sender."""
    sent: int
    """Signals that the sender has sent, this record's included: the watermark that bounds its lead."""
    signals: Signals
    """Titles as rows of the receiver's table."""
    places: NDArray[np.uint16]
    """[n] countries of the viewers as codes, 0 where unknown."""
    devices: NDArray[np.uint8]
    """[n] kinds of device as codes, 0 where unknown."""
    lessons: bytes
    """About pictures and queries (:mod:`streams.stages.wire.attribution`); mostly none."""


class _Told(NamedTuple):
    """Signals, where their viewers are, and on what device."""

    signals: Signals
    places: NDArray[np.uint16]
    devices: NDArray[np.uint8]

    def of(self, chosen: Index) -> "_Told":
        """Return some of them."""
        columns: list[Any] = [column[chosen] for column in self.signals]
        return _Told(Signals(*columns), self.places[chosen], self.devices[chosen])


def pack(
    signals: Signals,
    titles: TitleTable,
    *,
    partition: int,
    sent: int,
    places: NDArray[np.uint16] | None = None,
    devices: NDArray[np.uint8] | None = None,
) -> Iterator[tuple[bytes, int]]:
    """Pack what titles can learn from, in records that a broker takes.

    Parameters
    ----------
    signals
        Of one batch; what teaches titles nothing is left out.
    titles
        The sender's table, whose rows the signals name.
    partition
        The sender's partition.
    sent
        Signals that it has sent before.
    places
        Countries of the first signals' viewers as codes, 0 where unknown. Default: nobody's is known.
    devices
        Kinds of device of the first signals as codes, 0 where unknown. Default: none is known.

    Yields
    ------
    record, sent
        The bytes, and the sender's count after them.
    """
    told = _Told(signals, np.zeros(signals.title.size, np.uint16), np.zeros(signals.title.size, np.uint8))
    if places is not None:
        told.places[: places.size] = places
    if devices is not None:
        told.devices[: devices.size] = devices
    useful = np.flatnonzero(np.isin(signals.action, (Action.POSITIVE, Action.REJECT, Action.TOUCH)))
    for start in range(0, useful.size, MOST_EVENTS):
        chosen = useful[start : start + MOST_EVENTS]
        yield from _halved(told, chosen, titles, partition, sent + start)


def unpack(record: bytes, titles: TitleTable) -> SignalBatch:
    """Read a record of any version and find or make the rows of its titles.

    A title beyond the receiver's capacity is left out: its own signals do nothing, and histories close the
    gap.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    StateError
        It is of a model of another shape.
    ValueError
        It is too short to be a record.
    """
    np.frombuffer(record, "<u2", count=1)  # raises where there is not even a version
    with explained():
        (record,) = VERSIONS.current([record], titles.config)
    head = np.frombuffer(record, HEADER, count=1)[0]
    width, inputs = titles.config.width, titles.config.input_width
    if (head["width"], head["inputs"]) != (width, inputs):
        what = "a signals record was written under another model configuration"
        why = f"width {head['width']} and {head['inputs']}; expected {width} and {inputs}"
        advice = "let the workers of the old configuration drain titles.signals.v1 before starting new ones"
        raise StateError(what, why=why, next_step=advice)
    columns = _Columns(record, HEADER.itemsize)
    n, p = int(head["events"]), int(head["positives"])
    out = blank_signals(n, titles)
    out.action[:] = columns.take("u1", n)
    numbers = columns.take("<u2", n)
    out.weight[:] = columns.take("<f4", n)
    out.change[:] = columns.take("<f4", n)
    out.at[:] = columns.take("<i8", n)
    out.depth[:] = columns.take("<u2", n)
    places = columns.take("<u2", n)
    out.fresh[:] = columns.take("<u2", n)
    devices = columns.take("u1", n)
    positive = out.action == Action.POSITIVE
    out.x[positive] = columns.take("<f2", p * width).reshape(p, width)
    out.gradient[positive] = columns.take("<f2", p * inputs).reshape(p, inputs)
    history = columns.take("<u2", int(head["history"]))
    known = np.unpackbits(columns.take("u1", -(-history.size // 8)), count=history.size).astype(bool)
    rows = _rows(columns, int(head["titles"]), int(head["names"]), titles)
    out.title[:] = rows[numbers]
    met = np.where(rows >= 0, rows, _NOWHERE)[history]
    met[known & (met != _NOWHERE)] ^= -1
    out.history[_filled(out.depth, out.history.shape[1])] = met
    if (rows < 0).any():
        _leave_out(out)
    return SignalBatch(int(head["partition"]), int(head["sent"]), out, places, devices, columns.rest())


def pack_lessons(lessons: bytes, titles: TitleTable, *, partition: int, sent: int) -> bytes:
    """Pack lessons as a record without signals."""
    head, config = np.zeros(1, HEADER), titles.config
    head["version"], head["partition"], head["sent"] = VERSIONS.version, partition, sent
    head["width"], head["inputs"] = config.width, config.input_width
    return head.tobytes() + lessons


class _Columns:
    """Read one column after the other."""

    def __init__(self, record: bytes, at: int) -> None:
        self._record, self._at = record, at

    def take(self, kind: str, count: int) -> NDArray[Any]:
        """Return the next ``count`` numbers."""
        dtype = np.dtype(kind)
        out: NDArray[Any] = np.frombuffer(self._record, dtype, count=count, offset=self._at)
        self._at += dtype.itemsize * count
        return out

    def rest(self) -> bytes:
        """Return what is left."""
        return self._record[self._at :]


def _filled(depth: I4, width: int) -> NDArray[np.bool_]:
    """Which cells of a history block hold a title."""
    return np.arange(width) < depth[:, None]


def _leave_out(signals: Signals) -> None:
    """Take out what names a title that has no row (-1) here."""
    nameless = signals.title < 0
    signals.action[nameless] = Action.NOTHING
    signals.title[nameless] = 0
    for n, (history, depth) in enumerate(zip(signals.history, signals.depth.tolist(), strict=True)):
        kept = history[:depth][history[:depth] != _NOWHERE]
        signals.fresh[n] -= np.count_nonzero(history[: signals.fresh[n]] == _NOWHERE)
        history[: kept.size] = kept
        signals.depth[n] = kept.size


def _halved(
    told: _Told, chosen: Index, titles: TitleTable, partition: int, sent: int
) -> Iterator[tuple[bytes, int]]:
    """Pack the chosen signals into one record, or its halves where that is too large."""
    total = sent + int(chosen.size)
    record = _pack_one(told.of(chosen), titles, partition, total)
    if len(record) <= MOST_BYTES or chosen.size == 1:
        yield record, total
        return
    half = chosen.size // 2
    yield from _halved(told, chosen[:half], titles, partition, sent)
    yield from _halved(told, chosen[half:], titles, partition, sent + half)


def _pack_one(told: _Told, titles: TitleTable, partition: int, sent: int) -> bytes:
    signals = told.signals
    met = signals.history[_filled(signals.depth, signals.history.shape[1])]
    known = met < 0
    history = np.where(known, ~met, met)
    rows, numbers = np.unique(np.concatenate((signals.title, history)), return_inverse=True)
    numbers = numbers.astype("<u2")
    positive = signals.action == Action.POSITIVE
    names = [titles.ids[row].encode() for row in rows.tolist()]
    blob = b"".join(names)
    head = np.zeros(1, HEADER)
    n, p = signals.title.size, int(positive.sum())
    head[0] = (
        VERSIONS.version, partition, n, signals.x.shape[1], signals.gradient.shape[1],
        p, history.size, rows.size, len(blob), sent,
    )  # fmt: skip
    parts = (
        head, signals.action, numbers[:n], signals.weight.astype("<f4"),
        signals.change.astype("<f4"), signals.at.astype("<i8"), signals.depth.astype("<u2"),
        told.places.astype("<u2"), signals.fresh.astype("<u2"), told.devices.astype("u1"),
        signals.x[positive].astype("<f2"), signals.gradient[positive].astype("<f2"), numbers[n:],
        np.packbits(known),
        titles.arrays.key[rows].astype("<u8"),
        np.cumsum([len(name) for name in names], dtype="<u4"),
    )  # fmt: skip
    return b"".join([*(part.tobytes() for part in parts), blob])


def _rows(columns: _Columns, count: int, length: int, titles: TitleTable) -> I4:
    """Find the rows of a record's dictionary: by name, or by key where the sender knew no name either."""
    keys, ends = columns.take("<u8", count), columns.take("<u4", count).tolist()
    blob = columns.take("u1", length).tobytes()
    names = [blob[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
    if all(names):
        return titles.intern(names)
    named = [name for name in names if name]
    out = titles.by_key(keys.astype(np.uint64))
    out[[bool(name) for name in names]] = titles.intern(named)
    return out
