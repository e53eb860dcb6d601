"""Where a partition's viewers lie in memory, and what an empty slot holds."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from online_models.config import ModelConfig
from online_models.kernels.layout import CHUNK, RING, Viewers
from online_models.kernels.reward_layout import (
    BINS,
    BUCKETS,
    CHOICE,
    JUDGEMENT,
    JUDGEMENTS,
    LOVED_TITLES,
    REJECTIONS,
    SHOWN,
    STATED,
    WISHES,
)
from online_models.rows import NARROWED

Shape = tuple[int, ...]

__all__ = ["NO_LIMIT", "NUMBERS", "SHARED", "TITLES", "blank", "regrouped"]

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
        if name in arrays and arrays[name].itemsize == 8:  # noqa: PLR2004 - bytes, as before version 8
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
