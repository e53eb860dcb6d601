"""Selects the artwork and the trailer of every item of many pages, with a cache of choices.

What a viewer may see of a title depends on the viewer only through the *code* of the title: how well each
variant fits the viewer (`online_models.artwork.features.code_of`). So a title has few *choices*: one per code
and policy, and a single one while its bandit has no data. A choice holds the probability of each artwork.
The kernels look up the choices of all items of a call and draw from them; Python computes only the choices
that are missing or out of date, all of one call together. A choice is out of date as soon as its title's
artwork or bandit changes. :mod:`online_models.artwork.gallery` and :mod:`online_models.artwork.bandit`
define the model; the cache changes nothing but the time.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.artwork.bandit import choice_probabilities
from online_models.artwork.features import (
    FIT_BITS,
    FITS,
    MOST_VARIANTS,
    TRAILER,
    LikedWords,
    VariantFeatures,
    code_of,
)
from online_models.artwork.gallery import DAY_MS, NO_DATA, Gallery, Selection, Variants
from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.tables.hashing import mix
from online_models.tables.layout import F8, I4, I8, U1, U8, Int
from schemas.experiments import ArtworkPolicy

__all__ = ["ArtworkSelector", "ChoiceCache", "ItemChoices", "PageItems", "new_choices"]

ROUNDED = 1.0 + 1e-9
"""Factor above any rounding error of a bound in `is_earlier`."""
UNNUMBERED = -1
"""Number of a selection that no item shows yet."""
SHARES = 10_000
"""Propensities are rounded to so many parts of one."""
PROPENSITIES: Final = (None, *(n / SHARES for n in range(SHARES + 1)))
"""Propensities by number, 0 where there was no choice."""
POLICY = TRAILER + 3
"""First bit of the policy in a key (`key_of`); the title begins two bits later."""


class PageItems(NamedTuple):
    """Items of ``n`` pages of ``R`` shelves of ``L`` titles."""

    title: I4
    """[n, R, L] rows of the titles, -1 where there is none."""
    feature_row: I4
    """[n, R, L] their rows in `VariantFeatures`; -1 for titles without a choice."""
    considered: I8
    """[n, R] number of titles of a shelf, from the left, that get a selection."""
    viewer: U8
    """[n] keys of the viewers."""
    liked: I4
    """[n, WORDS] numbers of the words that each viewer likes, -1 where there are no more."""
    weight: U1
    """[n, WORDS] their weights."""
    key: U8
    """[T] keys of the titles."""


class ChoiceCache(NamedTuple):
    """Choices with their probabilities; choice 0 stands for titles without a choice."""

    table: I4
    """[2**n] hash table of the choices by `key_of`: open addressing, 0 where empty, at most half full."""
    key: U8
    """[W] key of each choice."""
    version: I8
    """[W] version of the title's features that the choice was computed from (`VariantFeatures`)."""
    arm: U8
    """[W, MOST_VARIANTS] hashes of the artworks' names: the keys of their draws."""
    probability: F8
    """[W, MOST_VARIANTS] probability of each artwork, 0 where there is none."""
    selection: I4
    """[W, MOST_VARIANTS] number of each artwork's selection, or `UNNUMBERED`."""


class ItemChoices(NamedTuple):
    """Output of a call: one entry per item, filled from the front, with space for all items."""

    page: I8
    shelf: I8
    slot: I8
    number: I4
    """The choice (after `find_choices`), then the number of the selection (after `draw`)."""
    propensity: I4
    """Index in `PROPENSITIES` (after `draw`)."""


@jit_inline
def is_earlier(u: float, rate: float, least: float, its: float) -> bool:
    """Return whether an exponential time, from a uniform number and a rate, is before another one.

    The time is -log(1 - u) / rate. The logarithm lies between ``u`` and ``u / (1 - u)``: these bounds decide
    nearly all comparisons without computing it.
    """
    if u * its * (1.0 - least) > ROUNDED * least * rate:
        return False
    if ROUNDED * u * its < least * rate * (1.0 - u):
        return True
    return bool(np.log1p(-u) / rate > np.log1p(-least) / its)


@jit_inline
def winner_of_race(arm: U8, probability: F8, key: Int) -> int:
    """Return the arm that wins a race, the same one as ``online_models.tables.keyed_random.race``."""
    won, least, its = 0, 1.0, 0.0
    for a in range(arm.size):
        if probability[a] > 0.0:
            # The upper 53 bits become a float in [0, 1).
            u = float(mix(arm[a] ^ np.uint64(key)) >> np.uint64(11)) * 2.0**-53
            # Equal rates (all of them, while the bandit has no data): the smaller number has the earlier
            # time. The conditional expression compiles to selects, so the processor mispredicts no branch.
            if probability[a] == its:
                won, least = (a if u < least else won), min(u, least)
            elif is_earlier(u, probability[a], least, its):
                won, least, its = a, u, probability[a]
    return won


@jit_inline
def key_of(row: int, policy: int, code: Int) -> np.uint64:
    """Return the key of a choice: the title's row in `VariantFeatures`, the policy and `code_of`."""
    return np.uint64((row << (POLICY + 2)) | (policy << POLICY) | code)


@jit_inline
def find_choice(cache: ChoiceCache, key: Int) -> np.int32:
    """Return the choice with a key, 0 if there is none."""
    last = np.uint64(cache.table.size - 1)  # the size is a power of two: `& last` is the remainder
    at = mix(key) & last
    while cache.table[at] != 0 and cache.key[cache.table[at]] != key:
        at = (at + np.uint64(1)) & last
    found: np.int32 = cache.table[at]
    return found


@jit_no_alloc
def index_choices(cache: ChoiceCache, first: Int, end: Int) -> None:
    """Insert choices that are not in the hash table yet."""
    last = np.uint64(cache.table.size - 1)
    for choice in range(first, end):
        at = mix(cache.key[choice]) & last
        while cache.table[at] != 0:
            at = (at + np.uint64(1)) & last
        cache.table[at] = choice


@jit
def find_choices(
    pages: tuple[int, int],
    policy: int,
    words: int,
    items: PageItems,
    features: VariantFeatures,
    cache: ChoiceCache,
    out: ItemChoices,
    m: int,
) -> tuple[int, int]:
    """Write the choices of the items of some pages, from entry ``m`` on.

    ``words`` is the size of the vocabulary. Where a choice is missing or out of date, the number is
    ``~code_of`` (negative). Items of titles without a choice are left out. Returns the end of the entries and
    how many choices are missing.
    """
    likes, missing = np.zeros(words, np.uint8), 0
    for q in range(pages[0], pages[1]):
        for k in range(items.liked.shape[1]):
            if items.liked[q, k] >= 0:
                likes[items.liked[q, k]] = items.weight[q, k]
        for r in range(items.considered.shape[1]):
            for k in range(items.considered[q, r]):
                row = items.feature_row[q, r, k]
                if items.title[q, r, k] < 0 or row < 0:
                    continue
                code = code_of(row, features, likes)
                choice = find_choice(cache, key_of(row, policy, code))
                out.page[m], out.shelf[m], out.slot[m], out.number[m] = q, r, k, choice
                if choice == 0 or cache.version[choice] != features.version[row]:
                    out.number[m] = ~code
                    missing += 1
                m += 1
        for word in items.liked[q]:  # clear the few that were set, not the whole vocabulary
            if word >= 0:
                likes[word] = 0
    return m, missing


@jit_no_alloc
def claim_choices(
    policy: int,
    items: PageItems,
    features: VariantFeatures,
    cache: ChoiceCache,
    out: ItemChoices,
    span: tuple[int, int],
    size: int,
    todo: I8,
) -> tuple[int, int]:
    """Give the missing choices of some items their rows in the cache, which has space for all of them.

    ``todo`` receives one item for each choice to compute. Returns the number of choices, and of those to
    compute.
    """
    n = 0
    for i in range(span[0], span[1]):
        if out.number[i] >= 0:
            continue
        row = items.feature_row[out.page[i], out.shelf[i], out.slot[i]]
        key, version = key_of(row, policy, ~out.number[i]), features.version[row]
        choice: Int = find_choice(cache, key)
        is_new = choice == 0
        if is_new:
            choice = size
            size += 1
            cache.key[choice] = key
            index_choices(cache, choice, size)
        # An earlier item of this call may have claimed the choice: its version is current then.
        if is_new or cache.version[choice] != version:
            cache.version[choice] = version
            todo[n] = i
            n += 1
        out.number[i] = choice
    return size, n


@jit
def draw(
    seed: int,
    day: int,
    items: PageItems,
    cache: ChoiceCache,
    out: ItemChoices,
    first: int,
    end: int,
    unnumbered: I8,
) -> tuple[int, int]:
    """Replace the choices of some items by the numbers of the selections that the draws give.

    Items with selection 0 (the first artwork and trailer of the title) are left out; the entries move up. A
    selection without a number gets ``UNNUMBERED - 1``, ``UNNUMBERED - 2``, ...; ``unnumbered`` receives its
    flat index in ``cache.selection``. Returns the end of the entries, and how many selections have no number.
    """
    start, viewer, page, m, n = mix(np.uint64(seed)), np.uint64(0), -1, first, 0
    for i in range(first, end):
        q, r, k, choice = out.page[i], out.shelf[i], out.slot[i], out.number[i]
        if q != page:  # entries are in order of pages: mix in the viewer once a page
            page, viewer = q, mix(start ^ items.viewer[q])
        drawn = mix(mix(viewer ^ items.key[items.title[q, r, k]]) ^ np.uint64(day))
        arm = winner_of_race(cache.arm[choice], cache.probability[choice], drawn)
        number = cache.selection[choice, arm]
        if number == UNNUMBERED:
            unnumbered[n] = choice * MOST_VARIANTS + arm
            n += 1
            # Later items with the same selection find the provisional number in the cache.
            cache.selection[choice, arm] = number = UNNUMBERED - n
        if number != 0:
            out.page[m], out.shelf[m], out.slot[m], out.number[m] = q, r, k, number
            chance = cache.probability[choice, arm]
            out.propensity[m] = np.int32(1.5 + SHARES * chance) if chance > 0.0 else 0
            m += 1
    return m, n


MOST_CHOICES: Final = 100_000
"""Choices in the cache; when there are more, the cache is emptied. They take 34 MB (measured), and each title
that has changed since some were made takes 1.5 kB until then."""
MOST_SELECTIONS: Final = MOST_CHOICES
"""Selections with a number: artworks and trailers, each combination once, 18 MB."""
_ROWS: Final = 1 << 10
"""Initial capacity of the cache."""
_FITS: Final = np.arange(MOST_VARIANTS) * FIT_BITS
"""First bit of each artwork's fit in a code."""
_WITHDRAWN: Final = Variants((), (), (), (), (), ())
_POLICY_NUMBERS: Final = {policy: number for number, policy in enumerate(ArtworkPolicy)}


class ArtworkSelector:
    """Selects from a gallery; for one thread.

    Parameters
    ----------
    gallery
        Artwork of the titles, and its bandits; other threads may change it at any time.

    Attributes
    ----------
    gallery
        The same.
    selections
        Selections, without propensities, by the numbers that `select` returns; number 0 is the first artwork
        and trailer. When numbering starts again, the attribute is another list.

    Examples
    --------
    >>> from schemas import Artwork, Title
    >>> gallery = Gallery()
    >>> art = tuple(Artwork(id=i, uri="https://x/" + i, tags=(i,)) for i in ("kiss", "chase"))
    >>> gallery.put("t", Title(title_id="t", artwork=art))
    >>> selector, keys = ArtworkSelector(gallery), np.array([2, 3], np.uint64)
    >>> t, u = selector.select_by_id(["t", "u"], keys, viewer=7, liked=frozenset(), now_ms=0)
    >>> t.propensity, u.artwork
    (0.5, None)
    """

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        self._cache: ChoiceCache
        self._size: int
        self._variants: dict[int, Variants]
        self.selections: list[Selection]
        self._numbers: dict[Selection, int]
        self._vocabulary: Sequence[str] = ()
        self._words: I4 = np.zeros(0, np.int32)
        self._numbered = (-1, -1)
        self._clear()

    def select_by_id(
        self,
        titles: Sequence[str],
        keys: U8,
        *,
        viewer: int,
        liked: frozenset[str],
        now_ms: int,
        policy: ArtworkPolicy = ArtworkPolicy.BANDIT,
    ) -> list[Selection]:
        """Return the selection of each of one viewer's titles, by the ids of the titles; else as `select`."""
        n = len(titles)
        listed = np.arange(n, dtype=np.int32).reshape(1, 1, n)
        rows = np.array([[[self.gallery.row_of(title) for title in titles]]], np.int32)
        taste = LikedWords.of([liked])
        words, viewers = self.liked_words(taste), np.array([viewer], np.uint64)
        items = PageItems(listed, rows, np.array([[n]]), viewers, words, taste.weights, keys)
        found = new_choices(listed)
        end = self.select(items, titles, (0, 1), found, 0, now_ms=now_ms, policy=policy)
        out = [self.selections[0]] * n
        columns = (column[:end].tolist() for column in (found.slot, found.number, found.propensity))
        for slot, number, chance in zip(*columns, strict=True):
            out[slot] = self.selection(number, chance)
        return out

    def selection(self, number: int, propensity: int) -> Selection:
        """Return the selection of a number and a propensity that `select` has returned."""
        return self.selections[number]._replace(propensity=PROPENSITIES[propensity])

    def liked_words(self, liked: LikedWords) -> I4:
        """Translate the words that viewers like into numbers of the gallery's vocabulary: [p, WORDS]."""
        words = self.gallery.words
        numbered = (len(words), words.reused)
        if liked.vocabulary is not self._vocabulary or numbered != self._numbered:
            self._vocabulary, self._numbered = liked.vocabulary, numbered
            # The last entry is for -1: no word.
            self._words = np.array([*map(words.number, self._vocabulary), -1], np.int32)
        out: I4 = self._words[liked.numbers]
        return out

    def select(
        self,
        items: PageItems,
        names: Sequence[str],
        pages: tuple[int, int],
        out: ItemChoices,
        first: int,
        *,
        now_ms: int,
        policy: ArtworkPolicy = ArtworkPolicy.BANDIT,
    ) -> int:
        """Select for the items of some pages.

        Parameters
        ----------
        items
            Items of all pages.
        names
            [T] ids of the titles.
        pages
            First page, and the one after the last.
        out, first
            Receives, from entry `first` on, the items with a selection other than number 0, in
            order, with the numbers of their selections (`selections`) and propensities.
        now_ms
            Time; its day is part of the key of each draw.
        policy
            Which policy selects. The bandits learn the same from every policy.

        Returns
        -------
        int
            End of the entries.
        """
        if self._size > MOST_CHOICES:
            self._clear()  # here only: choices of this call stay until it ends
        elif len(self.selections) > MOST_SELECTIONS:
            self._clear_selections()
        gallery, features, who = self.gallery, self.gallery.features, _POLICY_NUMBERS[policy]
        words = len(gallery.words)
        end, missing = find_choices(pages, who, words, items, features, self._cache, out, first)
        if missing:
            self._grow(missing)
            todo, span = np.empty(missing, np.int64), (first, end)
            self._size, n = claim_choices(who, items, features, self._cache, out, span, self._size, todo)
            at = todo[:n]
            rows = items.title[out.page[at], out.shelf[at], out.slot[at]]
            self._compute(out.number[at], [names[row] for row in rows.tolist()], policy)
        unnumbered = np.empty(end - first, np.int64)
        end, n = draw(gallery.seed, now_ms // DAY_MS, items, self._cache, out, first, end, unnumbered)
        if n:
            self._number_selections(unnumbered[:n], out.number[first:end])
        return int(end)

    def _compute(self, choices: I4, titles: Sequence[str], policy: ArtworkPolicy) -> None:
        """Compute some choices, each of one title."""
        known = {title: self.gallery.variants(title) or _WITHDRAWN for title in titles}
        place = {title: n for n, title in enumerate(known)}
        which = np.array([place[title] for title in titles])
        arms = np.zeros((len(known), MOST_VARIANTS), np.uint64)
        for n, variants in enumerate(known.values()):
            arms[n, : _competing(variants)] = variants.hashes[: _competing(variants)]
        cache, codes = self._cache, self._codes(choices)
        cache.arm[choices] = arms[which]
        cache.probability[choices] = self._probabilities(known, which, codes, policy)
        cache.selection[choices] = np.where(cache.probability[choices] > 0.0, UNNUMBERED, 0)
        for choice, title, code in zip(choices.tolist(), titles, codes.tolist(), strict=True):
            self._variants[choice] = variants = known[title]
            if not _competing(variants) and _trailer(variants, code):
                cache.selection[choice, 0] = UNNUMBERED

    def _probabilities(
        self, known: Mapping[str, Variants], which: I8, codes: I8, policy: ArtworkPolicy
    ) -> F8:
        """Return the probability of each artwork in some choices: [w, MOST_VARIANTS]."""
        sizes, arms = np.array([*map(_competing, known.values())]), np.arange(MOST_VARIANTS)
        if policy is ArtworkPolicy.FIRST:
            return np.where((arms == 0) & (sizes > 0)[which, None], 1.0, 0.0)
        if policy is ArtworkPolicy.UNIFORM:
            return np.where(arms < sizes[which, None], 1.0 / np.maximum(sizes, 1)[which, None], 0.0)
        counts = np.zeros((sizes.size, MOST_VARIANTS, FITS, 2))
        for n, (title, variants) in enumerate(known.items()):
            self.gallery.known(title).write_counts(variants.artworks, counts[n])
        contexts = codes[:, None] >> _FITS & ((1 << FIT_BITS) - 1)
        return choice_probabilities(counts, sizes, which, contexts, NO_DATA.config)

    def _number_selections(self, unnumbered: I8, numbers: I4) -> None:
        """Give the selections that are shown for the first time their numbers."""
        (choices, arms), given = np.divmod(unnumbered, MOST_VARIANTS), []
        columns = choices, arms, self._codes(choices)
        for choice, arm, code in zip(*(column.tolist() for column in columns), strict=True):
            variants = self._variants[choice]
            artwork = variants.artworks[arm] if _competing(variants) else None
            selection = Selection(artwork, trailer=_trailer(variants, code))
            number = self._numbers.setdefault(selection, len(self.selections))
            if number == len(self.selections):
                self.selections.append(selection)
            given.append(number)
        self._cache.selection[choices, arms] = given
        new = numbers < 0
        numbers[new] = np.array(given, np.int32)[UNNUMBERED - 1 - numbers[new]]

    def _codes(self, choices: I4 | I8) -> I8:
        """Return the codes of some choices (`online_models.artwork.features.code_of`)."""
        return self._cache.key[choices].astype(np.int64) & ((1 << POLICY) - 1)

    def _grow(self, more: int) -> None:
        """Make space for more choices; the hash table has two places for each."""
        cache, size = self._cache, len(self._cache.version)
        if self._size + more > size:
            more = (1 << (self._size + more - 1).bit_length()) - size
            grown = [np.concatenate((old, np.zeros((more, *old.shape[1:]), old.dtype))) for old in cache[1:]]
            self._cache = ChoiceCache(np.zeros(2 * (size + more), np.int32), *grown)
            index_choices(self._cache, 1, self._size)

    def _clear(self) -> None:
        """Empty the cache, but for choice 0."""
        self._cache = ChoiceCache(
            np.zeros(2 * _ROWS, np.int32),
            np.zeros(_ROWS, np.uint64),
            np.zeros(_ROWS, np.int64),
            np.zeros((_ROWS, MOST_VARIANTS), np.uint64),
            np.zeros((_ROWS, MOST_VARIANTS)),
            np.zeros((_ROWS, MOST_VARIANTS), np.int32),
        )
        self._size, self._variants = 1, {}
        self._clear_selections()

    def _clear_selections(self) -> None:
        """Start numbering again; choices stay, selections that nobody is shown any more go."""
        self.selections, self._numbers = [Selection()], {Selection(): 0}
        self._cache.selection[self._cache.selection > 0] = UNNUMBERED


def new_choices(titles: I4) -> ItemChoices:
    """Allocate the output for all items of some pages [n, R, L]."""
    page, shelf, slot = np.empty((3, titles.size), np.int64)
    number, propensity = np.empty((2, titles.size), np.int32)
    return ItemChoices(page, shelf, slot, number, propensity)


def _competing(variants: Variants) -> int:
    """Return how many artworks compete: a single one does not."""
    return len(variants.artworks) if len(variants.artworks) > 1 else 0


def _trailer(variants: Variants, code: int) -> str | None:
    """Return the trailer that fits best, None for the first."""
    best = code >> TRAILER
    return variants.trailers[best] if 0 < best < len(variants.trailers) else None
