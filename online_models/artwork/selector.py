"""Choosing pictures for whole pages, with what was made of a title before.

How a title may be shown depends on the viewer only by how well each of its pictures fits. So a title has few
*ways*, one while nothing is known of its pictures, each with its chances, and items of many pages are looked
up and drawn at once (`find_ways`, `draw`): only ways that are missing are made here, all of a call together.
Whatever is learned of a title makes its ways anew; what one says has a number once an item shows it. The law
is that of :mod:`online_models.artwork.gallery` and :mod:`online_models.artwork.bandit`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.artwork.bandit import chances_of
from online_models.artwork.features import (
    FIT_BITS,
    FITS,
    MOST_VARIANTS,
    TRAILER,
    Liked,
    VariantFeatures,
    code_of,
)
from online_models.artwork.gallery import DAY_MS, UNTRIED, Gallery, Picked, Variants
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.hashing import mix
from online_models.tables.layout import F8, I4, I8, U8, Int
from schemas.experiments import ArtworkPolicy

__all__ = [
    "POLICY",
    "ROUNDED",
    "UNNUMBERED",
    "ArtworkSelector",
    "CachedChoice",
    "ChoiceCache",
    "Items",
    "add_ways",
    "claim_ways",
    "draw",
    "find_way",
    "find_ways",
    "key_of",
    "race_won",
    "room_for",
    "sooner",
]

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


UNNUMBERED = -1
"""Number of what no item shows yet."""

POLICY = TRAILER + 3
"""The bit of a key (`key_of`) where the policy begins, and two bits later the title."""


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


KEPT: Final = 100_000
"""Ways remembered, 25 MB; whoever finds more begins anew."""
MOST_SHOWN: Final = 4 * KEPT
"""Different pictures with their chances remembered: whoever learns of pictures finds others for ever."""
_ROWS: Final = 1 << 10
"""Room for ways to begin with."""
_FITS: Final = np.arange(MOST_VARIANTS) * FIT_BITS
"""The bits of a code where the pictures' fits begin."""
_WITHDRAWN: Final = Variants((), (), (), (), (), ())
_NUMBERS: Final = {policy: number for number, policy in enumerate(ArtworkPolicy)}


class ArtworkSelector:
    """Picks from a gallery; for one thread.

    Parameters
    ----------
    gallery
        The titles' pictures, and what is known of them; it may change at any time.

    Attributes
    ----------
    gallery
        The same.
    shown
        What items show, by the numbers that `hang` returns; of 0 the title's first of everything. A list that
        is begun anew is another object.

    Examples
    --------
    >>> from schemas import Artwork, Title
    >>> gallery = Gallery()
    >>> art = tuple(Artwork(id=i, uri="https://x/" + i, tags=(i,)) for i in ("kiss", "chase"))
    >>> gallery.put("t", Title(title_id="t", artwork=art))
    >>> hanger, keys = Hanger(gallery), np.array([2, 3], np.uint64)
    >>> shown, none = hanger.pick(["t", "u"], keys, viewer=7, liked=frozenset(), now_ms=0)
    >>> shown.propensity, none.artwork
    (0.5, None)
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self._ways: ChoiceCache
        self._made: int
        self._variants: dict[int, Variants]
        self.shown: list[Picked]
        self._numbers: dict[Picked, int]
        self._vocabulary: Sequence[str] = ()
        self._words: I4 = np.zeros(0, np.int32)
        self._met = -1
        self._forget()

    def pick(
        self,
        titles: Sequence[str],
        keys: U8,
        *,
        viewer: int,
        liked: frozenset[str],
        now_ms: int,
        policy: ArtworkPolicy = ArtworkPolicy.BANDIT,
    ) -> list[Picked]:
        """Return what each of one viewer's titles shows, by the titles' ids; otherwise as `hang`."""
        n = len(titles)
        listed = np.arange(n, dtype=np.int32).reshape(1, 1, n)
        places = np.array([[[self.gallery.place(title) for title in titles]]], np.int32)
        liking = Liked.of([liked])
        items = Items(
            listed, places, np.array([[n]]), np.array([viewer], np.uint64), self.known(liking), keys
        )
        found = room_for(listed)
        end = self.hang(items, titles, (0, 1), found, 0, now_ms=now_ms, policy=policy)
        out = [self.shown[0]] * n
        for slot, number in zip(found.slot[:end].tolist(), found.number[:end].tolist(), strict=True):
            out[slot] = self.shown[number]
        return out

    def known(self, liked: Liked) -> I4:
        """Return the numbers of the words that viewers like in the gallery's vocabulary: [p, WORDS]."""
        vocabulary = self.gallery.vocabulary
        if liked.vocabulary is not self._vocabulary or len(vocabulary) != self._met:
            self._vocabulary, self._met = liked.vocabulary, len(vocabulary)
            self._words = np.array([*(vocabulary.get(word, -1) for word in self._vocabulary), -1], np.int32)
        out: I4 = self._words[liked.numbers]
        return out

    def hang(
        self,
        items: Items,
        names: Sequence[str],
        pages: tuple[int, int],
        out: CachedChoice,
        first: int,
        *,
        now_ms: int,
        policy: ArtworkPolicy = ArtworkPolicy.BANDIT,
    ) -> int:
        """Write what items of some pages show, from a place on; return where they end.

        Parameters
        ----------
        items
            Of all pages.
        names
            [T] the titles' ids.
        pages
            The first page, and the one behind the last.
        out, first
            Gets those that show anything but the first, in order, with numbers of what they show (`shown`).
        now_ms
            Its day decides the draws.
        policy
            Who chooses. What is learned of pictures is the same whoever chose.
        """
        if self._made > KEPT:
            self._forget()  # once: ways that are made now are kept until all are there
        elif len(self.shown) > MOST_SHOWN:
            self._forget_shown()
        gallery, looks, who = self.gallery, self.gallery.looks, _NUMBERS[policy]
        end, missing = find_ways(pages, who, len(gallery.vocabulary), items, looks, self._ways, out, first)
        if missing:
            self._fit(missing)
            todo, span = np.empty(missing, np.int64), (first, end)
            self._made, n = claim_ways(who, items, looks, self._ways, out, span, self._made, todo)
            at = todo[:n]
            rows = items.title[out.page[at], out.row[at], out.slot[at]]
            self._make(out.number[at], [names[row] for row in rows.tolist()], policy)
        fresh = np.empty(end - first, np.int64)
        end, n = draw(gallery.seed, now_ms // DAY_MS, items, self._ways, out, first, end, fresh)
        if n:
            self._number(fresh[:n], out.number[first:end])
        return int(end)

    def _make(self, ways: I4, titles: Sequence[str], policy: ArtworkPolicy) -> None:
        """Make some titles' ways, or make them anew."""
        known = {title: self.gallery.variants(title) or _WITHDRAWN for title in titles}
        place = {title: n for n, title in enumerate(known)}
        which = np.array([place[title] for title in titles])
        arms = np.zeros((len(known), MOST_VARIANTS), np.uint64)
        for n, variants in enumerate(known.values()):
            arms[n, : _choices(variants)] = variants.hashes[: _choices(variants)]
        made, codes = self._ways, self._codes(ways)
        made.arm[ways], made.chance[ways] = arms[which], self._chances(known, which, codes, policy)
        made.shown[ways] = np.where(made.chance[ways] > 0.0, UNNUMBERED, 0)
        for way, title, code in zip(ways.tolist(), titles, codes.tolist(), strict=True):
            self._variants[way] = variants = known[title]
            if not _choices(variants) and _trailer(variants, code):
                made.shown[way, 0] = UNNUMBERED

    def _chances(self, known: Mapping[str, Variants], which: I8, codes: I8, policy: ArtworkPolicy) -> F8:
        """Return the probability of each picture in some ways: [w, MOST_VARIANTS]."""
        sizes, arms = np.array([*map(_choices, known.values())]), np.arange(MOST_VARIANTS)
        if policy is ArtworkPolicy.FIRST:
            return np.where((arms == 0) & (sizes > 0)[which, None], 1.0, 0.0)
        if policy is ArtworkPolicy.UNIFORM:
            return np.where(arms < sizes[which, None], 1.0 / np.maximum(sizes, 1)[which, None], 0.0)
        tried = np.zeros((sizes.size, MOST_VARIANTS, FITS, 2))
        for n, (title, variants) in enumerate(known.items()):
            self.gallery.known(title).tried(variants.pictures, tried[n])
        return chances_of(
            tried, sizes, which, codes[:, None] >> _FITS & ((1 << FIT_BITS) - 1), UNTRIED.config
        )

    def _number(self, fresh: I8, numbers: I4) -> None:
        """Give what is shown for the first time its number."""
        (ways, arms), given = np.divmod(fresh, MOST_VARIANTS), []
        columns = ways, arms, self._ways.chance[ways, arms], self._codes(ways)
        for way, arm, chance, code in zip(*(column.tolist() for column in columns), strict=True):
            variants = self._variants[way]
            trailer = _trailer(variants, code)
            choice = Picked(variants.pictures[arm], round(chance, 4), trailer) if chance else None
            picked = choice or Picked(trailer=trailer)
            number = self._numbers.setdefault(picked, len(self.shown))
            if number == len(self.shown):
                self.shown.append(picked)
            given.append(number)
        self._ways.shown[ways, arms] = given
        new = numbers < 0
        numbers[new] = np.array(given, np.int32)[UNNUMBERED - 1 - numbers[new]]

    def _codes(self, ways: I4 | I8) -> I8:
        """Return how well titles' variants fit in some ways (`online_models.artwork.features.code_of`)."""
        return self._ways.key[ways].astype(np.int64) & ((1 << POLICY) - 1)

    def _fit(self, more: int) -> None:
        """Make room for more ways; the table has two places for each."""
        ways, size = self._ways, len(self._ways.stamp)
        if self._made + more > size:
            more = (1 << (self._made + more - 1).bit_length()) - size
            grown = [np.concatenate((old, np.zeros((more, *old.shape[1:]), old.dtype))) for old in ways[1:]]
            self._ways = ChoiceCache(np.zeros(2 * (size + more), np.int32), *grown)
            add_ways(self._ways, 1, self._made)

    def _forget(self) -> None:
        """Begin with the way in which titles without a choice are shown."""
        self._ways = ChoiceCache(
            np.zeros(2 * _ROWS, np.int32),
            np.zeros(_ROWS, np.uint64),
            np.zeros(_ROWS, np.int64),
            np.zeros((_ROWS, MOST_VARIANTS), np.uint64),
            np.zeros((_ROWS, MOST_VARIANTS)),
            np.zeros((_ROWS, MOST_VARIANTS), np.int32),
        )
        self._made, self._variants = 1, {}
        self._forget_shown()

    def _forget_shown(self) -> None:
        """Begin to number what items show anew: ways stay, and propensities of long ago go."""
        self.shown, self._numbers = [Picked()], {Picked(): 0}
        self._ways.shown[self._ways.shown > 0] = UNNUMBERED


def room_for(titles: I4) -> CachedChoice:
    """Return room for what every item of pages shows."""
    page, row, slot = np.empty((3, titles.size), np.int64)
    return CachedChoice(page, row, slot, np.empty(titles.size, np.int32))


def _choices(variants: Variants) -> int:
    """Return how many pictures compete."""
    return len(variants.pictures) if len(variants.pictures) > 1 else 0


def _trailer(variants: Variants, code: int) -> str | None:
    """Return the trailer that fits best, None for the first."""
    best = code >> TRAILER
    return variants.trailers[best] if 0 < best < len(variants.trailers) else None
