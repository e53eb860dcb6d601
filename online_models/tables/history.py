"""A viewer's known titles: a linked list of small chunks in one shared pool, newest last.

A viewer with three titles pays for one chunk, one with a thousand for 32, and nothing in Python is touched
per event.
"""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.tables.layout import CHUNK, F4, I4, Int, Params, Viewers


@jit_inline
def title_of(entry: int) -> int:
    """Return the title of a history's entry: t where it was liked, ~t where it is only known."""
    return entry if entry >= 0 else ~entry


@jit_inline
def share_of(params: Params, entry: int, former: bool | np.bool_) -> np.float32:
    """Return what a history's entry counts: less if it is only known, and if it is of a former sitting."""
    share = np.float32(1.0) if entry >= 0 else np.float32(params.reward.neutral)
    return share * np.float32(params.reward.former) if former else share


@jit_inline
def fresh_at(viewers: Viewers, params: Params, v: int, now: int) -> int:
    """Return how many titles the sitting that holds the time has."""
    return 0 if now - viewers.last_at[v] > params.session_gap_ms else viewers.fresh[v]


@jit_inline
def is_rejected(viewers: Viewers, v: int, title: int) -> bool:
    """Whether a title is on the viewer's list of rejections."""
    found = False
    for s in range(viewers.rejected.shape[1]):
        found |= viewers.rejected[v, s] == title
    return found


@jit_no_alloc
def newest(viewers: Viewers, v: int, neutral: bool, out: I4) -> int:
    """Write liked titles as t and, where ``neutral``, those neither liked nor rejected of late as ~t."""
    n = 0
    c = viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0 and n < out.size:
        for s in range(used - 1, -1, -1):
            t = viewers.chunk[c, s]
            if t >= 0 or (neutral and not is_rejected(viewers, v, ~t)):
                out[n] = t
                n += 1
                if n == out.size:
                    break
        c = viewers.prev[c]
        used = CHUNK
    return n


@jit_no_alloc
def lately(viewers: Viewers, params: Params, v: int, out: I4) -> int:
    """Write what a viewer came across into ``out``, newest first; return how many.

    Liked titles as t, those known and neither liked nor rejected of late as ~t; these only if they count.
    """
    return int(newest(viewers, v, params.reward.neutral > 0, out))


@jit_no_alloc
def recent(viewers: Viewers, v: int, out: I4) -> int:
    """Write the newest liked titles of a viewer into ``out``, newest first; return how many."""
    return int(newest(viewers, v, neutral=False, out=out))


@jit_no_alloc
def mark_known(viewers: Viewers, v: int, mark: I4 | F4, stamp: float) -> None:
    """Write a stamp, or a score, for every known title of a viewer, liked or not."""
    c = viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0:
        for s in range(used):
            t = viewers.chunk[c, s]
            mark[t if t >= 0 else ~t] = stamp
        c = viewers.prev[c]
        used = CHUNK


@jit_inline
def standing(viewers: Viewers, v: int, title: int) -> int:
    """How the viewer stands to a title: 1 for liked, -1 for known but not liked, 0 for unknown."""
    c = viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0:
        for s in range(used):
            if viewers.chunk[c, s] == title:
                return 1
            if viewers.chunk[c, s] == ~title:
                return -1
        c = viewers.prev[c]
        used = CHUNK
    return 0


@jit_no_alloc
def unlike(viewers: Viewers, v: int, title: int) -> None:
    """Leave a liked title where it stands, known but not liked."""
    c = viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0:
        for s in range(used):
            if viewers.chunk[c, s] == title:
                viewers.chunk[c, s] = ~title
        c = viewers.prev[c]
        used = CHUNK


@jit_no_alloc
def like(viewers: Viewers, v: int, title: int) -> None:
    """Make a title that is known but not liked the newest of the history; what came after it moves up."""
    carried = title
    c = viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0:
        for s in range(used - 1, -1, -1):
            former = viewers.chunk[c, s]
            viewers.chunk[c, s] = carried
            if former == ~title:
                return
            carried = former
        c = viewers.prev[c]
        used = CHUNK


@jit_no_alloc
def append(viewers: Viewers, v: int, entry: int, limit: Int) -> None:
    """Append a title (or ~title); beyond the limit the oldest chunk is forgotten.

    The pool must hold a free chunk.
    """
    at = viewers.known[v] % CHUNK
    if at == 0:
        viewers.pool[0] -= 1
        c = viewers.free[viewers.pool[0]]
        viewers.prev[c] = viewers.tail[v]
        viewers.tail[v] = c
    viewers.chunk[viewers.tail[v], at] = entry
    viewers.known[v] += 1
    if viewers.known[v] > limit and viewers.known[v] > CHUNK:
        c = viewers.tail[v]
        while viewers.prev[viewers.prev[c]] >= 0:
            c = viewers.prev[c]
        release_chunk(viewers, viewers.prev[c])
        viewers.prev[c] = -1
        viewers.known[v] -= CHUNK


@jit_no_alloc
def release_chunk(viewers: Viewers, c: int) -> None:
    """Give a chunk back to the pool."""
    viewers.free[viewers.pool[0]] = c
    viewers.pool[0] += 1


@jit_no_alloc
def release(viewers: Viewers, v: int) -> None:
    """Give all chunks of a slot back to the pool."""
    c = viewers.tail[v]
    while c >= 0:
        older = viewers.prev[c]
        release_chunk(viewers, c)
        c = older
    viewers.tail[v] = -1
    viewers.known[v] = 0
