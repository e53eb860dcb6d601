"""Artwork and trailers of all titles, and what the bandits have learned of them.

Each title with two or more artworks is a contextual bandit (:mod:`online_models.artwork.bandit`); its
contexts are in :mod:`online_models.artwork.features`. A *trial* is an artwork that the viewer saw, counted
once a day; it is *won* if the title is watched past a quarter within a day. A click is no reward, so that
misleading artwork does not pay.

The draw (:mod:`online_models.artwork.selector`) depends on viewer, title and day only: an artwork is stable
for a day, and a viewer does not see a title in three guises on one evening. The page logs its propensity.

No event reports a reward of trailers: the best-fitting one is named.

Most titles of a large catalog are on no page. So what their records say of artwork is kept packed, and is
unpacked, and its words numbered, when somebody first asks for the title.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from sys import intern
from threading import Lock
from typing import NamedTuple

import numpy as np

from online_models.artwork.bandit import BanditConfig, Thompson
from online_models.artwork.features import FITS, MOST_VARIANTS, MOST_WORDS, VariantFeatures, fit_of
from online_models.config import ModelConfig
from online_models.tables.growing import grown
from online_models.tables.keyed_random import name_hash
from online_models.tables.layout import F8
from online_models.tables.numbering import Numbering
from online_models.tables.texts import ByteColumn
from online_models.tables.titles import TitleTable
from schemas import Title

__all__ = ["DAY_MS", "FITS", "MOST_VARIANTS", "NO_DATA", "Gallery", "Selection", "Variants"]

DAY_MS = 86_400_000
_Tagged = Sequence[tuple[str, tuple[str, ...]]]
"""Names of artworks or trailers with their tags."""
_CONFIG = BanditConfig(contexts=FITS)
NO_DATA = Thompson(_CONFIG)
"""Bandit without data."""
_WORD, _VARIANT, _KIND = "\t", "\n", "\f"
"""Between words, variants, and artworks and trailers, none of which has control characters."""


class Variants(NamedTuple):
    """Artworks and trailers of a title."""

    artworks: tuple[str, ...]
    tags: tuple[frozenset[str], ...]
    hashes: tuple[int, ...]
    """Hashes of the artworks' names: the keys of their draws."""
    trailers: tuple[str, ...]
    trailer_tags: tuple[frozenset[str], ...]
    words: tuple[str, ...]
    """Distinct tags of all of them."""


class Selection(NamedTuple):
    """What an item shows; None: the title's first."""

    artwork: str | None = None
    propensity: float | None = None
    """Probability of the artwork; None: there was no choice."""
    trailer: str | None = None


@lru_cache(1 << 15)
def _as_set(tags: tuple[str, ...]) -> frozenset[str]:
    """Return tags as a set, the same one for the same tags: a set of its own takes 216 bytes an artwork."""
    return frozenset(map(intern, tags))


def _variants_of(artworks: _Tagged, trailers: _Tagged) -> Variants:
    """Return the variants of a title; words beyond `MOST_WORDS` are left out."""
    names, tags = [name for name, _ in artworks], [tags for _, tags in artworks]
    trailer_tags = [tags for _, tags in trailers]
    words = tuple(map(intern, dict.fromkeys(chain(*tags, *trailer_tags))))
    if len(words) > MOST_WORDS:
        words, dropped = words[:MOST_WORDS], frozenset(words[MOST_WORDS:])
        tags, trailer_tags = (
            [tuple([tag for tag in some if tag not in dropped]) for some in each]
            for each in (tags, trailer_tags)
        )
    return Variants(
        tuple(map(intern, names)),
        tuple(map(_as_set, tags)),
        tuple(map(name_hash, names)),
        tuple([intern(name) for name, _ in trailers]),
        tuple(map(_as_set, trailer_tags)),
        words,
    )


def _packed(title: Title) -> bytes:
    """Return the artworks and trailers of a title as bytes; none without a choice."""
    artworks, trailers = title.artwork[:MOST_VARIANTS], title.trailers[:MOST_VARIANTS]
    if len(artworks) < 2 and len(trailers) < 2:
        return b""
    kinds = (
        _VARIANT.join([_WORD.join((one.id, *one.tags)) for one in some]) for some in (artworks, trailers)
    )
    return _KIND.join(kinds).encode()


def _unpacked(packed: bytes) -> tuple[_Tagged, _Tagged]:
    """Return artworks and trailers.

    Examples
    --------
    >>> from schemas import Artwork
    >>> kiss, chase = Artwork(id="kiss", uri="https://x/1", tags=("Rome",)), Artwork(id="chase", uri="https://x/2")
    >>> _unpacked(_packed(Title(title_id="t", artwork=(kiss, chase))))
    ([('kiss', ('Rome',)), ('chase', ())], [])
    """
    artworks, trailers = (
        [(name, tuple(tags)) for name, *tags in (one.split(_WORD) for one in some.split(_VARIANT) if one)]
        for some in packed.decode().split(_KIND)
    )
    return artworks, trailers


class Gallery:
    """Variants and bandits of all titles.

    Parameters
    ----------
    titles
        The table of titles: what the records say is kept by its rows. Default: a table of its own.
    seed
        Seed of all draws.

    Attributes
    ----------
    features
        Variants for the kernels: each title that has, or had, several. While a bandit has no data, all
        artworks are equally likely and words make a difference to trailers only.
    words
        Numbers of the words of all titles.
    listing_version
        Increases when the set of titles with several variants changes.

    Examples
    --------
    >>> from schemas import Artwork
    >>> gallery = Gallery()
    >>> art = tuple(Artwork(id=i, uri="https://x/" + i, tags=(i,)) for i in ("kiss", "chase"))
    >>> gallery.put("t", Title(title_id="t", artwork=art))
    >>> gallery.fit("t", "kiss", {"kiss": 1}), gallery.variants("u")
    (1, None)
    """

    def __init__(self, titles: TitleTable | None = None, *, seed: int = 0) -> None:
        self.seed, self.listing_version = seed, 0
        self.features = VariantFeatures(
            np.full((64, MOST_WORDS), -1, np.int32),
            np.zeros((64, MOST_VARIANTS), np.uint32),
            np.zeros((64, MOST_VARIANTS), np.uint32),
            np.zeros(64, np.int64),
        )
        self.words = Numbering()
        self._lock = Lock()  # the catalog, the bandits and each partition's pages have a thread of their own
        self._titles = TitleTable(ModelConfig()) if titles is None else titles
        self._packed, self._size = ByteColumn(), 0
        # Of titles that somebody has asked for:
        self._rows: dict[str, int] = {}
        self._variants: dict[str, Variants] = {}
        self._bandits: dict[str, Thompson] = {}

    def __len__(self) -> int:
        """Return the number of titles with several variants."""
        return self._size

    def put(self, title_id: str, title: Title) -> None:
        """Take over the newest record of a title."""
        self._put({title_id: _packed(title)})

    def put_all(self, titles: Sequence[Title]) -> None:
        """Take over the newest records of titles, in order."""
        self._put({title.title_id: _packed(title) for title in titles})

    def withdraw(self, title_id: str) -> None:
        """Remove the variants of a title."""
        self._put({title_id: b""})

    def _put(self, records: Mapping[str, bytes]) -> None:
        """Take over what records say, packed; nothing for titles without a choice."""
        before = {title_id: self._record(title_id) for title_id in records}
        # Of a nightly catalog few: every selector would hold a copy of its own of each night
        new = {title_id: record for title_id, record in records.items() if record != before[title_id]}
        if not new:
            return
        with self._lock:
            self._packed.put(self._titles.intern([*new], admit=True), [*new.values()])
            for title_id in new.keys() & self._rows:
                if new[title_id]:
                    self._unpack(title_id)
                elif self._variants.pop(title_id, None) is not None:
                    self._use_words(self._rows[title_id], ())
        listed = [(record != b"") - (before[title_id] != b"") for title_id, record in new.items()]
        self._size += sum(listed)
        self.listing_version += sum(map(abs, listed))

    def row_of(self, title_id: str) -> int:
        """Return the row of a title in `features`; -1 for a title without a choice."""
        return -1 if self.variants(title_id) is None else self._rows[title_id]

    def variants(self, title_id: str) -> Variants | None:
        """Return the variants of a title; None without a choice."""
        found = self._variants.get(title_id)
        if found is None and self._record(title_id):
            with self._lock:
                found = self._variants.get(title_id)  # another thread may have been first, or withdrawn it
                if found is None and self._record(title_id):
                    found = self._unpack(title_id)
        return found

    def _record(self, title_id: str) -> bytes:
        """Return what a title's record says, packed; nothing without a choice."""
        row = self._titles.row(title_id)
        return b"" if row is None or row >= len(self._packed) else self._packed.find(row)

    def known(self, title_id: str) -> Thompson:
        """Return the bandit of a title for reading."""
        return self._bandits.get(title_id, NO_DATA)

    def bandit(self, title_id: str) -> Thompson:
        """Return the bandit of a title for updating; a new one if there is none."""
        with self._lock:
            found = self._bandits.get(title_id)
            if found is None:
                found = self._bandits[title_id] = Thompson(_CONFIG)
                self._write_features(title_id)
            self._bump_version(title_id)
        return found

    def drop_bandit(self, title_id: str) -> bool:
        """Forget what was learned of a title's artwork; return whether there was something."""
        return self._bandits.pop(title_id, None) is not None

    def load(self, title_id: str, cells: dict[str, F8], at_ms: int) -> None:
        """Take over the stored data of a title's bandit."""
        self.bandit(title_id).load(cells, at_ms)
        with self._lock:
            self._bump_version(title_id)  # a reader since `bandit` saw the data of before

    def fit(self, title_id: str, artwork: str, liked: Mapping[str, int]) -> int | None:
        """Return the context of an artwork for a viewer; None if the title has no such artwork to choose.

        Parameters
        ----------
        title_id, artwork
            The title and its artwork.
        liked
            Weight of each word that the viewer likes.
        """
        variants = self.variants(title_id)
        if variants is None or artwork not in variants.artworks or len(variants.artworks) == 1:
            return None
        strongest = max((liked.get(word, 0) for word in variants.words), default=0)
        counting = frozenset(word for word, weight in liked.items() if 2 * weight >= strongest)
        return fit_of(variants.tags[variants.artworks.index(artwork)], counting)

    def _unpack(self, title_id: str) -> Variants:
        """Unpack the variants of a title, and write their features; the caller holds the lock."""
        variants = _variants_of(*_unpacked(self._record(title_id)))
        self._make_row(title_id)
        self._bump_version(title_id)  # before and after: a reader in between caches nothing
        self._variants[title_id] = variants
        self._write_features(title_id)
        self._bump_version(title_id)
        return variants

    def _bump_version(self, title_id: str) -> None:
        if title_id in self._rows:
            self.features.version[self._rows[title_id]] += 1

    def _write_features(self, title_id: str) -> None:
        """Write which words make a difference to the variants of a title; the caller holds the lock."""
        variants = self._variants.get(title_id)
        if variants is None:
            return
        row, words, tried = self._rows[title_id], variants.words, title_id in self._bandits
        bits = {word: 1 << n for n, word in enumerate(words)}
        numbered = False
        for masks, tags, matter in (
            (self.features.artwork, variants.tags, tried),
            (self.features.trailer, variants.trailer_tags, True),
        ):
            said = [0] * MOST_VARIANTS
            if matter and len(tags) > 1:
                said[: len(tags)] = [sum([bits[tag] for tag in some]) for some in tags]
                numbered = True
            masks[row] = said
        self._use_words(row, words if numbered else ())

    def _use_words(self, row: int, words: Sequence[str]) -> None:
        """Write the numbers of a title's words in place of the former ones'."""
        places = self.features.word[row]
        former = [] if places[0] < 0 else [number for number in places.tolist() if number >= 0]
        numbers = self.words.replace(former, words)
        places[: len(numbers)] = numbers
        if former:
            places[len(numbers) :] = -1

    def _make_row(self, title_id: str) -> None:
        row = self._rows.setdefault(title_id, len(self._rows))
        if row == len(self.features.version):
            word, artwork, trailer, version = self.features
            self.features = VariantFeatures(
                word=grown(word, row + 1, fill=-1),
                artwork=grown(artwork, row + 1),
                trailer=grown(trailer, row + 1),
                version=grown(version, row + 1),
            )
