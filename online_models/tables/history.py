"""A viewer's history: known titles in a linked list of small chunks from one shared pool, newest last.

A viewer with three titles takes one chunk, one with a thousand takes 63. An entry is the title's row ``t`` if
the viewer likes it, ``~t`` if it is only known. Loops start at the newest chunk, which may be filled in part:
its first ``(known - 1) % CHUNK + 1`` places are in use; all older chunks are full.
"""

import numpy as np

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.layout import CHUNK, F4, I4, I8, U1, U8, Int, Params, Viewers


@jit_inline
def title_of(entry: int) -> int:
    """Return the title of an entry of a history."""
    return entry if entry >= 0 else ~entry


@jit_inline
def share_of(params: Params, entry: int, former: bool | np.bool_) -> np.float32:
    """Return the weight of an entry: less if the title is only known, and if it is of an earlier session."""
    share = np.float32(1.0) if entry >= 0 else np.float32(params.reward.neutral)
    return share * np.float32(params.reward.former) if former else share


@jit_inline
def session_items_at(viewers: Viewers, params: Params, v: int, now: int) -> int:
    """Return the titles of the session that a time belongs to: 0 if a new one would start."""
    return 0 if now - viewers.last_at[v] > params.session_gap_ms else viewers.session_items[v]


@jit_inline
def streak_items_at(viewers: Viewers, params: Params, v: int, now: int) -> int:
    """Return the titles of the streak that a time belongs to: 0 if a new one would start."""
    return 0 if now - viewers.last_at[v] > params.streak_gap_ms else viewers.streak_items[v]


@jit_inline
def is_rejected(viewers: Viewers, v: int, title: int) -> bool:
    """Whether a title is among the viewer's recent rejections."""
    found = False  # no early exit: without a branch the compiler makes vector instructions of the loop
    for s in range(viewers.rejected.shape[1]):
        found |= viewers.rejected[v, s] == title
    return found


@jit_no_alloc
def newest(viewers: Viewers, v: int, neutral: bool, out: I4) -> int:
    """Write entries newest first: liked titles and, if ``neutral``, known ones not recently rejected."""
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
def recent_items(viewers: Viewers, params: Params, v: int, out: I4) -> int:
    """Write a viewer's newest entries into ``out``, newest first; return how many.

    Titles that are only known are included if they have a weight (``neutral``) and are not recently rejected.
    """
    return int(newest(viewers, v, params.reward.neutral > 0, out))


@jit_no_alloc
def recent_likes(viewers: Viewers, v: int, out: I4) -> int:
    """Write a viewer's newest liked titles into ``out``, newest first; return how many."""
    return int(newest(viewers, v, neutral=False, out=out))


@jit_no_alloc
def mark_known(viewers: Viewers, v: int, mark: I4 | F4, stamp: float) -> None:
    """Write a stamp or a score into ``mark`` at every known title of a viewer, liked or not."""
    c = viewers.tail[v]
    used = (viewers.known[v] - 1) % CHUNK + 1
    while c >= 0:
        for s in range(used):
            t = viewers.chunk[c, s]
            mark[t if t >= 0 else ~t] = stamp
        c = viewers.prev[c]
        used = CHUNK


@jit_inline
def opinion_of(viewers: Viewers, v: int, title: int) -> int:
    """Return the viewer's opinion of a title: 1 if liked, -1 if known but not liked, 0 if unknown."""
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
    """Mark a liked title as known only; it keeps its place."""
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
    """Mark a known title as liked and make it the newest; entries after it move one place back."""
    # One pass from the newest entry to the title's old place: each place gets the entry of the one after it.
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
    """Append an entry; beyond the limit the oldest chunk is dropped. The pool must hold a free chunk."""
    at = viewers.known[v] % CHUNK
    if at == 0:
        viewers.pool[0] -= 1
        c = viewers.free[viewers.pool[0]]
        viewers.prev[c] = viewers.tail[v]
        viewers.tail[v] = c
    viewers.chunk[viewers.tail[v], at] = entry
    viewers.known[v] += 1
    if viewers.known[v] > limit and viewers.known[v] > CHUNK:
        c = viewers.tail[v]  # find the last chunk but one: the list is linked from new to old
        while viewers.prev[viewers.prev[c]] >= 0:
            c = viewers.prev[c]
        release_chunk(viewers, viewers.prev[c])
        viewers.prev[c] = -1
        viewers.known[v] -= CHUNK


@jit_no_alloc
def release_chunk(viewers: Viewers, c: int) -> None:
    """Return a chunk to the pool."""
    viewers.free[viewers.pool[0]] = c
    viewers.pool[0] += 1


@jit_no_alloc
def release(viewers: Viewers, v: int) -> None:
    """Return all chunks of a slot to the pool."""
    c = viewers.tail[v]
    while c >= 0:
        older = viewers.prev[c]
        release_chunk(viewers, c)
        c = older
    viewers.tail[v] = -1
    viewers.known[v] = 0


@jit
def release_known(viewers: Viewers, slots: I4) -> None:
    """Return all chunks of many slots to the pool."""
    for q in range(slots.size):
        release(viewers, slots[q])


@jit
def gather_known(viewers: Viewers, keys: U8, slots: I4, starts: I8, out: U8) -> None:
    """Write each viewer's history as keys of titles, oldest first, from ``starts[q]`` on.

    The lowest bit of a key, which is 0 in every title's key, marks titles that are not liked.
    """
    for q in range(slots.size):
        v = slots[q]
        at = starts[q] + viewers.known[v]
        c = viewers.tail[v]
        used = (viewers.known[v] - 1) % CHUNK + 1
        while c >= 0:
            for s in range(used - 1, -1, -1):
                t = viewers.chunk[c, s]
                at -= 1
                out[at] = keys[t] if t >= 0 else keys[~t] | np.uint64(1)
            c = viewers.prev[c]
            used = CHUNK


@jit
def restore_known(viewers: Viewers, slots: I4, starts: I8, rows: I4, unliked: U1) -> None:
    """Append entries, oldest first, to empty slots; titles without a row (-1) are left out."""
    for q in range(slots.size):
        for at in range(starts[q], starts[q + 1]):
            if rows[at] >= 0:
                append(
                    viewers, slots[q], ~rows[at] if unliked[at] else rows[at], np.int64(1 << 30)
                )  # no limit: it held when the row was written
