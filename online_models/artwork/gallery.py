r"""Artwork: which picture of a title a viewer sees, learned from what pictures lead to.

Each title with two or more pictures is a contextual bandit (:mod:`online_models.artwork.bandit`). A picture's
context is how well it fits the viewer: how many of its tags are among those of the titles that the viewer
liked of late (none, one, more). A *trial* is a picture that the viewer saw, once a day; it is *won* when the
title is watched past a quarter within a day (a quality watch, not a click: what disappoints does not pay).

The draw (`hanging`) depends on viewer, title and day only, so a picture stays for a day, and a viewer does
not see a title in three guises on one evening. Its probability is logged in the list.

Trailers have no reward that any event tells of: the one that fits best is named.
"""

from typing import NamedTuple

import numpy as np

from online_models.artwork.bandit import BanditConfig, Thompson
from online_models.artwork.features import FITS, MOST_VARIANTS, MOST_WORDS, VariantFeatures, fit_of
from online_models.tables.keyed_random import name_hash
from online_models.tables.layout import F8
from schemas import Title

__all__ = ["DAY_MS", "FITS", "MOST_VARIANTS", "NO_DATA", "Gallery", "Selection", "Variants"]

DAY_MS = 86_400_000
_CONFIG = BanditConfig(contexts=FITS)
NO_DATA = Thompson(_CONFIG)
"""What is known of pictures of which nothing is known."""


class Variants(NamedTuple):
    """A title's pictures and trailers."""

    artworks: tuple[str, ...]
    tags: tuple[frozenset[str], ...]
    hashes: tuple[int, ...]
    """Hashes of the pictures' names: where their draws start."""
    trailers: tuple[str, ...]
    trailer_tags: tuple[frozenset[str], ...]
    words: tuple[str, ...]
    """The tags of all of them, each once."""


class Selection(NamedTuple):
    """What an item shows; None: the title's first."""

    artwork: str | None = None
    propensity: float | None = None
    """Probability of the artwork; None: there was nothing to choose."""
    trailer: str | None = None


class Gallery:
    """The pictures of every title, and what is known of them.

    Parameters
    ----------
    seed
        Start of every draw.

    Attributes
    ----------
    looks
        What kernels look at: each title that had something to choose from. While nothing is known of its
        pictures, each is as likely as any other, whatever fits: words make a difference only to trailers.
    vocabulary
        Numbers of the words of all titles.
    listed
        Moves when other titles have something to choose from.

    Examples
    --------
    >>> from schemas import Artwork
    >>> gallery = Gallery()
    >>> art = tuple(Artwork(id=i, uri="https://x/" + i, tags=(i,)) for i in ("kiss", "chase"))
    >>> gallery.put("t", Title(title_id="t", artwork=art))
    >>> gallery.fit("t", "kiss", frozenset({"kiss"})), gallery.variants("u")
    (1, None)
    """

    def __init__(self, *, seed: int = 0) -> None:
        self.seed, self.listing_version = seed, 0
        self.features = VariantFeatures(
            np.zeros((64, MOST_WORDS), np.int32),
            np.zeros((64, MOST_VARIANTS), np.uint32),
            np.zeros((64, MOST_VARIANTS), np.uint32),
            np.zeros(64, np.int64),
        )
        self.vocabulary: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._variants: dict[str, Variants] = {}
        self._bandits: dict[str, Thompson] = {}

    def __len__(self) -> int:
        """Return the number of titles with something to choose from."""
        return len(self._variants)

    def put(self, title_id: str, title: Title) -> None:
        """Take a title's newest record over."""
        artworks, trailers = title.artwork[:MOST_VARIANTS], title.trailers[:MOST_VARIANTS]
        if len(artworks) < 2 and len(trailers) < 2:
            self.withdraw(title_id)
            return
        names = tuple(one.id for one in artworks)
        tags = [tag for one in artworks for tag in one.tags] + [tag for one in trailers for tag in one.tags]
        words = tuple(dict.fromkeys(tags))[:MOST_WORDS]
        known = frozenset(words)
        self._make_row(title_id)
        self._bump_version(title_id)  # whoever looks from here on keeps nothing
        before = self._variants.get(title_id)
        self._variants[title_id] = Variants(
            names,
            tuple(known.intersection(one.tags) for one in artworks),
            tuple(map(name_hash, names)),
            tuple(one.id for one in trailers),
            tuple(known.intersection(one.tags) for one in trailers),
            words,
        )
        self._write_features(title_id)
        self._bump_version(title_id)
        self.listing_version += before is None

    def withdraw(self, title_id: str) -> None:
        """Forget a title's pictures."""
        if self._variants.pop(title_id, None) is not None:
            self.listing_version += 1

    def row_of(self, title_id: str) -> int:
        """Return where a title is in `features`; -1 for one with nothing to choose from."""
        return self._rows[title_id] if title_id in self._variants else -1

    def variants(self, title_id: str) -> Variants | None:
        """Return what a title has to choose from; None for nothing."""
        return self._variants.get(title_id)

    def known(self, title_id: str) -> Thompson:
        """Return what is known of a title's pictures. Not to be changed."""
        return self._bandits.get(title_id, NO_DATA)

    def bandit(self, title_id: str) -> Thompson:
        """Return what is known of a title's pictures, a new one if nothing is; to be changed."""
        found = self._bandits.get(title_id)
        if found is None:
            found = self._bandits[title_id] = Thompson(_CONFIG)
            self._write_features(title_id)
        self._bump_version(title_id)
        return found

    def load(self, title_id: str, cells: dict[str, F8], at_ms: int) -> None:
        """Take over what was learned of a title's pictures."""
        self.bandit(title_id).load(cells, at_ms)
        self._bump_version(title_id)  # whoever looked in between saw what was known before

    def fit(self, title_id: str, artwork: str, liked: frozenset[str]) -> int | None:
        """Return the context of a picture for a viewer; None if the title has no such picture to choose."""
        variants = self._variants.get(title_id)
        if variants is None or artwork not in variants.artworks or len(variants.artworks) == 1:
            return None
        return fit_of(variants.tags[variants.artworks.index(artwork)], liked)

    def _bump_version(self, title_id: str) -> None:
        if title_id in self._rows:
            self.features.version[self._rows[title_id]] += 1

    def _write_features(self, title_id: str) -> None:
        """Write down which words make a difference to how a title is shown."""
        variants = self._variants.get(title_id)
        if variants is None:
            return
        row, words, tried = self._rows[title_id], variants.words, title_id in self._bandits
        bits = {word: 1 << n for n, word in enumerate(words)}
        self.features.word[row] = -1
        for masks, tags, matter in (
            (self.features.artwork, variants.tags, tried),
            (self.features.trailer, variants.trailer_tags, True),
        ):
            masks[row] = 0
            if matter and len(tags) > 1:
                masks[row, : len(tags)] = [sum(map(bits.__getitem__, some)) for some in tags]
                numbers = [self.vocabulary.setdefault(word, len(self.vocabulary)) for word in words]
                self.features.word[row, : len(words)] = numbers

    def _make_row(self, title_id: str) -> None:
        row = self._rows.setdefault(title_id, len(self._rows))
        if row == len(self.features.version):
            doubled = (np.concatenate((column, np.zeros_like(column))) for column in self.features)
            self.features = VariantFeatures._make(doubled)
