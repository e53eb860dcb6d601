"""The shapes of pages: what is on the shelves, what a page is made of, and what came out (see ``layout``)."""

from typing import NamedTuple

from online_models.tables.layout import F4, F8, I4, U1, U8

WORDS = 4
"""Tags that name a row at most, and so a row's arguments: "slow-paced emotional romantic dramas" has four."""
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


class CatalogIndexArrays(NamedTuple):
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
    """[G] what kind of tag (``online_models.page.shelf_kinds.TAG_KINDS``), 255 for one that names no row."""
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
    """[visible] what a place in a row is worth: 1 / log2(place + 2) (page.order)."""
    alert_likes: int
    alert_quantile: float
    prior: F8
    """[KINDS] what a row's kind multiplies its value by."""


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
