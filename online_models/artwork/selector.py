"""Choosing pictures for whole pages, with what was made of a title before.

How a title may be shown depends on the viewer only by how well each of its pictures fits. So a title has few
*ways*, one while nothing is known of its pictures, each with its chances, and items of many pages are looked
up and drawn at once (`artwork.selector_kernels`): only ways that are missing are made here, all of a call together.
Whatever is learned of a title makes its ways anew; what one says has a number once an item shows it. The law
is that of :mod:`online_models.artwork.gallery` and :mod:`online_models.artwork.bandit`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from online_models.artwork.bandit import chances_of
from online_models.artwork.features import Liked
from online_models.artwork.gallery import DAY_MS, UNTRIED, Gallery, Picked, Variants
from online_models.artwork.selector_kernels import (
    FIT_BITS,
    FITS,
    MOST_VARIANTS,
    POLICY,
    TRAILER,
    UNNUMBERED,
    CachedChoice,
    ChoiceCache,
    Items,
    add_ways,
    claim_ways,
    draw,
    find_ways,
)
from online_models.tables.layout import F8, I4, I8, U8
from schemas.experiments import ArtworkPolicy

__all__ = ["ArtworkSelector", "room_for"]

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
        """Return how well titles' variants fit in some ways (`artwork.selector_kernels.code_of`)."""
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
