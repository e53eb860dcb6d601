"""Choosing pictures for whole pages, with what was made of a title before.

How a title may be shown depends on the viewer only by which of the title's own words they like. So a title
has few *ways*, each with its chances, and items of many pages are looked up and drawn at once
(`kernels.artwork`): only a way that is missing is made here. The law is that of :mod:`online_models.artwork`
and :mod:`online_models.bandits`.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from online_models.artwork import DAY_MS, MOST_VARIANTS, Gallery, Picked, Variants, fit_of
from online_models.bandits import Thompson
from online_models.kernels.artwork import Items, Ways, hang
from online_models.kernels.hashing import find, insert, insert_many
from online_models.kernels.layout import F8, I4, I8, U8
from online_models.liking import Liked
from schemas.experiments import ArtworkPolicy

__all__ = ["Hanger"]

KEPT: Final = 100_000
"""Ways remembered, 70 MB; whoever finds more begins anew."""
MOST_SHOWN: Final = 4 * KEPT
"""Different pictures with their chances remembered: whoever learns of pictures finds others for ever."""
_TABLE: Final = 1 << 12
"""Places of the table of ways to begin with."""
_NUMBERS: Final = {policy: number for number, policy in enumerate(ArtworkPolicy)}


class Hanger:
    """Picks from a gallery; for one thread.

    Parameters
    ----------
    gallery
        The titles' pictures, and what is known of them; it may change at any time.

    Attributes
    ----------
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
        self._gallery = gallery
        self._ways: Ways
        self._made: int
        self.shown: list[Picked]
        self._numbers: dict[Picked, int]
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
        places = np.array([self._gallery.place(title) for title in titles], np.int32)
        ends, viewers = np.array([len(titles)]), np.array([viewer], np.uint64)
        numbers = self.hang(
            titles.__getitem__, places=places, keys=keys, ends=ends, viewers=viewers, liked=Liked.of([liked]),
            now_ms=now_ms, policy=policy,
        )  # fmt: skip
        return [self.shown[number] for number in numbers.tolist()]

    def hang(
        self,
        title: Callable[[int], str],
        *,
        places: I4,
        keys: U8,
        ends: I8,
        viewers: U8,
        liked: Liked,
        now_ms: int,
        policy: ArtworkPolicy = ArtworkPolicy.BANDIT,
    ) -> I4:
        """Return the number of what each item shows (`shown`), viewer after viewer: [m].

        Parameters
        ----------
        title, places, keys
            Of the m items' titles: the id of an item's, places in the gallery (`Gallery.place`), keys.
        ends, viewers, liked
            [p] behind each viewer's last item, the viewers' keys, and what each likes.
        now_ms
            Its day decides the draws.
        policy
            Who chooses. What is learned of pictures is the same whoever chose.
        """
        if self._made > KEPT or len(self.shown) > MOST_SHOWN:
            self._forget()  # once: ways that are made now are kept until all are there
        items = Items(places, keys, ends, viewers, liked.hashes)
        shown, key = np.zeros(len(places), np.int32), np.zeros_like(keys)
        now, gallery = (self._gallery.seed, now_ms // DAY_MS, _NUMBERS[policy]), self._gallery
        while hang(*now, gallery.words, gallery.stamps, items, self._ways, key, shown):
            missing = np.flatnonzero(shown < 0)
            owner = np.searchsorted(ends, missing, side="right").tolist()
            for i, p in zip(missing.tolist(), owner, strict=True):
                self._make(key[i], title(i), int(places[i]), liked.words(p), policy)
        return shown

    def _make(
        self, key: np.uint64, title: str, place: int, liked: frozenset[str], policy: ArtworkPolicy
    ) -> None:
        """Make a way, or make it anew, unless it was made for an item before."""
        row, stamp = int(find(self._ways.key, self._ways.row, key)), int(self._gallery.stamps[place])
        if row < 0:
            row = self._begin(key)
        elif self._ways.stamp[row] == stamp:
            return
        variants = self._gallery.variants(title)
        ways, n = self._ways, 0 if variants is None else len(variants.pictures)
        ways.arm[row], ways.chance[row], ways.shown[row], ways.stamp[row] = 0, 0.0, 0, stamp
        if variants is None:  # withdrawn a moment ago
            return
        trailer = _trailer(variants, liked)
        if n < 2:  # noqa: PLR2004 - one is no choice
            ways.shown[row, 0] = self._number(Picked(trailer=trailer))
            return
        chances = _chances(variants, liked, self._gallery.known(title), policy)
        ways.arm[row, :n], ways.chance[row, :n] = variants.hashes, chances
        pairs = zip(variants.pictures, chances.tolist(), strict=True)
        ways.shown[row, :n] = [self._number(Picked(arm, round(chance, 4), trailer)) for arm, chance in pairs]

    def _number(self, picked: Picked) -> int:
        """Return the number of what an item shows."""
        number = self._numbers.setdefault(picked, len(self.shown))
        if number == len(self.shown):
            self.shown.append(picked)
        return number

    def _begin(self, key: np.uint64) -> int:
        """Give a new way a row."""
        row, ways = self._made, self._ways
        if row == len(ways.stamp):
            self._ways = ways = ways._replace(
                stamp=np.tile(ways.stamp, 2),
                arm=np.tile(ways.arm, (2, 1)),
                chance=np.tile(ways.chance, (2, 1)),
                shown=np.tile(ways.shown, (2, 1)),
            )
        if 2 * row > len(ways.key):
            self._ways = ways = self._widened(ways)
        self._made += 1
        insert(ways.key, ways.row, key, row)
        return row

    def _widened(self, ways: Ways) -> Ways:
        """Return the ways with a table twice as large."""
        keys, rows = np.zeros(2 * len(ways.key), np.uint64), np.zeros(2 * len(ways.key), np.int32)
        held = np.flatnonzero(ways.key)
        insert_many(keys, rows, ways.key[held[np.argsort(ways.row[held])]], 1)
        return ways._replace(key=keys, row=rows)

    def _forget(self) -> None:
        """Begin with the way in which titles without a choice are shown."""
        self._ways = Ways(
            np.zeros(_TABLE, np.uint64),
            np.zeros(_TABLE, np.int32),
            np.zeros(64, np.int64),
            np.zeros((64, MOST_VARIANTS), np.uint64),
            np.zeros((64, MOST_VARIANTS)),
            np.zeros((64, MOST_VARIANTS), np.int32),
        )
        self._made = 1
        self.shown, self._numbers = [Picked()], {Picked(): 0}


def _chances(variants: Variants, liked: frozenset[str], known: Thompson, policy: ArtworkPolicy) -> F8:
    """Return the probability of each of a title's pictures, two or more."""
    n = len(variants.pictures)
    if policy is ArtworkPolicy.FIRST:
        first: F8 = np.eye(1, n)[0]
        return first
    if policy is ArtworkPolicy.UNIFORM:
        return np.full(n, 1.0 / n)
    found: F8 = known.chances([fit_of(tags, liked) for tags in variants.tags], variants.pictures, 0)
    return found


def _trailer(variants: Variants, liked: frozenset[str]) -> str | None:
    """Return the trailer that fits best, None for the first."""
    if len(variants.trailers) < 2:  # noqa: PLR2004 - one is no choice
        return None
    fits = [fit_of(tags, liked) for tags in variants.trailer_tags]
    best = fits.index(max(fits))
    return variants.trailers[best] if best else None
