"""The table of viewers: taste vectors, histories and interactions, in a bounded cache of slots.

Each source partition has one table, a cache of its store: it holds the viewers of recent events, and evicts
the least recently used ones when it is full. Histories lie in chunks of one pool (``tables.history``).
"""

from array import array
from collections.abc import Callable, Sequence
from itertools import compress
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from online_models.config import ModelConfig
from online_models.errors import NonFiniteRowError
from online_models.tables import snapshots
from online_models.tables.aligned import LINE_BYTES, aligned_zeros
from online_models.tables.feedback_layout import (
    BINS,
    BUCKETS,
    CHOICE,
    FINISHED_TITLES,
    INTENTS,
    INTERACTION,
    INTERACTIONS,
    MY_LIST_SIZE,
    REJECTIONS,
    SECOND,
    SHOWN,
    STATED_TAGS,
)
from online_models.tables.hash_table import NameIndex
from online_models.tables.hashing import hash_ids
from online_models.tables.history import gather_known, release_known, restore_known
from online_models.tables.keyed_random import fill_keyed
from online_models.tables.layout import CHUNK, F4, I4, I8, RING, U8, Viewers
from online_models.tables.packed_fields import (
    PackedFields,
    are_finite,
    offsets,
    read_fields,
    write_fields,
    write_keys,
)
from online_models.tables.rows import VIEWER_ROWS
from online_models.tables.titles import TitleTable

__all__ = ["NO_LIMIT", "Loader", "Rejection", "ViewerTable", "empty_viewers"]


Shape = tuple[int, ...]


NO_LIMIT = 255
NUMBERS = (
    "limit", "country", "stated_tags", "positives", "last_at", "seq", "ring_n", "acc", "ring", "taste",
    "rejected_at", "rejected_weight", "interaction", "shown", "shown_n", "finished_at", "finished_weight",
    "language", "session_items", "shown_on", "shown_odds", "chosen", "device", "stated_at",
    "intent", "intent_at", "intent_weight", "streak_items",
)  # fmt: skip
"""Columns that are packed unchanged."""
TITLES = ("rejected", "interaction_title", "my_list", "finished")
"""Columns with rows of titles, -1 for none: packed as keys, 0 for none."""
SHARED = ("chunk", "prev", "free", "pool", "watch_time", "watch_moved")
"""Columns that have no slots."""


def empty_viewers(config: ModelConfig, capacity: int, chunks: int) -> Viewers:
    """Return the arrays of so many empty slots and so many chunks of known titles, none of them free yet.

    They lie in one block of memory, which returns to the system as a whole when the table grows. Separate
    arrays left a quarter of the process's memory fragmented. Each begins at a cache line.
    """
    shapes = _shapes(config, capacity, chunks)
    sizes = [np.dtype(kind).itemsize * prod(shape) for shape, kind, _ in shapes.values()]
    starts = np.cumsum([0, *(-(-size // LINE_BYTES) * LINE_BYTES for size in sizes)])
    block = aligned_zeros((int(starts[-1]),), np.uint8)
    columns = {}
    for (name, (shape, kind, empty)), start, size in zip(
        shapes.items(), starts.tolist(), sizes, strict=False
    ):
        columns[name] = block[start : start + size].view(kind).reshape(shape)
        if empty:
            columns[name].fill(empty)
    return Viewers(**columns)


def _shapes(config: ModelConfig, capacity: int, chunks: int) -> dict[str, tuple[Shape, DTypeLike, float]]:
    """Return shape, type and empty value of each column."""
    f = config.factorization
    return {
        "taste": ((capacity, f.factors), np.float32, 0),
        "acc": ((capacity,), np.float32, f.initial_accumulator),
        "known": ((capacity,), np.int32, 0),
        "positives": ((capacity,), np.int32, 0),
        "tail": ((capacity,), np.int32, -1),
        "last_at": ((capacity,), np.int64, 0),
        "session_items": ((capacity,), np.int32, 0),
        "streak_items": ((capacity,), np.int32, 0),
        "key": ((capacity,), np.uint64, 0),
        "seq": ((capacity,), np.int64, 0),
        "limit": ((capacity,), np.uint8, NO_LIMIT),
        "country": ((capacity,), np.uint16, 0),
        "device": ((capacity,), np.uint8, 0),
        "stated_tags": ((capacity, STATED_TAGS), np.uint32, 0),
        "stated_at": ((capacity,), np.int64, 0),
        "ring": ((capacity, RING), np.uint64, 0),
        "ring_n": ((capacity,), np.int32, 0),
        "rejected": ((capacity, REJECTIONS), np.int32, -1),
        "rejected_at": ((capacity, REJECTIONS), np.uint32, 0),
        "rejected_weight": ((capacity, REJECTIONS), np.float32, 0),
        "intent": ((capacity, INTENTS), np.uint32, 0),
        "intent_at": ((capacity, INTENTS), np.uint32, 0),
        "intent_weight": ((capacity, INTENTS), np.float32, 0),
        "interaction_title": ((capacity, INTERACTIONS), np.int32, -1),
        "interaction": ((capacity, INTERACTIONS), INTERACTION, 0),
        "shown": ((capacity, SHOWN), np.uint32, 0),
        "shown_n": ((capacity, SHOWN), np.uint8, 0),
        "shown_on": ((capacity, SHOWN), np.uint16, 0),
        "shown_odds": ((capacity, SHOWN), np.uint8, 0),
        "chosen": ((capacity,), CHOICE, 0),
        "my_list": ((capacity, MY_LIST_SIZE), np.int32, -1),
        "finished": ((capacity, FINISHED_TITLES), np.int32, -1),
        "finished_at": ((capacity, FINISHED_TITLES), np.uint32, 0),
        "finished_weight": ((capacity, FINISHED_TITLES), np.float32, 0),
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
_KEEP = 7 / 8  # share of the slots kept when the table is full: an eviction sorts, so it frees many at once

Loader = Callable[[Sequence[str]], Sequence[bytes | None]]
"""Returns the packed rows, of any version, of viewers outside the table; None for new viewers."""


class Rejection(NamedTuple):
    """A rejected title, the weight of its rejections, and the time of the newest (ms, whole seconds)."""

    title_id: str
    weight: float
    at_ms: int


class _Packed(NamedTuple):
    """The columns as kernels pack them (:mod:`online_models.tables.packed_fields`)."""

    numbers: PackedFields
    titles: tuple[I4, ...]
    titles_at: I8
    """Where their keys are in a row."""
    finite: tuple[F4, ...]
    """Those that are checked before they are stored."""

    @classmethod
    def of(cls, arrays: Viewers, row: np.dtype[np.void]) -> "_Packed":
        """Find the columns of `NUMBERS` and `TITLES`."""
        numbers = PackedFields.of({name: getattr(arrays, name) for name in NUMBERS}, row)
        titles = tuple(getattr(arrays, name) for name in TITLES)
        finite = (arrays.taste, arrays.acc[:, None], arrays.rejected_weight, arrays.finished_weight)
        return cls(numbers, titles, offsets(row, TITLES), finite)


class ViewerTable:
    """The hot viewers of one source partition: those in memory.

    Parameters
    ----------
    config
        Shapes and capacity.
    titles
        The table of the titles in histories.
    seed
        Determines the initial taste vector, together with a viewer's key.
    slots
        Slots allocated at first; doubled when all are taken.

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
        self._blank = empty_viewers(config, 1, 0)
        self.arrays = self._allocate(slots, slots)

    def __len__(self) -> int:
        """Return the number of hot viewers."""
        return len(self.ids) - len(self._free)

    def slot(self, viewer_id: str) -> int | None:
        """Return the slot of a hot viewer, None for others. Creates nothing."""
        return self._index.find(viewer_id)

    def acquire(self, viewer_ids: Sequence[str], load: Loader | None = None) -> I4:
        """Return the slots of viewers; others are loaded or made. All stay hot until the next call.

        Raises
        ------
        RowVersionError, ConfigMismatchError
            A row cannot be read (:mod:`online_models.tables.row_versions`).
        """
        self._clock += 1
        hashes = hash_ids(viewer_ids)
        out = self._index.find_named(viewer_ids, hashes)
        if (out < 0).any():
            self._admit(list(dict.fromkeys(compress(viewer_ids, (out < 0).tolist()))), out[out >= 0], load)
            out = self._index.find_named(viewer_ids, hashes)
        self._used[out] = self._clock
        return out

    def reserve(self, entries: int) -> None:
        """Make room for so many more entries of histories."""
        a = self.arrays
        if a.pool[0] < entries:
            self.arrays = self._allocate(a.known.size, 2 * a.prev.size + entries)

    def pack(self, slots: I4) -> tuple[NDArray[np.void], U8, NDArray[np.int64]]:
        """Return packed rows: fixed parts, keys of all known titles, and where each viewer's keys begin.

        Raises
        ------
        NonFiniteRowError
            A taste vector or weight is not finite. Write nothing.
        """
        a = self.arrays
        heads = np.zeros(slots.size, self._head)
        heads["version"] = VIEWER_ROWS.version
        rows, packed = heads.view(np.uint8).reshape(slots.size, self._head.itemsize), self._packed
        write_fields(*packed.numbers, slots, rows)
        write_keys(packed.titles, packed.titles_at, self.titles.arrays.key.view(np.uint8), slots, rows)
        heads["known"] = a.known[slots]
        if not are_finite(packed.finite, slots):
            msg = "a viewer's row is not finite after learning"
            raise NonFiniteRowError(msg)
        starts = np.concatenate(([0], np.cumsum(heads["known"], dtype=np.int64)))
        keys = np.empty(int(starts[-1]), np.uint64)
        gather_known(a, self.titles.arrays.key, slots, starts, keys)
        return heads, keys, starts

    def known(self, viewer_id: str) -> list[tuple[str, bool]]:
        """Return the known titles of a hot viewer, oldest first, each with whether it is liked."""
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
        """Return the rejections of a hot viewer, newest first."""
        slot, a = self.slot(viewer_id), self.arrays
        if slot is None:
            return []
        held = zip(a.rejected[slot].tolist(), a.rejected_weight[slot], a.rejected_at[slot], strict=True)
        found = [Rejection(self.titles.ids[t], float(w), SECOND * int(at)) for t, w, at in held if t >= 0]
        return sorted(found, key=lambda one: (-one.at_ms, one.title_id))

    def forget(self, viewer_id: str) -> None:
        """Free the slot of a viewer without packing it; does nothing for a viewer who is not hot."""
        slot = self.slot(viewer_id)
        if slot is not None:
            self._evict(np.array([slot], np.int32))

    def snapshot(self) -> bytes:
        """Return the hot viewers as bytes (:mod:`online_models.tables.snapshots`), without the titles."""
        slots = {self.ids[slot]: slot for slot in np.flatnonzero(self.arrays.key).tolist()}
        facts = {"seed": self.seed, "clock": self._clock, "slots": slots}
        more = {"used_at": self._used, "free_slots": np.array(self._free, np.int64)}
        return snapshots.pack("ViewerTable", facts, {**self.arrays.as_dict(), **more})

    @classmethod
    def from_snapshot(cls, data: bytes, titles: TitleTable) -> "ViewerTable":
        """Return the table of a snapshot, over the table of its titles."""
        facts, arrays = snapshots.unpack("ViewerTable", data)
        out = cls(titles.config, titles, seed=facts["seed"], slots=0)
        out.arrays = out._allocate(arrays["known"].size, arrays["prev"].size)
        out._used, out._free = arrays.pop("used_at"), array("i", arrays.pop("free_slots").tolist())
        out._clock = facts["clock"]
        for viewer_id, slot in facts["slots"].items():
            out.ids[slot] = viewer_id
        for name, column in arrays.items():
            getattr(out.arrays, name)[:] = column
        out._index = NameIndex(out.ids, out.arrays.key)
        return out

    def _admit(self, cold: Sequence[str], keep: I4, load: Loader | None) -> None:
        rows = load(cold) if load is not None else [None] * len(cold)
        stored = VIEWER_ROWS.current([row for row in rows if row is not None], self.config)
        self._make_room(len(cold), keep)
        slots = np.array([self._free.pop() for _ in cold], np.int32)
        for viewer_id, slot in zip(cold, slots.tolist(), strict=True):
            self.ids[slot] = viewer_id
        self.arrays.key[slots] = hash_ids(cold)
        self._index.insert(slots)
        known = np.array([row is not None for row in rows])
        scale, a = self.config.factorization.initial_scale, self.arrays
        for slot in slots[~known].tolist():
            fill_keyed(a.taste[slot], self.seed, _TASTE, a.key[slot], scale)
        if stored:
            self._restore(slots[known], stored)

    def _restore(self, slots: I4, rows: Sequence[bytes]) -> None:
        size = self._head.itemsize
        heads = np.frombuffer(bytearray().join([row[:size] for row in rows]), self._head)
        keys = np.frombuffer(b"".join([row[size:] for row in rows]), np.uint64)
        titles = self.titles.by_key(keys & ~np.uint64(1))
        self.reserve(int((-(-heads["known"] // CHUNK)).sum()))
        a = self.arrays
        read_fields(*self._packed.numbers, slots, heads.view(np.uint8).reshape(len(rows), size))
        for name in TITLES:
            held = heads[name] != 0
            found = np.full(held.shape, -1, np.int32)
            found[held] = self.titles.by_key(heads[name][held])
            getattr(a, name)[slots] = found
        starts = np.concatenate(([0], np.cumsum(heads["known"], dtype=np.int64)))
        restore_known(a, slots, starts, titles, (keys & np.uint64(1)).astype(np.uint8))

    def _make_room(self, n: int, keep: I4) -> None:
        """Free so many slots; those in ``keep`` stay."""
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
        self._index.remove(slots)
        release_known(a, slots)
        for name in set(Viewers.field_names()) - set(SHARED):
            getattr(a, name)[slots] = getattr(self._blank, name)[0]
        for slot in slots.tolist():
            self.ids[slot] = ""
        self._free.extend(slots.tolist())

    def _allocate(self, capacity: int, chunks: int) -> Viewers:
        grown = empty_viewers(self.config, capacity, chunks)
        old_slots, old_chunks = 0, 0
        if hasattr(self, "arrays"):
            old_slots, old_chunks = self.arrays.known.size, self.arrays.prev.size
            for name in Viewers.field_names():
                former = getattr(self.arrays, name)
                getattr(grown, name)[: len(former)] = former
        n = int(grown.pool[0])
        grown.free[n : n + chunks - old_chunks] = np.arange(chunks - 1, old_chunks - 1, -1)
        grown.pool[0] = n + chunks - old_chunks
        self._used = np.concatenate((self._used[:old_slots], np.zeros(capacity - old_slots, np.int64)))
        self._free.extend(range(capacity - 1, old_slots - 1, -1))
        self.ids.extend([""] * (capacity - old_slots))
        self._index = NameIndex(self.ids, grown.key)
        self._packed = _Packed.of(grown, self._head)
        return grown
