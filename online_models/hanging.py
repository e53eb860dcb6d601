"""Choosing pictures for whole pages, with what was made of a title before.

How a title may be shown depends on the viewer only by which of the title's own words they like. So a title
has few *ways*, each with its chances, and a page of 240 titles is as many look-ups and one draw
(`kernels.artwork`). The law is that of :mod:`online_models.artwork` and :mod:`online_models.bandits`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.artwork import DAY_MS, MOST_VARIANTS, Gallery, Picked, Variants, fit_of
from online_models.bandits import Thompson
from online_models.kernels.artwork import race_many
from online_models.kernels.layout import F8, I4, U8
from schemas.experiments import ArtworkPolicy

__all__ = ["Hanger"]

KEPT: Final = 100_000
"""Ways remembered at most: 30 MB; then all are made anew."""


class _Way(NamedTuple):
    """How a title is shown to viewers who like the same of its words."""

    row: int
    """In the tables of arms and chances."""
    picked: tuple[Picked, ...]
    """What is shown, by arm."""
    variants: Variants | None = None
    learned: int = 0
    """What was known of the pictures when the chances were made (`Thompson.learned`)."""


_NOTHING: Final = _Way(0, (Picked(),))


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
        self._ways: dict[tuple[str, frozenset[str], ArtworkPolicy], _Way] = {}
        self._arms: U8 = np.zeros((64, MOST_VARIANTS), np.uint64)
        self._chances: F8 = np.zeros((64, MOST_VARIANTS))
        self._made = 1

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
        """Return what each of a viewer's titles shows.

        Parameters
        ----------
        titles, keys
            [m] ids and keys of the titles.
        viewer
            Key of the viewer.
        liked
            What the viewer likes, see :func:`online_models.artwork.liked_words`.
        now_ms
            Its day decides the draw.
        policy
            Who chooses. What is learned of pictures is the same whoever chose.
        """
        if self._made > KEPT:
            self._ways.clear()
            self._made = 1
        ways = [self._way(title, liked, policy) for title in titles]
        rows = np.array([way.row for way in ways], np.intp)
        chosen: I4 = np.zeros(len(titles), np.int32)
        drawn_for, day = np.uint64(viewer), now_ms // DAY_MS
        race_many(self._gallery.seed, drawn_for, day, keys, self._arms[rows], self._chances[rows], chosen)
        return [way.picked[arm] for way, arm in zip(ways, chosen.tolist(), strict=True)]

    def _way(self, title: str, liked: frozenset[str], policy: ArtworkPolicy) -> _Way:
        """Return how a title is shown to somebody, made if it is not known or old."""
        variants = self._gallery.variants(title)
        if variants is None:
            return _NOTHING
        key = title, liked & variants.words, policy
        known = self._gallery.known(title)
        way, learned = self._ways.get(key), known.learned
        if way is None or way.variants is not variants or way.learned != learned:
            chances = _chances(variants, key[1], known, policy)
            way = self._ways[key] = self._make(variants, key[1], chances, learned)
        return way

    def _make(self, variants: Variants, liked: frozenset[str], chances: F8, learned: int) -> _Way:
        trailer = _trailer(variants, liked)
        if len(variants.pictures) < 2:  # noqa: PLR2004 - one is no choice
            return _Way(0, (Picked(trailer=trailer),), variants, learned)
        if self._made == len(self._arms):
            self._arms = np.concatenate((self._arms, np.zeros_like(self._arms)))
            self._chances = np.concatenate((self._chances, np.zeros_like(self._chances)))
        row, n = self._made, len(variants.pictures)
        self._made += 1
        self._arms[row], self._chances[row] = 0, 0.0
        self._arms[row, :n], self._chances[row, :n] = variants.hashes, chances
        pairs = zip(variants.pictures, chances.tolist(), strict=True)
        picked = tuple(Picked(picture, round(chance, 4), trailer) for picture, chance in pairs)
        return _Way(row, picked, variants, learned)


def _chances(variants: Variants, liked: frozenset[str], known: Thompson, policy: ArtworkPolicy) -> F8:
    """Return the probability of each picture of a title."""
    n = len(variants.pictures)
    if policy is ArtworkPolicy.FIRST or n < 2:  # noqa: PLR2004 - one is no choice
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
