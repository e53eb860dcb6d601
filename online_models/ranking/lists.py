"""Scores and lists of a batch of viewers.

A viewer's list is made in one of two ways, with the same result:

* from a shortlist (`ranking.shortlist`): the product of two vectors is taken for a few titles only;
* from whole matrices (`ranking.scorer`): all products at once. This serves viewers who stated tags or voted
  on some, and batches in which taste decides so much that the shortlists become long.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from online_models.catalog.catalog import Catalog
from online_models.learners.stated_preferences import StatedPreferences
from online_models.ranking.exploration import draw_last
from online_models.ranking.scorer import (
    TASTE,
    TRAITS,
    blend_row,
    look_up,
    rank_block,
    sparse_scratch,
)
from online_models.ranking.shared_scores import SharedScores
from online_models.ranking.shortlist import ShortlistMemory, rank_shortlists
from online_models.ranking.tag_places import vote_scratch
from online_models.ranking.tag_table import TaggedTitles
from online_models.ranking.tag_votes import new_votes
from online_models.tables.layout import DAY_MS, F4, I4, U1, Lists, Shared
from online_models.tables.viewers import ViewerTable

__all__ = ["ListRanker", "Prepared"]

BLOCK = 128
"""Viewers per GEMM: their score rows (5 MB at 10k titles) are read again while they are in the cache; 64 to
256 measured alike."""
FEW = 16
"""Viewers up to which the product is computed transposed, titles times viewers: BLAS then copies the few
viewers into its own order, not the many titles. Of 10,000 titles a viewer's products take 27 us among 8 (46
otherwise), 57 of two (154)."""


_MEMORY = ShortlistMemory()
_NOBODY: I4 = np.empty(0, np.int32)


class Prepared(NamedTuple):
    """What a batch of viewers needs before titles are scored."""

    x: F4
    """[n, D] representations (`ranking.scorer.look_up`)."""
    any_stated: bool
    """Whether any of the viewers stated tags."""
    shared: Shared

    def of(self, some: I4) -> "Prepared":
        """Return the same for some of the viewers."""
        return Prepared(self.x[some], self.any_stated, self.shared.replace(group=self.shared.group[some]))


class FurtherExperts(Protocol):
    """Experts besides those of the blend: Python code that adds to the score rows of some viewers."""

    def concerns(self, slots: I4) -> NDArray[np.bool_]:
        """Return for which viewers there are scores."""

    def add_to(self, rows: F4, slots: I4, now_ms: int) -> None:
        """Add weighted scores to the rows [n, T] of viewers, in place."""


class _Request(NamedTuple):
    """Whose lists are made, of which moment, and which share of them ends in a drawn title."""

    slots: I4
    now_ms: int
    drawn: float

    @property
    def day(self) -> int:
        return self.now_ms // DAY_MS


class ListRanker:
    """Ranks the titles of a table for the viewers of another. Not for two threads at once.

    Parameters
    ----------
    viewers
        The viewers, over the titles that are ranked.
    catalog
        Guards and rules over the same titles.

    Attributes
    ----------
    blending
        The weights of the blend, and the scores that groups of viewers share.
    stated
        The lifts of tags that viewers stated.
    further
        Experts besides those of the blend; None: there are none.
    tagged
        The tags of titles.
    """

    def __init__(self, viewers: ViewerTable, catalog: Catalog) -> None:
        self._viewers, self._titles = viewers, viewers.titles
        self.blending = SharedScores(viewers.titles, catalog)
        self.stated = StatedPreferences(catalog)
        self.further: FurtherExperts | None = None
        self.tagged = TaggedTitles(catalog)
        self._scores: F4 = np.empty(0, np.float32)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_scores": np.empty(0, np.float32)}  # working memory is no state

    def rank(self, slots: I4, now_ms: int, n: int, *, drawn: float = 0.0) -> Lists:
        """Return the best ``n`` titles of each viewer that the guards allow and the viewer does not know.

        Parameters
        ----------
        slots
            [viewers] slots of the viewers.
        now_ms
            The moment that decides which windows are open and which rules are in force.
        n
            Titles of a list.
        drawn
            Share of the lists whose last title is drawn (`ranking.exploration.draw_last`).
        """
        out = _blank(slots.size, n)
        if n == 0:
            return out
        request, prepared = _Request(slots, now_ms, drawn), self.prepare(slots, now_ms)
        left = self._from_shortlists(request, prepared, out)
        if left.size > 0:
            whole = self._from_matrices(request._replace(slots=slots[left]), prepared.of(left), n)
            out.title[left], out.score[left] = whole.title, whole.score
            out.reason[left], out.drawn[left] = whole.reason, whole.drawn
        if prepared.any_stated:
            self.explain_stated(slots, out.title, out.reason)
        return out

    def shortlists(self, slots: I4, now_ms: int, n: int, prepared: Prepared) -> I4:
        """Return the best titles [viewers, n] of those for whom few products do, -1 in all places of others.

        The arguments are those of `rank` and the result of `prepare` for these viewers.
        """
        out = _blank(slots.size, n)
        self._from_shortlists(_Request(slots, now_ms, 0.0), prepared, out)
        return out.title

    def prepare(self, slots: I4, now_ms: int) -> Prepared:
        """Return the representations of viewers, and the scores that groups of them share."""
        titles = self._titles
        x = np.empty((slots.size, titles.config.width), np.float32)
        traits = np.empty((slots.size, TRAITS), np.int32)
        weights = self.blending.in_contexts()
        viewers, params = self._viewers.arrays, titles.params
        any_stated = look_up(titles.arrays, viewers, params, weights, slots, now_ms, x, traits)
        return Prepared(x, any_stated, self.blending.shared(traits, weights, now_ms))

    def blocks(
        self, slots: I4, now_ms: int, prepared: Prepared | None = None
    ) -> Iterator[tuple[int, int, F4, Shared]]:
        """Yield viewers block by block: start, stop, scores of the factorization, shared scores.

        Scores are [stop - start, T], and the next block overwrites them. Nothing is yielded while there are
        no titles.

        Parameters
        ----------
        slots
            [viewers] slots of the viewers.
        now_ms
            The moment, as in `rank`.
        prepared
            The result of `prepare` for these viewers, if it is known.
        """
        x, any_stated, shared = prepared or self.prepare(slots, now_ms)
        size = shared.dense.shape[1]
        rows = self._buffer(min(BLOCK, slots.size), size)
        for a in range(0, slots.size if size > 0 else 0, BLOCK):
            b = min(a + BLOCK, slots.size)
            block = multiply(x[a:b], self._titles.arrays.out[:size], rows[: b - a])
            if any_stated:
                self.stated.add_to(block, self._viewers.arrays, slots[a:b])
            if self.further is not None:
                self.further.add_to(block, slots[a:b], now_ms)
            yield a, b, block, shared.replace(group=shared.group[a:b])

    def score(self, slot: int, now_ms: int) -> F4:
        """Return the blended score of every title for one viewer: [T], -inf where the guards forbid it."""
        slots, titles, viewers = np.array([slot], np.int32), self._titles.arrays, self._viewers.arrays
        x, _, shared = self.prepare(slots, now_ms)
        row: F4 = x[0] @ titles.out[: shared.dense.shape[1]].T
        self.stated.add_to(row[None], viewers, slots)
        tags, params = self.tagged.table(), self._titles.params
        work, votes = sparse_scratch(params.history, row.size), vote_scratch(tags)
        blend_row(titles, viewers, params, slot, shared, now_ms, tags, work, votes, row)
        row += shared.dense[0]
        return row

    def explain_stated(self, slots: I4, titles: I4, reasons: U1) -> None:
        """Set the reason of titles [n, L] to taste: those with a stated tag, of viewers without a history."""
        viewers = self._viewers.arrays
        for q in np.flatnonzero(viewers.stated_tags[slots, 0]).tolist():
            if viewers.positives[slots[q]] == 0:
                reasons[q][self.stated.lifted(viewers, slots[q], titles[q])] = TASTE

    def _from_shortlists(self, request: _Request, prepared: Prepared, out: Lists) -> I4:
        """Make lists from shortlists; return the viewers for whom these do not do, as places in the batch."""
        titles, viewers, (slots, now_ms, drawn) = self._titles, self._viewers.arrays, request
        apart = np.zeros(slots.size, np.uint8)
        if prepared.any_stated:
            apart |= viewers.stated_tags[slots, 0] != 0
        if self.further is not None:
            apart |= self.further.concerns(slots)
        x, shared = prepared.x, prepared.shared
        norms, tags = titles.norms.of(titles.arrays.out[: shared.dense.shape[1]]), self.tagged.table()
        at = _MEMORY.of(titles.params, shared, out.title.shape[1])
        left = rank_shortlists(
            titles.arrays,
            viewers,
            titles.params,
            slots,
            x,
            norms,
            shared,
            now_ms,
            titles.seed,
            drawn,
            at,
            tags,
            new_votes(tags),
            apart,
            out.title,
            out.score,
            out.reason,
            out.drawn,
        )
        return np.flatnonzero(apart).astype(np.int32) if left else _NOBODY

    def _from_matrices(self, request: _Request, prepared: Prepared, n: int) -> Lists:
        """Make lists from the products with all titles."""
        titles, viewers, (slots, now_ms, drawn) = self._titles, self._viewers.arrays, request
        out = _blank(slots.size, n)
        for a, b, block, shared in self.blocks(slots, now_ms, prepared):
            lists = out.part(slice(a, b))
            tags, params = self.tagged.table(), titles.params
            work, votes = sparse_scratch(params.history, block.shape[1]), vote_scratch(tags)
            rank_block(
                titles.arrays, viewers, params, slots[a:b], block, shared, now_ms, tags, work, votes, lists
            )
            if drawn > 0:
                draw_last(
                    titles.arrays, viewers, slots[a:b], block, shared, titles.seed, request.day, drawn, lists
                )
        return out

    def _buffer(self, n: int, size: int) -> F4:
        """Return the memory for the scores of a block, always the same: new pages cost more than scores."""
        if self._scores.size < n * size:
            self._scores = np.empty(n * size, np.float32)
        return self._scores[: n * size].reshape(n, size)


def _blank(viewers: int, n: int) -> Lists:
    title = np.empty((viewers, n), np.int32)
    title.fill(-1)
    return Lists(
        title,
        np.zeros((viewers, n), np.float32),
        np.zeros((viewers, n), np.uint8),
        np.zeros(viewers, np.int32),
    )


def multiply(x: F4, out: F4, rows: F4) -> F4:
    """Write the products of viewers [n, D] and titles [T, D] into ``rows`` [n, T], and return these."""
    if len(x) > FEW:
        return np.matmul(x, out.T, out=rows)
    rows[:] = np.matmul(out, x.T).T
    return rows
