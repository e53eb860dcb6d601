"""The working memory that a block's pages are made in."""

from typing import NamedTuple

import numpy as np

from online_models.jit import jit, jit_inline, jit_no_alloc
from online_models.page.layout import MOST_PINS, MOST_TAG_ROWS, SETS, STRONG, WORD, WORDS
from online_models.page.selection import (
    MOST_NEAR,
    PILES,
    NearestScratch,
)
from online_models.tables.feedback_layout import JUDGEMENTS
from online_models.tables.layout import F4, F8, I4, U1, U4, U8

MOST_TAGS = 4_096
"""Tags that one viewer's history is weighed by, the first ones met: more than 80 titles have."""
DRAFTS = 24
"""Rows drafted for a viewer at most: one of each plain kind, three or four seeds, and tags."""


class Naming(NamedTuple):
    """What rows named by tags are found with; working memory."""

    tag: I4
    """[MOST_TAGS] tags met in a history."""
    strong: I4
    """[STRONG] the strongest of them."""
    kind: U1
    """[STRONG] their kinds."""
    sums: F8
    """[2, SETS] by combination of them: the viewer's watches, weighted and not."""
    listed: I4
    """[SETS] titles left to the viewer that have all of it; -1 where that is not counted yet."""
    strength: F8
    """[SETS] of each combination."""
    taken: I4
    """[MOST_TAG_ROWS] combinations that have a row."""
    tagged: U8
    """[STRONG, W] the titles of each of the strongest tags, a bit each."""
    both: U8
    """[W] the titles that have all of a combination."""
    left: U8
    """[W] the titles that the viewer may see and does not know."""
    high: U8
    """[W] those of them of the highest scores: a sixteenth or so."""


class ShelfDrafts(NamedTuple):
    """Rows that could stand on one viewer's page; working memory."""

    drafted: I4
    """[1] rows drafted."""
    kind: U1
    """[C]"""
    arg: I4
    """[C, WORDS] the seed's row, or tags; -1 where there are no more."""
    title: I4
    """[C, P] candidates, best first, twice as many as a row holds; -1 where there are no more."""
    score: F4
    """[C, P] the viewer's blended score of each."""
    worth: F4
    """[C, P] how likely it is taken, as a share of the likeliest title of all."""
    placed: U1
    """[C] 1 once the row stands on the page."""
    seen: I4
    """[T] stamp of the last viewer in whose page's visible part the title stands."""
    lot: U4
    """[T] every title's number of the day, for the row that explores."""
    mine: F8
    """[G] the viewer's weight of each tag; zero between viewers."""
    times: I4
    """[G] watched titles that have each tag; zero between viewers."""
    pins: I4
    """[1] how many top picks are pinned."""
    pin: I4
    """[MOST_PINS] which, by place."""
    pin_slot: I4
    """[MOST_PINS] where."""
    pin_worth: F4
    """[MOST_PINS] how likely each is taken, as ``worth``."""
    shown: I4
    """[C, P] what the row would have in sight beside what stands already."""
    open: I4
    """[C] the drafts that the next row is chosen from."""
    width: I4
    """[C] how many titles those are; -1 where that is not worked out yet."""
    value: F8
    """[C] what the row is worth with them."""
    listed: I4
    """[P] titles of the row that is looked at."""
    place: I4
    """[P] their places in the draft."""
    line: I4
    """[P] the series that they belong to, -1 for none."""
    seed: I4
    """[JUDGEMENTS] titles that may name a row."""
    loud: F8
    """[JUDGEMENTS] how loudly each speaks."""
    deed: U1
    """[JUDGEMENTS] 1 for what was watched past a quarter, 0 for what is liked by the viewer's word alone."""
    part: F8
    """[categories] what is expected to have each."""
    naming: Naming
    near: NearestScratch


@jit
def blank_draft(size: int, tags: int, categories: int, pool: int) -> ShelfDrafts:
    """Allocate a block's working memory."""
    words, near = (size + WORD - 1) // WORD, max(MOST_NEAR + 2 * WORD, pool)
    return ShelfDrafts(
        np.zeros(1, np.int32),
        np.zeros(DRAFTS, np.uint8),
        np.empty((DRAFTS, WORDS), np.int32),
        np.empty((DRAFTS, pool), np.int32),
        np.empty((DRAFTS, pool), np.float32),
        np.empty((DRAFTS, pool), np.float32),
        np.zeros(DRAFTS, np.uint8),
        np.zeros(size, np.int32),
        np.empty(size, np.uint32),
        np.zeros(tags),
        np.zeros(tags, np.int32),
        np.zeros(1, np.int32),
        np.zeros(MOST_PINS, np.int32),
        np.zeros(MOST_PINS, np.int32),
        np.zeros(MOST_PINS, np.float32),
        np.empty((DRAFTS, pool), np.int32),
        np.zeros(DRAFTS, np.int32),
        np.zeros(DRAFTS, np.int32),
        np.zeros(DRAFTS),
        np.empty(pool, np.int32),
        np.empty(pool, np.int32),
        np.empty(pool, np.int32),
        np.empty(JUDGEMENTS, np.int32),
        np.empty(JUDGEMENTS),
        np.empty(JUDGEMENTS, np.uint8),
        np.empty(categories),
        Naming(
            np.empty(MOST_TAGS, np.int32),
            np.zeros(STRONG, np.int32),
            np.zeros(STRONG, np.uint8),
            np.zeros((2, SETS)),
            np.zeros(SETS, np.int32),
            np.zeros(SETS),
            np.zeros(MOST_TAG_ROWS, np.int32),
            np.empty((STRONG, words), np.uint64),
            np.empty(words, np.uint64),
            np.empty(words, np.uint64),
            np.empty(words, np.uint64),
        ),
        NearestScratch(
            np.empty(size + 1, np.int32),
            np.empty(size + 1, np.float32),
            np.empty(near, np.int32),
            np.empty(near, np.float32),
            np.empty(PILES, np.float32),
            np.empty(PILES, np.int32),
        ),
    )


@jit_inline
def begin_row(draft: ShelfDrafts, kind: int, arg: int) -> int:
    """Begin a draft and return its number."""
    c = int(draft.drafted[0])
    draft.kind[c] = kind
    draft.arg[c] = -1
    draft.arg[c, 0] = arg
    draft.title[c] = -1
    draft.score[c] = -np.inf
    return c


@jit_no_alloc
def end_row(draft: ShelfDrafts, c: int, row: F4, best: float, least: int) -> None:
    """Give a draft's candidates score and worth; drop it where it has too few."""
    n = 0
    for k in range(draft.title.shape[1]):
        t = draft.title[c, k]
        if t < 0:
            break
        draft.score[c, k] = row[t]
        draft.worth[c, k] = np.exp(min(np.float32(0.0), row[t] - np.float32(best)))
        n += 1
    if n >= least:
        draft.drafted[0] += 1
