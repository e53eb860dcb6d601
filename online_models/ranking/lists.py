"""Lists of a batch of viewers: three ways of making the same ones, each where it is quickest.

A single viewer's list is made in one call (`ranking.single_list`). In a batch, few titles are multiplied for each
viewer (`ranking.shortlist`), unless taste decides so much that many of them would be; then, and for viewers
whose lists take more than that (tags that they stated, a draw), whole matrices are (`ranking.scorer`).
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from online_models.ranking.exploration import draw_last, who_draws
from online_models.ranking.scorer import pick
from online_models.ranking.shortlist import pick_few
from online_models.ranking.single_list import Lot, rank_alone
from online_models.tables.layout import DAY_MS, F4, I4, Lists, Shared

if TYPE_CHECKING:
    from online_models.ranking.viewer_side import ViewerSide

__all__ = ["Before", "make_lists"]


class Before(NamedTuple):
    """What is known of a batch's viewers before titles are looked at."""

    x: F4
    """[n, D] what their titles are compared with (`ranking.scorer.look_up`)."""
    told: bool
    """Whether any of them stated tags."""
    shared: Shared

    def of(self, some: I4) -> "Before":
        """Return what is known of some of them."""
        return Before(self.x[some], self.told, self.shared._replace(group=self.shared.group[some]))


class _Asked(NamedTuple):
    """What is wanted."""

    slots: I4
    now_ms: int
    lot: Lot


def make_lists(side: "ViewerSide", slots: I4, now_ms: int, n: int, *, drawn: float = 0.0) -> Lists:
    """Return the best ``n`` titles of each viewer; what `ViewerSide.rank` does.

    Parameters
    ----------
    side
        The viewers, before the titles.
    slots
        [viewers] whose lists.
    now_ms
        The moment at which windows are open and rules in force.
    n
        Titles of a list.
    drawn
        Share of the lists whose last title is drawn (`online_models.ranking.exploration.draw_last`).
    """
    out = _blank(slots.size, n)
    asked = _Asked(slots, now_ms, Lot(side.titles.seed, now_ms // DAY_MS, drawn))
    if n == 0 or (slots.size == 1 and _alone(side, asked, out)):
        return out
    before = side.before_titles(slots, now_ms)
    left = _few(side, asked, before, out)
    if left.size > 0:
        whole = _whole(side, asked._replace(slots=slots[left]), before.of(left), n)
        out.title[left], out.score[left] = whole.title, whole.score
        out.reason[left], out.drawn[left] = whole.reason, whole.drawn
    side.explain_stated(slots, out.title, out.reason)
    return out


def _blank(viewers: int, n: int) -> Lists:
    return Lists(
        np.full((viewers, n), -1, np.int32),
        np.zeros((viewers, n), np.float32),
        np.zeros((viewers, n), np.uint8),
        np.zeros(viewers, np.int32),
    )


def _alone(side: "ViewerSide", asked: _Asked, out: Lists) -> bool:
    """Make the list of a viewer about whom nothing is particular in one call; say whether that is so."""
    titles, viewers, slot = side.titles.arrays, side.viewers.arrays, int(asked.slots[0])
    if viewers.stated[slot, 0] or side.blending.is_lifted(viewers, slot):
        return False
    about = {"limit": int(viewers.limit[slot]), "country": int(viewers.country[slot])}
    guard, allowed = side.catalog.guard(**about, now_ms=asked.now_ms)
    guard = guard[: min(len(side.titles), titles.bias.size)]
    weights, satisfied = side.blending.in_contexts(), side.blending.satisfaction()
    norm = side.titles.lengths.of(titles.out[: guard.size])
    slots, now, lot = asked
    tables = side.held.of(titles, viewers, side.params)
    rank_alone(tables, weights, satisfied, slots, guard, allowed, norm, now, lot, out)
    return True


def _few(side: "ViewerSide", asked: _Asked, before: Before, out: Lists) -> I4:
    """Make lists for which few titles are multiplied; return whose are left, as places in the batch."""
    titles, viewers, (slots, now_ms, lot) = side.titles.arrays, side.viewers.arrays, asked
    apart, draws = np.zeros(slots.size, np.uint8), lot.share > 0
    if draws:
        who_draws(viewers, slots, lot.seed, lot.day, lot.share, apart)
    apart |= viewers.stated[slots, 0] != 0
    some = np.flatnonzero(apart == 0).astype(np.int32)
    x, _, shared = before
    norm = side.titles.lengths.of(titles.out[: shared.dense.shape[1]])
    done = pick_few(titles, viewers, side.params, slots, some, x, norm, shared, now_ms, draws, out)
    return np.concatenate([some[done:], np.flatnonzero(apart).astype(np.int32)])


def _whole(side: "ViewerSide", asked: _Asked, before: Before, n: int) -> Lists:
    """Make lists out of the products with all titles."""
    titles, viewers, (slots, now_ms, lot) = side.titles.arrays, side.viewers.arrays, asked
    out = _blank(slots.size, n)
    for a, b, block, mine in side.blocks(slots, now_ms, before):
        lists = Lists(out.title[a:b], out.score[a:b], out.reason[a:b], out.drawn[a:b])
        pick(titles, viewers, side.params, slots[a:b], block, mine, now_ms, lists)
        if lot.share > 0:
            draw_last(titles, viewers, slots[a:b], block, mine, lot.seed, lot.day, lot.share, lists)
    return out
