"""Working memory for one viewer's candidate shelves, and how a candidate shelf starts and ends."""

import numpy as np

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import COMBINATIONS, MOST_ARGUMENTS, MOST_PINS, MOST_TAG_SHELVES, STRONG, WORD
from online_models.page.selection import (
    MOST_SORTED,
    PILES,
    SelectionScratch,
)
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.feedback_layout import INTERACTIONS
from online_models.tables.layout import F4, F8, I4, U1, U4, U8
from online_models.tables.working_memory import kept_by_thread

MOST_TAGS = 4_096
"""Distinct tags of one viewer's history that count, the first ones: more than 80 titles have."""
MOST_CANDIDATE_SHELVES = 24
"""Candidate shelves of a viewer: 11 plain kinds, at most 6 seeds and 6 tag shelves."""


class TagShelfScratch(PassedByPointer):
    """Working memory of tag shelves (``online_models.page.tag_shelves``)."""

    tag: I4
    """[MOST_TAGS] distinct tags of the history."""
    strong: I4
    """[STRONG] the strongest of them."""
    strong_count: I4
    """[1] how many there are."""
    kind: U1
    """[STRONG] their kinds."""
    sums: F8
    """[2, COMBINATIONS] the viewer's watches by combination of strong tags: weighted, and as a count."""
    listed: I4
    """[COMBINATIONS] remaining titles that have all tags; -1 where not counted yet."""
    strength: F8
    """[COMBINATIONS] strength of each combination."""
    taken: I4
    """[MOST_TAG_SHELVES] combinations that have a shelf."""
    tagged: U8
    """[STRONG, W] titles of each of the strongest tags, as bit sets."""
    both: U8
    """[W] titles that have all tags of a combination."""
    left: U8
    """[W] remaining titles: those that the viewer may see and does not know."""
    high: U8
    """[W] those of them with the highest scores (`online_models.page.selection.select_top`)."""


class CandidateShelves(PassedByPointer):
    """Candidate shelves of one viewer; ``C`` shelves of ``P`` candidates, twice the titles of a shelf."""

    size: I4
    """[1] number of candidate shelves."""
    kind: U1
    """[C] kind of each."""
    arg: I4
    """[C, MOST_ARGUMENTS] seed or tags; -1 where there are no more."""
    title: I4
    """[C, P] candidates, best first; -1 where there are no more."""
    score: F4
    """[C, P] the viewer's blended score of each; before `end_shelf` the sort key."""
    relevance: F4
    """[C, P] exp(score - best score of the viewer), at most 1: probability relative to the likeliest
    title."""
    placed: U1
    """[C] 1 once the shelf is on the page."""
    seen: I4
    """[T] stamp of the last viewer on whose page the title is visible. A stamp per viewer saves clearing
    the array."""
    day_number: U4
    """[T] random number of each title for the day, for the explore shelf."""
    tag_weight: F8
    """[G] the viewer's weight of each tag; zero between viewers."""
    tag_count: I4
    """[G] watched titles that have each tag; zero between viewers."""
    pin_count: I4
    """[1] number of pinned top picks."""
    pin_title: I4
    """[MOST_PINS] pinned titles, by slot."""
    pin_slot: I4
    """[MOST_PINS] their slots."""
    pin_relevance: F4
    """[MOST_PINS] as ``relevance``."""
    visible: I4
    """[C, P] titles that would be visible, without those visible already."""
    unplaced: I4
    """[C] candidate shelves that the next shelf is chosen from."""
    visible_count: I4
    """[C] number of titles in ``visible``; -1 where the value is not computed yet."""
    value: F8
    """[C] value of the shelf with these titles."""
    shelf_title: I4
    """[P] titles of the shelf at hand."""
    position: I4
    """[P] their positions among the candidates."""
    series: I4
    """[P] their series, -1 for none."""
    seed: I4
    """[INTERACTIONS] titles that may be the seed of a shelf."""
    seed_weight: F8
    """[INTERACTIONS] weight of each."""
    seed_watched: U1
    """[INTERACTIONS] 1 if watched past a quarter, 0 if liked by an explicit rating alone."""
    category_share: F8
    """[categories] expected share of the viewer's watches."""
    tags: TagShelfScratch
    selection: SelectionScratch


def allocate_scratch(size: int, tags: int, categories: int, pool: int) -> CandidateShelves:
    """Return new working memory for a block of viewers.

    Parameters
    ----------
    size
        Titles.
    tags, categories
        Tags of the catalog, and those that are categories.
    pool
        Candidates of a shelf.
    """
    words, scratch = (size + WORD - 1) // WORD, max(MOST_SORTED + 2 * WORD, pool)
    return CandidateShelves(
        size=np.zeros(1, np.int32),
        kind=np.zeros(MOST_CANDIDATE_SHELVES, np.uint8),
        arg=np.empty((MOST_CANDIDATE_SHELVES, MOST_ARGUMENTS), np.int32),
        title=np.empty((MOST_CANDIDATE_SHELVES, pool), np.int32),
        score=np.empty((MOST_CANDIDATE_SHELVES, pool), np.float32),
        relevance=np.empty((MOST_CANDIDATE_SHELVES, pool), np.float32),
        placed=np.zeros(MOST_CANDIDATE_SHELVES, np.uint8),
        seen=np.zeros(size, np.int32),
        day_number=np.empty(size, np.uint32),
        tag_weight=np.zeros(tags),
        tag_count=np.zeros(tags, np.int32),
        pin_count=np.zeros(1, np.int32),
        pin_title=np.zeros(MOST_PINS, np.int32),
        pin_slot=np.zeros(MOST_PINS, np.int32),
        pin_relevance=np.zeros(MOST_PINS, np.float32),
        visible=np.empty((MOST_CANDIDATE_SHELVES, pool), np.int32),
        unplaced=np.zeros(MOST_CANDIDATE_SHELVES, np.int32),
        visible_count=np.zeros(MOST_CANDIDATE_SHELVES, np.int32),
        value=np.zeros(MOST_CANDIDATE_SHELVES),
        shelf_title=np.empty(pool, np.int32),
        position=np.empty(pool, np.int32),
        series=np.empty(pool, np.int32),
        seed=np.empty(INTERACTIONS, np.int32),
        seed_weight=np.empty(INTERACTIONS),
        seed_watched=np.empty(INTERACTIONS, np.uint8),
        category_share=np.empty(categories),
        tags=TagShelfScratch(
            tag=np.empty(MOST_TAGS, np.int32),
            strong=np.zeros(STRONG, np.int32),
            strong_count=np.zeros(1, np.int32),
            kind=np.zeros(STRONG, np.uint8),
            sums=np.zeros((2, COMBINATIONS)),
            listed=np.zeros(COMBINATIONS, np.int32),
            strength=np.zeros(COMBINATIONS),
            taken=np.zeros(MOST_TAG_SHELVES, np.int32),
            tagged=np.empty((STRONG, words), np.uint64),
            both=np.empty(words, np.uint64),
            left=np.empty(words, np.uint64),
            high=np.empty(words, np.uint64),
        ),
        selection=SelectionScratch(
            title=np.empty(size + 1, np.int32),
            key=np.empty(size + 1, np.float32),
            kept=np.empty(scratch, np.int32),
            kept_key=np.empty(scratch, np.float32),
            highest=np.empty(PILES, np.float32),
            rank=np.empty(PILES, np.int32),
        ),
    )


new_scratch = kept_by_thread(allocate_scratch)


@jit_inline
def begin_shelf(shelves: CandidateShelves, kind: int, arg: int) -> int:
    """Start a candidate shelf and return its number."""
    c = int(shelves.size[0])
    shelves.kind[c] = kind
    shelves.arg[c] = -1
    shelves.arg[c, 0] = arg
    shelves.title[c] = -1
    shelves.score[c] = -np.inf
    return c


@jit_no_alloc
def end_shelf(shelves: CandidateShelves, c: int, row: F4, best: float, least: int) -> None:
    """Set score and relevance of the candidates; drop the shelf if there are fewer than ``least``."""
    n = 0
    for k in range(shelves.title.shape[1]):
        t = shelves.title[c, k]
        if t < 0:
            break
        shelves.score[c, k] = row[t]
        shelves.relevance[c, k] = np.exp(min(np.float32(0.0), row[t] - np.float32(best)))
        n += 1
    if n >= least:
        shelves.size[0] += 1
