"""Which variant each item of some pages shows: what its viewer likes, and a draw (``bandits``)."""

from typing import NamedTuple

import numpy as np

from online_models.kernels.hashing import find, mix
from online_models.kernels.layout import F8, I4, I8, U8, jit, plain


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


@plain
def way_of(place: int, words: U8, liked: U8, policy: int) -> np.uint64:
    """Return the key of a way: the title, which of its words are liked, and who chooses. Never 0."""
    met = np.uint64(0)
    for k in range(words.size):
        if words[k] == 0:
            break
        for one in range(liked.size):
            if words[k] == liked[one]:
                met |= np.uint64(1) << np.uint64(k)
    key = mix(met ^ mix(np.uint64(4 * place + policy)))
    return key if key != 0 else np.uint64(1)


@plain
def race_won(arm: U8, chance: F8, key: int) -> int:
    """Return the arm that wins a race: the same as ``online_models.draws.race``."""
    best, won = np.inf, 0
    for a in range(arm.size):
        if chance[a] > 0.0:
            u = np.float64(mix(arm[a] ^ np.uint64(key)) >> np.uint64(11)) * 2.0**-53
            time = -np.log1p(-u) / chance[a]
            if time < best:
                best, won = time, a
    return won


@jit
def hang(
    seed: int, day: int, policy: int, words: U8, stamps: I8, items: Items, ways: Ways, key: U8, way: I4,
    arm: I4,
) -> int:  # fmt: skip
    """Write which way each item is shown and which picture is drawn; return how many ways are missing.

    ``words`` [E, MOST_WORDS] are hashes of the titles' words, ``stamps`` [E] move when something about a
    title does. Where a way is missing, or older than its title's stamp, ``way`` is -1. ``key`` says which.
    """
    first, missing, p = mix(np.uint64(seed)), 0, 0
    for i in range(items.place.size):
        while items.end[p] <= i:
            p += 1
        e = items.place[i]
        way[i] = arm[i] = 0
        if e < 0:
            continue
        key[i] = way_of(e, words[e], items.liked[p], policy)
        found = find(ways.key, ways.row, key[i])
        if found < 0 or ways.stamp[found] != stamps[e]:
            way[i] = -1
            missing += 1
            continue
        way[i] = found
        drawn = mix(mix(mix(first ^ items.viewer[p]) ^ items.key[i]) ^ np.uint64(day))
        arm[i] = race_won(ways.arm[found], ways.chance[found], drawn)
    return missing
