"""Choosing pictures for whole pages, with what was made of a title before.

How a title may be shown depends on the viewer only by how well each of its pictures fits. So a title has few
*ways*, one while nothing is known of its pictures, each with its chances, and items of many pages are looked
up and drawn at once (`kernels.artwork`): only a way that is missing is made here. The law is that of
:mod:`online_models.artwork` and :mod:`online_models.bandits`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from online_models.artwork import DAY_MS, Gallery, Picked, Variants
from online_models.bandits import Thompson
from online_models.kernels.artwork import (
    FIT_BITS,
    MOST_VARIANTS,
    TRAILER,
    Found,
    Items,
    Ways,
    add_ways,
    draw,
    find_way,
    find_ways,
    key_of,
)
from online_models.kernels.layout import F8, I4, U8
from online_models.liking import Liked
from schemas.experiments import ArtworkPolicy

__all__ = ["Hanger", "room_for"]

KEPT: Final = 100_000
"""Ways remembered, 70 MB; whoever finds more begins anew."""
MOST_SHOWN: Final = 4 * KEPT
"""Different pictures with their chances remembered: whoever learns of pictures finds others for ever."""
_TABLE: Final = 1 << 12
"""Places of the table of ways to begin with."""
_FIT: Final = (1 << FIT_BITS) - 1
_NUMBERS: Final = {policy: number for number, policy in enumerate(ArtworkPolicy)}


class Hanger:
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
        self._ways: Ways
        self._made: int
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
        out: Found,
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
        if self._made > KEPT or len(self.shown) > MOST_SHOWN:
            self._forget()  # once: ways that are made now are kept until all are there
        gallery, who = self.gallery, _NUMBERS[policy]
        end, missing = find_ways(
            pages, who, len(gallery.vocabulary), items, gallery.looks, self._ways, out, first
        )
        if missing:
            for i in (first + np.flatnonzero(out.number[first:end] < 0)).tolist():
                at = out.page[i], out.row[i], out.slot[i]
                code = ~int(out.number[i])
                out.number[i] = self._way(int(items.place[at]), names[items.title[at]], code, policy)
        return int(draw(gallery.seed, now_ms // DAY_MS, items, self._ways, out, first, end))

    def _way(self, place: int, title: str, code: int, policy: ArtworkPolicy) -> int:
        """Return a way, made, or made anew, unless it was made for an item before."""
        key = key_of(place, _NUMBERS[policy], code)
        way, stamp = int(find_way(self._ways, key)), int(self.gallery.looks.stamp[place])
        if not way:
            way = self._begin(key)
        elif self._ways.stamp[way] == stamp:
            return way
        variants = self.gallery.variants(title)
        ways, n = self._ways, 0 if variants is None else len(variants.pictures)
        ways.arm[way], ways.chance[way], ways.shown[way], ways.stamp[way] = 0, 0.0, 0, stamp
        if variants is None:  # withdrawn a moment ago
            return way
        trailer = _trailer(variants, code >> TRAILER)
        if n < 2:  # noqa: PLR2004 - one is no choice
            ways.shown[way, 0] = self._number(Picked(trailer=trailer))
            return way
        chances = _chances(variants, code, self.gallery.known(title), policy)
        ways.arm[way, :n], ways.chance[way, :n] = variants.hashes, chances
        pairs = zip(variants.pictures, chances.tolist(), strict=True)
        ways.shown[way, :n] = [self._number(Picked(arm, round(chance, 4), trailer)) for arm, chance in pairs]
        return way

    def _number(self, picked: Picked) -> int:
        """Return the number of what an item shows."""
        number = self._numbers.setdefault(picked, len(self.shown))
        if number == len(self.shown):
            self.shown.append(picked)
        return number

    def _begin(self, key: np.uint64) -> int:
        """Give a new way a row."""
        way, ways = self._made, self._ways
        if way == len(ways.stamp):
            doubled = (np.concatenate((column, np.zeros_like(column))) for column in ways[1:])
            self._ways = ways = Ways._make((ways.table, *doubled))
        self._made += 1
        ways.key[way] = key
        if 2 * way > len(ways.table):
            self._ways = ways = ways._replace(table=np.zeros(2 * len(ways.table), np.int32))
            add_ways(ways, 1, way)
        add_ways(ways, way, way + 1)
        return way

    def _forget(self) -> None:
        """Begin with the way in which titles without a choice are shown."""
        self._ways = Ways(
            np.zeros(_TABLE, np.int32),
            np.zeros(64, np.uint64),
            np.zeros(64, np.int64),
            np.zeros((64, MOST_VARIANTS), np.uint64),
            np.zeros((64, MOST_VARIANTS)),
            np.zeros((64, MOST_VARIANTS), np.int32),
        )
        self._made = 1
        self.shown, self._numbers = [Picked()], {Picked(): 0}


def room_for(titles: I4) -> Found:
    """Return room for what every item of pages shows."""
    page, row, slot = np.empty((3, titles.size), np.int64)
    return Found(page, row, slot, np.empty(titles.size, np.int32))


def _chances(variants: Variants, code: int, known: Thompson, policy: ArtworkPolicy) -> F8:
    """Return the probability of each of a title's pictures, two or more."""
    n = len(variants.pictures)
    if policy is ArtworkPolicy.FIRST:
        first: F8 = np.eye(1, n)[0]
        return first
    if policy is ArtworkPolicy.UNIFORM:
        return np.full(n, 1.0 / n)
    found: F8 = known.chances([code >> a * FIT_BITS & _FIT for a in range(n)], variants.pictures, 0)
    return found


def _trailer(variants: Variants, best: int) -> str | None:
    """Return the trailer that fits best, None for the first."""
    return variants.trailers[best] if 0 < best < len(variants.trailers) else None
