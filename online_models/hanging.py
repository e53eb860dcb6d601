"""Choosing pictures for whole pages, with what was made of a title before.

How a title may be shown depends on the viewer only by which of the title's own words they like. So a title
has few *ways*, each with its chances, and items of many pages are looked up and drawn at once
(`kernels.artwork`): only a way that is missing is made here. The law is that of :mod:`online_models.artwork`
and :mod:`online_models.bandits`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from online_models.artwork import DAY_MS, MOST_VARIANTS, WORDS, Gallery, Picked, Variants, fit_of, word_hash
from online_models.bandits import Thompson
from online_models.kernels.artwork import Items, Ways, hang
from online_models.kernels.hashing import find, insert, insert_many
from online_models.kernels.layout import F8, I4, I8, U8
from schemas.experiments import ArtworkPolicy

__all__ = ["Hanger"]

KEPT: Final = 100_000
"""Ways remembered, 70 MB; whoever finds more begins anew."""
_TABLE: Final = 1 << 12
"""Places of the table of ways to begin with."""
_NUMBERS: Final = {policy: number for number, policy in enumerate(ArtworkPolicy)}


class Hanger:
    """Picks from a gallery; for one thread.

    Parameters
    ----------
    gallery
        The titles' pictures, and what is known of them; it may change at any time.

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
        self._picked: list[tuple[Picked, ...]]
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
        return self.hang(
            titles, places=places, keys=keys, ends=ends, viewers=viewers, liked=[liked], now_ms=now_ms,
            policy=policy,
        )  # fmt: skip

    def hang(
        self,
        titles: Sequence[str],
        *,
        places: I4,
        keys: U8,
        ends: I8,
        viewers: U8,
        liked: Sequence[frozenset[str]],
        now_ms: int,
        policy: ArtworkPolicy = ArtworkPolicy.BANDIT,
    ) -> list[Picked]:
        """Return what each item shows, viewer after viewer.

        Parameters
        ----------
        titles, places, keys
            [m] the items' titles: ids, places in the gallery (`Gallery.place`), keys.
        ends, viewers, liked
            [p] behind each viewer's last item, the viewers' keys, and what each likes
            (:func:`online_models.artwork.liked_words`).
        now_ms
            Its day decides the draws.
        policy
            Who chooses. What is learned of pictures is the same whoever chose.
        """
        if len(self._picked) > KEPT:  # once: ways that are made now are kept until all are there
            self._forget()
        words = np.zeros((len(liked), WORDS), np.uint64)
        for own, some in zip(words, liked, strict=True):
            own[: len(some)] = [*map(word_hash, some)]
        items = Items(places, keys, ends, viewers, words)
        way, arm, key = np.zeros(len(places), np.int32), np.zeros(len(places), np.int32), np.zeros_like(keys)
        now, gallery = (self._gallery.seed, now_ms // DAY_MS, _NUMBERS[policy]), self._gallery
        while hang(*now, gallery.words, gallery.stamps, items, self._ways, key, way, arm):
            missing = np.flatnonzero(way < 0)
            owner = np.searchsorted(ends, missing, side="right").tolist()
            for i, p in zip(missing.tolist(), owner, strict=True):
                self._make(key[i], titles[i], int(places[i]), liked[p], policy)
        return [self._picked[row][chosen] for row, chosen in zip(way.tolist(), arm.tolist(), strict=True)]

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
        ways.arm[row], ways.chance[row], ways.stamp[row] = 0, 0.0, stamp
        if variants is None:  # withdrawn a moment ago
            self._picked[row] = (Picked(),)
            return
        trailer = _trailer(variants, liked)
        if n < 2:  # noqa: PLR2004 - one is no choice
            self._picked[row] = (Picked(trailer=trailer),)
            return
        chances = _chances(variants, liked, self._gallery.known(title), policy)
        ways.arm[row, :n], ways.chance[row, :n] = variants.hashes, chances
        pairs = zip(variants.pictures, chances.tolist(), strict=True)
        self._picked[row] = tuple(Picked(picture, round(chance, 4), trailer) for picture, chance in pairs)

    def _begin(self, key: np.uint64) -> int:
        """Give a new way a row."""
        row, ways = len(self._picked), self._ways
        if row == len(ways.stamp):
            self._ways = ways = ways._replace(
                stamp=np.tile(ways.stamp, 2),
                arm=np.tile(ways.arm, (2, 1)),
                chance=np.tile(ways.chance, (2, 1)),
            )
        if 2 * row > len(ways.key):
            self._ways = ways = self._widened(ways)
        self._picked.append((Picked(),))
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
        )
        self._picked = [(Picked(),)]


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
