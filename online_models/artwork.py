r"""Artwork: which picture of a title a viewer sees, learned from what pictures lead to.

Each title with two or more pictures is a contextual bandit (:mod:`online_models.bandits`). A picture's
context is how well it fits the viewer: how many of its tags are among those of the titles that the viewer
liked of late (none, one, more). A *trial* is a picture that the viewer saw, once a day; it is *won* when the
title is watched past a quarter within a day (a quality watch, not a click: what disappoints does not pay).

The draw depends on viewer, title and day only, so a picture stays for a day, and a viewer does not see a
title in three guises on one evening. Its probability is logged in the list.

Trailers have no reward that any event tells of: the one that fits best is named.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from online_models.bandits import BanditConfig, Thompson
from online_models.draws import name_hash
from online_models.kernels.artwork import race_many
from online_models.kernels.layout import F8, I4, U8
from schemas import Title
from schemas.experiments import ArtworkPolicy

__all__ = ["DAY_MS", "FITS", "Gallery", "Picked", "Variants", "fit_of", "liked_words"]

DAY_MS = 86_400_000
FITS = 3
"""Contexts: none of the picture's tags fits, one does, more do."""
MOST_VARIANTS = 8
"""Pictures of a title that compete, the first ones: each needs some hundred trials."""
WORDS = 8
"""Tags that stand for what a viewer likes: the ones that most of the titles they liked of late bear."""
_CONFIG = BanditConfig(contexts=FITS)


class Variants(NamedTuple):
    """A title's pictures and trailers."""

    pictures: tuple[str, ...]
    tags: tuple[frozenset[str], ...]
    hashes: tuple[int, ...]
    """Hashes of the pictures' names: where their draws start."""
    trailers: tuple[str, ...]
    trailer_tags: tuple[frozenset[str], ...]


class Picked(NamedTuple):
    """What an item shows; None: the title's first."""

    artwork: str | None = None
    propensity: float | None = None
    """Probability of the artwork; None: there was nothing to choose."""
    trailer: str | None = None


def fit_of(tags: frozenset[str], liked: frozenset[str]) -> int:
    """Return the context of a picture for a viewer.

    Examples
    --------
    >>> fit_of(frozenset({"romance", "Paris"}), frozenset({"romance", "war"}))
    1
    """
    return min(len(tags & liked), FITS - 1)


def liked_words(labels: Iterable[Sequence[str]]) -> frozenset[str]:
    """Return the tags that stand for what a viewer likes.

    Parameters
    ----------
    labels
        Tags (``kind:value``) of the titles that they liked of late; years and decades say nothing of a
        picture.

    Examples
    --------
    >>> sorted(liked_words([["genre:Drama", "mood:dark"], ["genre:Drama", "decade:1990s"]]))
    ['Drama', 'dark']
    """
    kept = (label.split(":", 1) for title in labels for label in title)
    count = Counter(value for kind, value in kept if kind not in {"decade", "year", "language"})
    best = sorted(count.items(), key=lambda item: (-item[1], item[0]))
    return frozenset(value for value, _ in best[:WORDS])


class Gallery:
    """The pictures of every title, and what is known of them.

    Parameters
    ----------
    seed
        Start of every draw.

    Examples
    --------
    >>> from schemas import Artwork
    >>> gallery = Gallery()
    >>> art = tuple(Artwork(id=i, uri="https://x/" + i, tags=(i,)) for i in ("kiss", "chase"))
    >>> gallery.put("t", Title(title_id="t", artwork=art))
    >>> gallery.pick(["t"], np.array([2], np.uint64), viewer=7, liked=frozenset(), now_ms=0)[0].propensity
    0.5
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed
        self._variants: dict[str, Variants] = {}
        self._bandits: dict[str, Thompson] = {}

    def __len__(self) -> int:
        """Return the number of titles with something to choose from."""
        return len(self._variants)

    def put(self, title_id: str, title: Title) -> None:
        """Take a title's newest record over."""
        pictures, trailers = title.artwork[:MOST_VARIANTS], title.trailers[:MOST_VARIANTS]
        if len(pictures) < 2 and len(trailers) < 2:  # noqa: PLR2004 - one is no choice
            self._variants.pop(title_id, None)
            return
        names = tuple(one.id for one in pictures)
        self._variants[title_id] = Variants(
            names,
            tuple(frozenset(one.tags) for one in pictures),
            tuple(map(name_hash, names)),
            tuple(one.id for one in trailers),
            tuple(frozenset(one.tags) for one in trailers),
        )

    def withdraw(self, title_id: str) -> None:
        """Forget a title's pictures."""
        self._variants.pop(title_id, None)

    def bandit(self, title_id: str) -> Thompson:
        """Return what is known of a title's pictures, a new one if nothing is."""
        found = self._bandits.get(title_id)
        if found is None:
            found = self._bandits[title_id] = Thompson(_CONFIG)
        return found

    def load(self, title_id: str, cells: dict[str, F8], at_ms: int) -> None:
        """Take over what was learned of a title's pictures."""
        self.bandit(title_id).load(cells, at_ms)

    def fit(self, title_id: str, picture: str, liked: frozenset[str]) -> int | None:
        """Return the context of a picture for a viewer; None if the title has no such picture to choose."""
        variants = self._variants.get(title_id)
        if variants is None or picture not in variants.pictures or len(variants.pictures) == 1:
            return None
        return fit_of(variants.tags[variants.pictures.index(picture)], liked)

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
        """Return what each of a viewer's titles shows. Changes nothing.

        Parameters
        ----------
        titles, keys
            [m] ids and keys of the titles.
        viewer
            Key of the viewer.
        liked
            What the viewer likes, see :func:`liked_words`.
        now_ms
            Its day decides the draw.
        policy
            Who chooses. What is learned of pictures is the same whoever chose.
        """
        found = [self._variants.get(title) for title in titles]
        arms = np.zeros((len(titles), MOST_VARIANTS), np.uint64)
        chances = np.zeros((len(titles), MOST_VARIANTS))
        for i, (title, variants) in enumerate(zip(titles, found, strict=True)):
            if variants is not None and len(variants.pictures) > 1:
                n = len(variants.pictures)
                arms[i, :n] = variants.hashes
                chances[i, :n] = self._chances(title, variants, liked, now_ms, policy)
        chosen: I4 = np.zeros(len(titles), np.int32)
        day, drawn_for = now_ms // DAY_MS, np.uint64(viewer)
        race_many(self.seed, drawn_for, day, np.asarray(keys, np.uint64), arms, chances, chosen)
        return [
            Picked() if one is None else _picked(one, int(arm), float(chance[arm]), liked)
            for one, arm, chance in zip(found, chosen, chances, strict=True)
        ]

    def _chances(
        self, title: str, variants: Variants, liked: frozenset[str], now_ms: int, policy: ArtworkPolicy
    ) -> F8:
        """Return the probability of each picture of a title."""
        n = len(variants.pictures)
        if policy is ArtworkPolicy.FIRST:
            first: F8 = np.eye(n)[0]
            return first
        if policy is ArtworkPolicy.UNIFORM:
            return np.full(n, 1.0 / n)
        contexts = [fit_of(tags, liked) for tags in variants.tags]
        known = self._bandits.get(title) or Thompson(_CONFIG)
        return known.chances(contexts, variants.pictures, now_ms)


def _picked(variants: Variants, arm: int, chance: float, liked: frozenset[str]) -> Picked:
    trailer = None
    if len(variants.trailers) > 1:
        fits = [fit_of(tags, liked) for tags in variants.trailer_tags]
        best = fits.index(max(fits))
        trailer = variants.trailers[best] if best else None
    if len(variants.pictures) < 2:  # noqa: PLR2004 - one is no choice
        return Picked(trailer=trailer)
    return Picked(variants.pictures[arm], round(chance, 4), trailer)
