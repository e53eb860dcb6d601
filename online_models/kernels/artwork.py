"""Which variant each item of some pages shows: what its viewer likes, and a draw (``bandits``)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.kernels.hashing import find, mix
from online_models.kernels.history import newest
from online_models.kernels.layout import F8, I4, I8, U8, Viewers, jit, plain

ROUNDED = 1.0 + 1e-9
"""More than what rounding can take a time below its bound."""


class TagColumns(NamedTuple):
    """Tags of titles: those of row ``t`` are ``pool[start[t] : start[t] + length[t]]``."""

    start: I4
    length: NDArray[np.uint16]
    pool: I4


class Items(NamedTuple):
    """``m`` items, viewer after viewer."""

    place: I4
    """[m] the titles' rows among those that have something to choose from; -1 for the others."""
    key: U8
    """[m] the titles' keys."""
    end: I8
    """[p] behind each viewer's last item."""
    viewer: U8
    """[p] the viewers' keys."""
    liked: U8
    """[p, LIKED] hashes of the words that each likes, 0 where there are no more."""


class Ways(NamedTuple):
    """Ways in which titles are shown; the first shows nothing but the first picture."""

    key: U8
    """[2**n] what `way_of` says, 0 where empty: a table with open addressing, at most half full."""
    row: I4
    """[2**n] which way."""
    stamp: I8
    """[W] when it was made (``stamps``)."""
    arm: U8
    """[W, A] hashes of the pictures' names: where their draws start."""
    chance: F8
    """[W, A] their chances, 0 where there is none."""
    shown: I4
    """[W, A] number of what each shows."""


@jit
def words_liked(viewers: Viewers, slots: I4, titles: int, tags: TagColumns, word: I4, out: I4) -> None:
    """Write the words that most of each viewer's newest liked titles bear; of equals, the lower number.

    ``word`` says which word a tag is, -1 for none. ``out`` [p, W] is filled from the front.
    """
    history = np.empty(titles, np.int32)
    count = np.zeros(word.max() + 1 if word.size else 0, np.int32)
    met = np.empty(count.size, np.int32)
    for p in range(slots.size):
        n = 0
        for step in range(newest(viewers, slots[p], False, history)):  # noqa: FBT003 - a kernel
            t = history[step]
            if t >= tags.start.size:
                continue
            first = tags.start[t]
            for at in range(first, min(first + tags.length[t], tags.pool.size)):
                w = word[tags.pool[at]] if tags.pool[at] < word.size else -1
                if w >= 0:
                    if count[w] == 0:
                        met[n] = w
                        n += 1
                    count[w] += 1
        for k in range(min(n, out.shape[1])):
            best = -1
            for m in range(n):
                w = met[m]
                if count[w] > 0 and (best < 0 or (-count[w], w) < (-count[best], best)):
                    best = w
            out[p, k] = best
            count[best] = 0
        count[met[:n]] = 0


@plain
def ends_of(liked: U8) -> np.uint64:
    """Return a bit for the last six bits of each hash: most words are known from it not to be among them."""
    out = np.uint64(0)
    for one in range(liked.size):
        out |= np.uint64(1) << (liked[one] & np.uint64(63))
    return out


@plain
def way_of(place: int, words: U8, liked: U8, ends: np.uint64, policy: int) -> np.uint64:
    """Return the key of a way: the title, which of its words are liked, and who chooses. Never 0."""
    met = np.uint64(0)
    for k in range(words.size):
        if words[k] == 0:
            break
        if (ends >> (words[k] & np.uint64(63))) & np.uint64(1) == 0:
            continue
        for one in range(liked.size):
            if words[k] == liked[one]:
                met |= np.uint64(1) << np.uint64(k)
    key = mix(met ^ mix(np.uint64(4 * place + policy)))
    return key if key != 0 else np.uint64(1)


@plain
def race_won(arm: U8, chance: F8, key: int) -> int:
    """Return the arm that wins a race: the same as ``online_models.draws.race``.

    No time is below ``u / chance``, since ``-log(1 - u) >= u``: most arms need no logarithm.
    """
    best, won = np.inf, 0
    for a in range(arm.size):
        if chance[a] > 0.0:
            u = np.float64(mix(arm[a] ^ np.uint64(key)) >> np.uint64(11)) * 2.0**-53
            if u > best * chance[a] * ROUNDED:
                continue
            time = -np.log1p(-u) / chance[a]
            if time < best:
                best, won = time, a
    return won


@jit
def hang(
    seed: int, day: int, policy: int, words: U8, stamps: I8, items: Items, ways: Ways, key: U8, shown: I4
) -> int:
    """Write the number of what each item shows; return how many ways are missing.

    ``words`` [E, MOST_WORDS] are hashes of the titles' words, ``stamps`` [E] move when something about a
    title does. Where a way is missing, or older than its title's stamp, ``shown`` is -1. ``key`` says which.
    """
    first, missing, p, ends = mix(np.uint64(seed)), 0, -1, np.uint64(0)
    for i in range(items.place.size):
        while p < 0 or items.end[p] <= i:
            p += 1
            ends = ends_of(items.liked[p])
        e = items.place[i]
        shown[i] = 0
        if e < 0:
            continue
        key[i] = way_of(e, words[e], items.liked[p], ends, policy)
        found = find(ways.key, ways.row, key[i])
        if found < 0 or ways.stamp[found] != stamps[e]:
            shown[i] = -1
            missing += 1
            continue
        drawn = mix(mix(mix(first ^ items.viewer[p]) ^ items.key[i]) ^ np.uint64(day))
        won = race_won(ways.arm[found], ways.chance[found], drawn)
        shown[i] = ways.shown[found, won]
    return missing
