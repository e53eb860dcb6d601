"""Which variant each item of some pages shows: what its viewer likes, and a draw (``bandits``)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.hashing import mix
from online_models.tables.history import newest
from online_models.tables.layout import F8, I4, I8, U1, U8, Int, TagColumns, Viewers

# Races of arms: exponential times out of keys, compared without a logarithm where that decides.


ROUNDED = 1.0 + 1e-9
"""More than what rounding can take a time above or below its bound."""


@jit_inline
def sooner(u: float, rate: float, least: float, its: float) -> bool:
    """Return whether an exponential time out of a number and a rate is before another.

    The logarithm is between ``u`` and ``u / (1 - u)``, which decides as a rule.
    """
    if u * its * (1.0 - least) > ROUNDED * least * rate:
        return False
    if ROUNDED * u * its < least * rate * (1.0 - u):
        return True
    return bool(np.log1p(-u) / rate > np.log1p(-least) / its)


@jit_inline
def race_won(arm: U8, chance: F8, key: Int) -> int:
    """Return the arm that wins a race: the same as ``online_models.tables.keyed_random.race``.

    While nothing is known of arms their rates are equal, and the least number wins: no branch is missed.
    """
    won, least, its = 0, 1.0, 0.0
    for a in range(arm.size):
        if chance[a] > 0.0:
            u = float(mix(arm[a] ^ np.uint64(key)) >> np.uint64(11)) * 2.0**-53
            if chance[a] == its:
                won, least = (a if u < least else won), min(u, least)
            elif sooner(u, chance[a], least, its):
                won, least, its = a, u, chance[a]
    return won


U4 = NDArray[np.uint32]
FITS = 3
"""Contexts: none of the picture's tags fits, one does, more do."""
FIT_BITS = 2
"""What one takes in a code (`code_of`)."""
MOST_VARIANTS = 8
"""Pictures of a title that compete, the first ones: each needs some hundred trials."""
TRAILER = MOST_VARIANTS * FIT_BITS
"""The bit of a code where the trailer begins."""
UNNUMBERED = -1
"""Number of what no item shows yet."""
POLICY = TRAILER + 3
"""The bit of a key (`key_of`) where the policy begins, and two bits later the title."""


class VariantFeatures(NamedTuple):
    """How ``E`` titles can be shown that had something to choose from."""

    word: I4
    """[E, MOST_WORDS] numbers of the words of each; -1: no more, or they make no difference."""
    picture: U4
    """[E, MOST_VARIANTS] which of them each picture bears, a bit each; 0 where there is nothing to choose."""
    trailer: U4
    """[E, MOST_VARIANTS] the same of each trailer."""
    stamp: I8
    """[E] moves when something about a title does: its pictures, or what is known of them."""


class Items(NamedTuple):
    """Items of ``n`` pages of ``R`` rows of ``L`` titles."""

    title: I4
    """[n, R, L] rows of the titles, -1 where there is none."""
    place: I4
    """[n, R, L] their rows in `VariantFeatures`; -1 of those that show their first of everything."""
    looked: I8
    """[n, R] how many of a row's titles are looked at, the first ones."""
    viewer: U8
    """[n] the viewers' keys."""
    liked: I4
    """[n, LIKED] numbers of the words that each likes, -1 where there are no more."""
    key: U8
    """[T] the titles' keys."""


class ChoiceCache(NamedTuple):
    """Ways in which titles are shown; the first shows nothing but the first picture."""

    table: I4
    """[2**n] the ways by `key_of`, 0 where empty: a table with open addressing, at most half full."""
    key: U8
    """[W]"""
    stamp: I8
    """[W] when it was made (`VariantFeatures`)."""
    arm: U8
    """[W, MOST_VARIANTS] hashes of the pictures' names: where their draws start."""
    chance: F8
    """[W, MOST_VARIANTS] their chances, 0 where there is none."""
    shown: I4
    """[W, MOST_VARIANTS] number of what each shows, or `UNNUMBERED`."""


class CachedChoice(NamedTuple):
    """What items show, from the front, with room for all."""

    page: I8
    row: I8
    slot: I8
    number: I4
    """The way (`find_ways`), then the number of what is shown (`draw`)."""


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


@jit_inline
def fit_in(words: int) -> np.uint32:
    """Return the context of what bears some of the words that are liked: a bit each."""
    some, more = words != 0, words & (words - np.uint32(1)) != 0
    return np.uint32(some) + np.uint32(more)


@jit_inline
def code_of(place: int, looks: VariantFeatures, likes: U1) -> np.int32:
    """Return how well each of a title's pictures fits, and which trailer fits best."""
    met, code = np.uint32(0), np.uint32(0)
    for k in range(looks.word.shape[1]):
        word = looks.word[place, k]
        if word < 0:
            break
        if word < likes.size and likes[word]:  # words may have come since
            met |= np.uint32(1) << np.uint32(k)
    if met == 0:
        return np.int32(0)
    best, most = np.uint32(0), np.uint32(0)
    for a in range(MOST_VARIANTS):
        code |= fit_in(met & looks.picture[place, a]) << np.uint32(a * FIT_BITS)
        fit = fit_in(met & looks.trailer[place, a])
        if fit > most:
            best, most = np.uint32(a), fit
    return np.int32(code | (best << np.uint32(TRAILER)))


@jit_inline
def key_of(place: int, policy: int, code: Int) -> np.uint64:
    """Return the key of a way: the title, who chooses, and what `code_of` says."""
    return np.uint64((place << (POLICY + 2)) | (policy << POLICY) | code)


@jit_inline
def find_way(ways: ChoiceCache, key: Int) -> np.int32:
    """Return the way with a key, 0 if there is none."""
    last = np.uint64(ways.table.size - 1)
    at = mix(key) & last
    while ways.table[at] != 0 and ways.key[ways.table[at]] != key:
        at = (at + np.uint64(1)) & last
    found: np.int32 = ways.table[at]
    return found


@jit_no_alloc
def add_ways(ways: ChoiceCache, first: Int, end: Int) -> None:
    """Put ways into the table that are not in it."""
    last = np.uint64(ways.table.size - 1)
    for way in range(first, end):
        at = mix(ways.key[way]) & last
        while ways.table[at] != 0:
            at = (at + np.uint64(1)) & last
        ways.table[at] = way


@jit
def find_ways(
    pages: tuple[int, int],
    policy: int,
    words: int,
    items: Items,
    looks: VariantFeatures,
    ways: ChoiceCache,
    out: CachedChoice,
    m: int,
) -> tuple[int, int]:
    """Write the ways of some pages' items from place ``m`` on; return where they end, and how many miss.

    ``words`` is how many there are. Where a way is missing, or older than its title's stamp, the number is
    ``~code_of``. Items that show the first are left out.
    """
    likes, missing = np.zeros(words, np.uint8), 0
    for q in range(pages[0], pages[1]):
        for word in items.liked[q]:
            if word >= 0:
                likes[word] = 1
        for r in range(items.looked.shape[1]):
            for k in range(items.looked[q, r]):
                place = items.place[q, r, k]
                if items.title[q, r, k] < 0 or place < 0:
                    continue
                code = code_of(place, looks, likes)
                way = find_way(ways, key_of(place, policy, code))
                out.page[m], out.row[m], out.slot[m], out.number[m] = q, r, k, way
                if way == 0 or ways.stamp[way] != looks.stamp[place]:
                    out.number[m] = ~code
                    missing += 1
                m += 1
        for word in items.liked[q]:
            if word >= 0:
                likes[word] = 0
    return m, missing


@jit_no_alloc
def claim_ways(
    policy: int,
    items: Items,
    looks: VariantFeatures,
    ways: ChoiceCache,
    out: CachedChoice,
    span: tuple[int, int],
    made: int,
    todo: I8,
) -> tuple[int, int]:
    """Give missing ways of some items rows; return how many are made, and how many are to be made anew.

    There is room for all, in the table, too. ``todo`` gets the items whose ways are to be made.
    """
    n = 0
    for i in range(span[0], span[1]):
        if out.number[i] >= 0:
            continue
        place = items.place[out.page[i], out.row[i], out.slot[i]]
        key, stamp = key_of(place, policy, ~out.number[i]), looks.stamp[place]
        way: Int = find_way(ways, key)
        fresh = way == 0
        if fresh:
            way = made
            made += 1
            ways.key[way] = key
            add_ways(ways, way, made)
        if fresh or ways.stamp[way] != stamp:
            ways.stamp[way] = stamp
            todo[n] = i
            n += 1
        out.number[i] = way
    return made, n


@jit
def draw(
    seed: int, day: int, items: Items, ways: ChoiceCache, out: CachedChoice, first: int, end: int, fresh: I8
) -> tuple[int, int]:
    """Write the numbers of what some items show, given their ways; return where those end that show anything.

    What items show is their title's first of everything if the number is 0: such items are left out. What is
    unnumbered gets the numbers ``UNNUMBERED - 1``, ``- 2``, ...; ``fresh`` says of each what it is, a place
    in ``ways.shown``. How many there are is returned, too.
    """
    start, viewer, page, m, n = mix(np.uint64(seed)), np.uint64(0), -1, first, 0
    for i in range(first, end):
        q, r, k, way = out.page[i], out.row[i], out.slot[i], out.number[i]
        if q != page:
            page, viewer = q, mix(start ^ items.viewer[q])
        drawn = mix(mix(viewer ^ items.key[items.title[q, r, k]]) ^ np.uint64(day))
        arm = race_won(ways.arm[way], ways.chance[way], drawn)
        number = ways.shown[way, arm]
        if number == UNNUMBERED:
            fresh[n] = way * MOST_VARIANTS + arm
            n += 1
            ways.shown[way, arm] = number = UNNUMBERED - n
        if number != 0:
            out.page[m], out.row[m], out.slot[m], out.number[m] = q, r, k, number
            m += 1
    return m, n
