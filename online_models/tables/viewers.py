"""The viewers' side: taste vectors, histories and the lists' numbering, in a bounded cache of slots.

A source partition has one table. Its truth is the store; the table keeps the viewers of late hot, and forgets
those that were not heard of for longest when it is full. What a viewer knows of titles lies in chunks of one
pool (``tables.history``).
"""

from array import array
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from online_models.config import ModelConfig
from online_models.errors import NonFiniteRowError
from online_models.tables import snapshots
from online_models.tables.feedback_layout import (
    BINS,
    BUCKETS,
    CHOICE,
    JUDGEMENT,
    JUDGEMENTS,
    LOVED_TITLES,
    REJECTIONS,
    SECOND,
    SHOWN,
    STATED,
    WISHES,
)
from online_models.tables.hashing import fill_keyed
from online_models.tables.layout import CHUNK, I4, RING, U8, Viewers
from online_models.tables.packing import gather_known, hash_texts, restore_known
from online_models.tables.rows import NARROWED, VIEWER_ROWS, shortened
from online_models.tables.slot_index import SlotIndex
from online_models.tables.titles import TitleTable

__all__ = ["NO_LIMIT", "NUMBERS", "SHARED", "TITLES", "blank", "regrouped"]


# Where a partition's viewers lie in memory, and what an empty slot holds.


Shape = tuple[int, ...]


NO_LIMIT = 255
NUMBERS = (
    "limit", "country", "stated", "positives", "last_at", "seq", "ring_n", "acc", "ring", "taste",
    "rejected_at", "rejected_weight", "judgement", "shown", "shown_n", "loved_at", "loved_weight", "language",
    "fresh", "shown_on", "shown_odds", "chosen", "device",
)  # fmt: skip
"""Arrays that are packed as they are."""
TITLES = ("rejected", "judged", "wished", "loved")
"""Rows of titles, -1 for none: packed as keys, 0 for none."""
SHARED = ("chunk", "prev", "free", "pool", "watch_time", "watch_moved")
"""What is nobody's slot."""


ALIGNED = 64
"""Columns begin at a cache line."""


def blank(config: ModelConfig, capacity: int, chunks: int) -> Viewers:
    """Return the arrays of so many empty slots and so many chunks of known titles, none of them free yet.

    They lie in one block of memory, which goes back to the system as a whole when a table has grown out of
    it; arrays of their own left a quarter of the process's memory in holes.
    """
    shapes = _shapes(config, capacity, chunks)
    sizes = [np.dtype(kind).itemsize * int(np.prod(shape)) for shape, kind, _ in shapes.values()]
    starts = np.cumsum([0, *(-(-size // ALIGNED) * ALIGNED for size in sizes)])
    block = np.zeros(int(starts[-1]), np.uint8)
    columns = {}
    for (name, (shape, kind, empty)), start, size in zip(
        shapes.items(), starts.tolist(), sizes, strict=False
    ):
        columns[name] = block[start : start + size].view(kind).reshape(shape)
        if empty:
            columns[name].fill(empty)
    return Viewers(**columns)


def regrouped(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return a snapshot's arrays as this version lays them out: chunks of `CHUNK`, narrowed fields.

    Examples
    --------
    >>> chunk = np.arange(64, dtype=np.int32).reshape(2, 32)
    >>> one = {"chunk": chunk, "prev": np.array([-1, 0]), "tail": np.array([1]), "known": np.array([35])}
    >>> two = regrouped(one)
    >>> two["tail"].tolist(), two["prev"].tolist(), two["pool"].tolist()
    ([2], [-1, 0, 1], [0])
    >>> two["chunk"][:, 0].tolist(), two["chunk"][2, :3].tolist()
    ([0, 16, 32], [32, 33, 34])
    """
    for name, turn in NARROWED.items():
        if name in arrays and arrays[name].itemsize == 8:
            arrays = {**arrays, name: turn(arrays[name])}
    width, known = arrays["chunk"].shape[1], arrays["known"]
    if width == CHUNK:
        return arrays
    tail, prev = np.full(known.size, -1, np.int32), list[int]()
    chunks: list[NDArray[Any]] = []
    for v in np.flatnonzero(known).tolist():
        c, used, parts = int(arrays["tail"][v]), (int(known[v]) - 1) % width + 1, []
        while c >= 0:
            parts.append(arrays["chunk"][c, :used])
            c, used = int(arrays["prev"][c]), width
        titles = np.concatenate(parts[::-1])
        for a in range(0, titles.size, CHUNK):
            prev.append(tail[v])
            tail[v] = len(chunks)
            chunks.append(np.pad(titles[a : a + CHUNK], (0, max(0, a + CHUNK - titles.size))))
    n = len(chunks)
    chunk = np.array(chunks, np.int32).reshape(n, CHUNK)
    now = {"chunk": chunk, "prev": np.array(prev, np.int32), "free": np.zeros(n, np.int32), "tail": tail}
    return {**arrays, **now, "pool": np.zeros(1, np.int64)}


def _shapes(config: ModelConfig, capacity: int, chunks: int) -> dict[str, tuple[Shape, DTypeLike, float]]:
    """Return shape, type and empty value of every array."""
    f = config.factorization
    return {
        "taste": ((capacity, f.factors), np.float32, 0),
        "acc": ((capacity,), np.float32, f.initial_accumulator),
        "known": ((capacity,), np.int32, 0),
        "positives": ((capacity,), np.int32, 0),
        "tail": ((capacity,), np.int32, -1),
        "last_at": ((capacity,), np.int64, 0),
        "fresh": ((capacity,), np.int32, 0),
        "key": ((capacity,), np.uint64, 0),
        "seq": ((capacity,), np.int64, 0),
        "limit": ((capacity,), np.uint8, NO_LIMIT),
        "country": ((capacity,), np.uint16, 0),
        "device": ((capacity,), np.uint8, 0),
        "stated": ((capacity, STATED), np.uint32, 0),
        "ring": ((capacity, RING), np.uint64, 0),
        "ring_n": ((capacity,), np.int32, 0),
        "rejected": ((capacity, REJECTIONS), np.int32, -1),
        "rejected_at": ((capacity, REJECTIONS), np.uint32, 0),
        "rejected_weight": ((capacity, REJECTIONS), np.float32, 0),
        "judged": ((capacity, JUDGEMENTS), np.int32, -1),
        "judgement": ((capacity, JUDGEMENTS), JUDGEMENT, 0),
        "shown": ((capacity, SHOWN), np.uint32, 0),
        "shown_n": ((capacity, SHOWN), np.uint8, 0),
        "shown_on": ((capacity, SHOWN), np.uint16, 0),
        "shown_odds": ((capacity, SHOWN), np.uint8, 0),
        "chosen": ((capacity,), CHOICE, 0),
        "wished": ((capacity, WISHES), np.int32, -1),
        "loved": ((capacity, LOVED_TITLES), np.int32, -1),
        "loved_at": ((capacity, LOVED_TITLES), np.uint32, 0),
        "loved_weight": ((capacity, LOVED_TITLES), np.float32, 0),
        "language": ((capacity,), np.uint16, 0),
        "chunk": ((chunks, CHUNK), np.int32, 0),
        "prev": ((chunks,), np.int32, -1),
        "free": ((chunks,), np.int32, 0),
        "pool": ((1,), np.int64, 0),
        "watch_time": ((BUCKETS, BINS), np.uint16, 0),
        "watch_moved": ((1,), np.uint8, 0),
    }


_TASTE = 2  # side of the keyed initialisation
_START = 1_024
_KEEP = 7 / 8  # share of the slots kept when the table is full: an eviction costs a sort, so it frees many

Loader = Callable[[Sequence[str]], Sequence[bytes | None]]
"""Packed rows of viewers that are not hot, of any version; None for strangers."""


class Rejection(NamedTuple):
    """A title turned down, how strongly, and when last (event time, ms, of whole seconds)."""

    title_id: str
    weight: float
    at_ms: int


def hash_ids(ids: Sequence[str]) -> U8:
    """Hash many ids to 64 bits each, never 0; the same under any PYTHONHASHSEED.

    Examples
    --------
    >>> bool(hash_ids(["a"])[0] == hash_ids(["b", "a"])[1])
    True
    """
    text, out = "".join(ids).encode(), np.empty(len(ids), np.uint64)
    ends = np.cumsum(np.fromiter(map(len, ids), np.int64, len(ids)))
    if len(ids) and ends[-1] != len(text):  # letters of several bytes
        ends = np.cumsum(np.fromiter((len(i.encode()) for i in ids), np.int64, len(ids)))
    hash_texts(np.frombuffer(text, np.uint8), ends, out)
    return out


def tag_keys(names: Sequence[str]) -> NDArray[np.uint32]:
    """Return the keys of tags (``kind:value``), as viewers have them: hashes of 32 bits, never 0.

    Examples
    --------
    >>> tag_keys(["genre:Drama"]).tolist() == tag_keys(["genre:War", "genre:Drama"]).tolist()[1:]
    True
    """
    return shortened(hash_ids(names))


class ViewerTable:
    """The viewers of one source partition that are hot.

    Parameters
    ----------
    config
        Shapes and capacity.
    titles
        The table that histories refer to.
    seed
        With a viewer's key it decides the initial taste vector.
    slots
        Slots allocated at first; the table doubles when they are taken.

    Examples
    --------
    >>> table = ViewerTable(ModelConfig(), TitleTable(ModelConfig()))
    >>> table.acquire(["ada", "bob", "ada"]).tolist(), table.slot("eve")
    ([0, 1, 0], None)
    """

    def __init__(
        self, config: ModelConfig, titles: TitleTable, *, seed: int = 0, slots: int = _START
    ) -> None:
        self.config = config
        self.titles = titles
        self.seed = seed
        self.ids: list[str] = []
        self._free = array("i")
        self._used = np.zeros(slots, np.int64)
        self._clock = 0
        self._head = VIEWER_ROWS.dtype(config)
        self._blank = blank(config, 1, 0)
        self.arrays = self._allocate(slots, slots)

    def __len__(self) -> int:
        """Return the number of hot viewers."""
        return len(self.ids) - len(self._free)

    def slot(self, viewer_id: str) -> int | None:
        """Slot of a hot viewer, None otherwise. Creates nothing."""
        return self._index.find(viewer_id)

    def acquire(self, viewer_ids: Sequence[str], load: Loader | None = None) -> I4:
        """Return the slots of viewers, loading or making the cold; all stay hot until the next call.

        Raises
        ------
        RowVersionError, ConfigMismatchError
            A row cannot be read (:mod:`online_models.tables.row_versions`).
        """
        self._clock += 1
        hashes = hash_ids(viewer_ids)
        out = self._index.find_many(viewer_ids, hashes)
        if (out < 0).any():
            self._admit(list(dict.fromkeys(compress(viewer_ids, (out < 0).tolist()))), out[out >= 0], load)
            out = self._index.find_many(viewer_ids, hashes)
        self._used[out] = self._clock
        return out

    def reserve(self, entries: int) -> None:
        """Make sure that so many known titles can be appended."""
        a = self.arrays
        if a.pool[0] < entries:
            self.arrays = self._allocate(a.known.size, 2 * a.prev.size + entries)

    def pack(self, slots: I4) -> tuple[NDArray[np.void], U8, NDArray[np.int64]]:
        """Return the viewers' rows: heads, keys of known titles end to end, and where each viewer's begin.

        Raises
        ------
        NonFiniteRowError
            A taste vector is not finite: nothing must be written.
        """
        a = self.arrays
        heads = np.zeros(slots.size, self._head)
        heads["version"] = VIEWER_ROWS.version
        for name in ("known", *NUMBERS):
            heads[name] = getattr(a, name)[slots]
        for name in TITLES:
            rows = getattr(a, name)[slots]
            heads[name] = np.where(rows >= 0, self.titles.arrays.key[rows], np.uint64(0))
        if not all(
            np.isfinite(heads[name]).all() for name in ("taste", "acc", "rejected_weight", "loved_weight")
        ):
            msg = "a viewer's row is not finite after learning"
            raise NonFiniteRowError(msg)
        starts = np.concatenate(([0], np.cumsum(heads["known"], dtype=np.int64)))
        keys = np.empty(int(starts[-1]), np.uint64)
        gather_known(a, self.titles.arrays.key, slots, starts, keys)
        return heads, keys, starts

    def known(self, viewer_id: str) -> list[tuple[str, bool]]:
        """Known titles of a hot viewer, oldest first, each with whether it was liked."""
        slot = self.slot(viewer_id)
        if slot is None:
            return []
        _, keys, _ = self.pack(np.array([slot], np.int32))
        rows = self.titles.by_key(keys & ~np.uint64(1))
        return [
            (self.titles.ids[r], not k & np.uint64(1))
            for r, k in zip(rows.tolist(), keys, strict=True)
            if r >= 0
        ]

    def rejected(self, viewer_id: str) -> list[Rejection]:
        """Rejections of a hot viewer, newest first."""
        slot, a = self.slot(viewer_id), self.arrays
        if slot is None:
            return []
        held = zip(a.rejected[slot].tolist(), a.rejected_weight[slot], a.rejected_at[slot], strict=True)
        found = [Rejection(self.titles.ids[t], float(w), SECOND * int(at)) for t, w, at in held if t >= 0]
        return sorted(found, key=lambda one: (-one.at_ms, one.title_id))

    def forget(self, viewer_id: str) -> None:
        """Give a hot viewer's slot back, as if they had never been met; a cold one is no matter."""
        slot = self.slot(viewer_id)
        if slot is not None:
            self._evict(np.array([slot], np.int32))

    def snapshot(self) -> bytes:
        """Return the hot viewers as bytes (:mod:`online_models.tables.snapshots`), without the titles."""
        slots = {self.ids[slot]: slot for slot in np.flatnonzero(self.arrays.key).tolist()}
        facts = {"seed": self.seed, "clock": self._clock, "slots": slots}
        more = {"used_at": self._used, "free_slots": np.array(self._free, np.int64)}
        return snapshots.pack("ViewerTable", facts, {**self.arrays._asdict(), **more})

    @classmethod
    def from_snapshot(cls, data: bytes, titles: TitleTable) -> "ViewerTable":
        """Return the table that a snapshot was made of, over the titles that it referred to."""
        facts, arrays = snapshots.unpack("ViewerTable", data)
        arrays = regrouped(arrays)
        out = cls(titles.config, titles, seed=facts["seed"], slots=0)
        out.arrays = out._allocate(arrays["known"].size, arrays["prev"].size)
        out._used, out._free = arrays.pop("used_at"), array("i", arrays.pop("free_slots").tolist())
        out._clock = facts["clock"]
        for viewer_id, slot in facts["slots"].items():
            out.ids[slot] = viewer_id
        for name, column in arrays.items():
            getattr(out.arrays, name)[:] = column
        out._index = SlotIndex(out.ids, out.arrays.key)
        return out

    def _admit(self, cold: Sequence[str], keep: I4, load: Loader | None) -> None:
        rows = load(cold) if load is not None else [None] * len(cold)
        stored = VIEWER_ROWS.current([row for row in rows if row is not None], self.config)
        self._make_room(len(cold), keep)
        slots = np.array([self._free.pop() for _ in cold], np.int32)
        for viewer_id, slot in zip(cold, slots.tolist(), strict=True):
            self.ids[slot] = viewer_id
        self.arrays.key[slots] = hash_ids(cold)
        self._index.put(slots)
        met = np.array([row is not None for row in rows])
        scale, a = self.config.factorization.initial_scale, self.arrays
        for slot in slots[~met].tolist():
            fill_keyed(a.taste[slot], self.seed, _TASTE, a.key[slot], scale)
        if stored:
            self._restore(slots[met], stored)

    def _restore(self, slots: I4, rows: Sequence[bytes]) -> None:
        size = self._head.itemsize
        heads = np.frombuffer(b"".join([row[:size] for row in rows]), self._head)
        keys = np.frombuffer(b"".join([row[size:] for row in rows]), np.uint64)
        titles = self.titles.by_key(keys & ~np.uint64(1))
        self.reserve(int((-(-heads["known"] // CHUNK)).sum()))
        a = self.arrays
        for name in NUMBERS:
            getattr(a, name)[slots] = heads[name]
        for name in TITLES:
            held = heads[name] != 0
            found = np.full(held.shape, -1, np.int32)
            found[held] = self.titles.by_key(heads[name][held])
            getattr(a, name)[slots] = found
        starts = np.concatenate(([0], np.cumsum(heads["known"], dtype=np.int64)))
        restore_known(a, slots, starts, titles, (keys & np.uint64(1)).astype(np.uint8))

    def _make_room(self, n: int, keep: I4) -> None:
        """Free so many slots, but none of those to keep."""
        capacity = max(self.config.viewer_slots, n)
        if len(self) + n > capacity:
            others = self.arrays.key != 0
            others[keep] = False
            hot = np.flatnonzero(others).astype(np.int32)
            surplus = min(hot.size, len(self) + n - int(capacity * _KEEP))
            self._evict(hot[np.argsort(self._used[hot], kind="stable")][:surplus])
        if len(self._free) < n:
            had = self.arrays.known.size
            size = max(min(2 * had, capacity), had + n)
            self.arrays = self._allocate(size, self.arrays.prev.size)

    def _evict(self, slots: I4) -> None:
        a = self.arrays
        self._index.release(a, slots)
        for name in set(Viewers._fields) - set(SHARED):
            getattr(a, name)[slots] = getattr(self._blank, name)[0]
        for slot in slots.tolist():
            self.ids[slot] = ""
        self._free.extend(slots.tolist())

    def _allocate(self, capacity: int, chunks: int) -> Viewers:
        fresh = blank(self.config, capacity, chunks)
        old_slots, old_chunks = 0, 0
        if hasattr(self, "arrays"):
            old_slots, old_chunks = self.arrays.known.size, self.arrays.prev.size
            for name in Viewers._fields:
                former = getattr(self.arrays, name)
                getattr(fresh, name)[: len(former)] = former
        n = int(fresh.pool[0])
        fresh.free[n : n + chunks - old_chunks] = np.arange(chunks - 1, old_chunks - 1, -1)
        fresh.pool[0] = n + chunks - old_chunks
        self._used = np.concatenate((self._used[:old_slots], np.zeros(capacity - old_slots, np.int64)))
        self._free.extend(range(capacity - 1, old_slots - 1, -1))
        self.ids.extend([""] * (capacity - old_slots))
        self._index = SlotIndex(self.ids, fresh.key)
        return fresh
