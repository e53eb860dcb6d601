"""The shapes of pages: what is on the shelves, what a page is made of, and what came out (see ``layout``)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.kernels.layout import F4, F8, I4, U1, U8, jit
from online_models.kernels.reward_layout import JUDGEMENTS

U4 = NDArray[np.uint32]

KINDS = 14
(
    TOP, CONTINUE, MY_LIST, WATCHED, LIKED, TRENDING, FRESH, TAGS, AGAIN, GEMS, EXPLORE, NEARBY, ALIKE,
    FEATURED,
) = range(KINDS)  # fmt: skip
"""Kinds of rows (``online_models.page.kinds`` says what each is on the wire)."""
NO_ROW = 255
"""Ends a page of fewer rows."""
WORDS = 4
"""Tags that name a row at most, and so a row's arguments: "slow-paced emotional romantic dramas" has four."""
TASTE, CO_WATCH, TREND, NEW, EXPLORED, RESUME, LOVED, POPULAR, COUNTRY, COHORT, PINNED = range(11)
"""Reasons of items; the first three are ``rank``'s, and `POPULAR` is given by an experiment's arm alone."""
MOST_PINS = 50
"""Titles pinned among a viewer's top picks at most: as many places as a rule can name."""
CROWDS = 2
"""Crowds that a viewer belongs to: their country and their cohort, in this order."""
STRONG = 6
"""A viewer's strongest tags, which rows are composed of: 63 combinations."""
SETS = 1 << STRONG
MOST_TAG_ROWS = 6
WORD = 64
"""Titles of a set of titles that one word has a bit for (``bits``)."""
MOST_TAGS = 4_096
"""Tags that one viewer's history is weighed by, the first ones met: more than 80 titles have."""
DRAFTS = 24
"""Rows drafted for a viewer at most: one of each plain kind, three or four seeds, and tags."""
PILES = 128
"""Piles that candidates are dealt to (``kept``): more than twice the places of a row, few enough for the
processor's fastest memory."""
MOST_NEAR = 256
"""Candidates near enough to the best that are compared each with each; more go through a heap."""


class Shelf(NamedTuple):
    """What titles are about and how much they are watched: ``S`` titles, ``G`` tags."""

    indptr: I4
    """[S + 1] where each title's tags begin in ``ids``."""
    ids: I4
    """Tags of all titles, end to end."""
    first: I4
    """[G + 1] where each tag's titles begin in ``having``."""
    having: I4
    """Titles of all tags, end to end, in order of rows."""
    common: I4
    """[G] where a tag's titles stand in ``bits``, -1 for one that few have."""
    bits: U8
    """[B, ceil(S / WORD)] the titles of each tag that many have, a bit each."""
    share: F8
    """[G] part of everybody's watches that has the tag."""
    kind: U1
    """[G] what kind of tag (``online_models.page.kinds.TAG_KINDS``), 255 for one that names no row."""
    genre: U8
    """[S] the title's genres, a bit each; those beyond the first 64 have none."""
    series: I4
    """[S] number of the series that it belongs to, -1 for none."""
    watches: F8
    """[S] watches of each title."""
    total: float
    """Their sum."""
    gems: I4
    """Titles that few have watched, in order of rows."""
    categories: I4
    """Tags that are categories: genres and moods."""


class Pools(NamedTuple):
    """Candidates of a moment, the same for all viewers."""

    trending: I4
    """What is watched most right now, the most watched first."""
    heat: F4
    """... and how much, as the logarithm of the share of the first."""
    fresh: I4
    """What is new, in order of rows."""
    alertable: I4
    """What is new enough for an alert, in order of rows."""
    first: I4
    """[N + 1] where each crowd's titles begin in ``crowd``."""
    crowd: I4
    """What crowds watch, end to end, each one's most watched first."""
    crowd_heat: F4
    """... and how much, as the logarithm of the share of the crowd's first."""


class PageSpec(NamedTuple):
    """What a page shall be (``online_models.page.config.PageConfig``)."""

    rows: int
    length: int
    visible: int
    least: int
    seeds: int
    seed_watches: float
    tag_rows: int
    tag_titles: int
    series: int
    calibration: float
    explore: int
    continue_ms: float
    again_s: float
    day: int
    """The day that draws are made for."""
    seed: int
    discount: F8
    """[visible] what a place in a row is worth: 1 / log2(place + 2) (kernels.page.order)."""
    alert_likes: int
    alert_quantile: float
    prior: F8
    """[KINDS] what a row's kind multiplies its value by."""


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


class Near(NamedTuple):
    """What the best of many candidates are found with (``kept``); working memory."""

    name: I4
    """[T + 1] titles that are candidates."""
    of: F4
    """[T + 1] their keys."""
    place: I4
    """Places of the candidates that are near the best, then their titles."""
    key: F4
    """... and their keys."""
    highest: F4
    """[PILES] the highest key of each pile."""
    rank: I4
    """[PILES] ... as integers in the same order."""


class Draft(NamedTuple):
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
    width: I4
    """[C] how many titles those are; -1 where that is not worked out yet."""
    value: F8
    """[C] what the row is worth with them."""
    listed: I4
    """[P] titles of the row that is looked at."""
    place: I4
    """[P] their places in the draft."""
    seed: I4
    """[JUDGEMENTS] titles that may name a row."""
    loud: F8
    """[JUDGEMENTS] how loudly each speaks."""
    deed: U1
    """[JUDGEMENTS] 1 for what was watched past a quarter, 0 for what is liked by the viewer's word alone."""
    part: F8
    """[categories] what is expected to have each."""
    naming: Naming
    near: Near


NOT_DRAWN = -1
"""The last title of a list stands there by its score, and could have had to make way for one drawn."""


class Pages(NamedTuple):
    """Pages of many viewers: ``n`` viewers, ``R`` rows of ``L`` titles."""

    kind: U1
    """[n, R] kinds of the rows, top to bottom; ``NO_ROW`` where the page has ended."""
    arg: I4
    """[n, R, WORDS] row of the seed, or tags; -1 where there are none."""
    title: I4
    """[n, R, L] rows of the titles, -1 where there are no more."""
    score: F4
    """[n, R, L] the viewer's blended scores; comparable within a page."""
    reason: U1
    """[n, R, L] why it is there."""
    candidates: I4
    """[n] titles that the exploring row, or a list's last title, was drawn from (``Lists.drawn``)."""
    category: I4
    """[n, C] tags, those that the viewer watches most first; -1 where there are no more."""
    part: F4
    """[n, C] the part of what the viewer watches that is expected to have each."""
    alert: I4
    """[n, A] new titles that are worth an alert, the best first; -1 where there are no more."""
    alert_score: F4
    """[n, A] the viewer's blended scores of them."""
    alert_above: F4
    """[n, A] the part of the titles left to the viewer that score no higher."""
    alert_reason: U1
    """[n, A] why they fit."""


@jit
def blank_draft(size: int, tags: int, categories: int, pool: int) -> Draft:
    """Allocate a block's working memory."""
    words, near = (size + WORD - 1) // WORD, max(MOST_NEAR + 2 * WORD, pool)
    return Draft(
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
        np.zeros(DRAFTS),
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
        ),
        Near(
            np.empty(size + 1, np.int32),
            np.empty(size + 1, np.float32),
            np.empty(near, np.int32),
            np.empty(near, np.float32),
            np.empty(PILES, np.float32),
            np.empty(PILES, np.int32),
        ),
    )
