"""Arrays that the kernels of pages exchange: catalog index, pools, settings, and the finished pages."""

from typing import NamedTuple

from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.layout import F4, F8, I4, U1, U8

MOST_ARGUMENTS = 4
"""Arguments of a shelf: its seed, or the tags that name it, at most four ("slow-paced emotional romantic
dramas")."""
MOST_PINS = 50
"""Maximum number of titles that rules pin among a viewer's top picks: as many slots as a rule can name."""
SEGMENTS = 2
"""Segments of a viewer: country and cohort, in this order."""
STRONG = 6
"""Strongest tags of a viewer, which shelves combine: 63 combinations."""
COMBINATIONS = 1 << STRONG
MOST_TAG_SHELVES = 6
WORD = 64
"""Titles per word of a bit set (`online_models.page.selection`)."""


class CatalogIndexArrays(PassedByPointer):
    """Titles by tag, and how often they are watched: ``S`` titles, ``G`` tags."""

    tag_start: I4
    """[S + 1] start of each title's tags in ``tag``."""
    tag: I4
    """Tags of all titles, end to end."""
    tagged_start: I4
    """[G + 1] start of each tag's titles in ``tagged``."""
    tagged: I4
    """Titles of all tags, end to end, in ascending order."""
    bitset_of: I4
    """[G] row of each tag in ``bitsets``, -1 for a rare tag."""
    bitsets: U8
    """[B, ceil(S / WORD)] titles of each frequent tag, one bit each."""
    tag_share: F8
    """[G] share of all watches whose title has the tag."""
    tag_kind: U1
    """[G] kind of each tag (``online_models.page.shelf_kinds.TAG_KINDS``), 255 if it can name no shelf."""
    genres: U8
    """[S] genres of each title, one bit each; the first 64 genres only."""
    series: I4
    """[S] series of each title, -1 for none."""
    next_episode: I4
    """[S] next episode of each title's series, -1 for none."""
    watches: F8
    """[S] watches of each title."""
    total_watches: float
    """Watches of all titles."""
    mean_watches: float
    """Watches of a title of the catalog on average."""
    hidden_gems: F4
    """[S] 0 for rarely watched titles, which most are of a long tail, and -inf for others."""
    categories: I4
    """Tags that are categories: genres and moods."""
    duration: F4
    """[S] length of each title in seconds, 0 if unknown."""


class Pools(PassedByPointer):
    """Titles of a moment, the same for all viewers."""

    trending: I4
    """Trending titles, the most watched first."""
    heat: F4
    """Logarithm of each one's watches as a share of the first one's."""
    new_releases: I4
    """New titles, ascending."""
    alertable: I4
    """Titles new enough for an alert, ascending."""
    segment_start: I4
    """[N + 1] start of each segment's titles in ``segment_title``."""
    segment_title: I4
    """Titles watched in the segments, end to end, the most watched of each first."""
    segment_heat: F4
    """Logarithm of each one's watches as a share of the segment's first."""
    drawn: I4
    """[n, E] titles that each viewer's explore shelf is chosen from, -1 where there are no more; without
    columns it is chosen from all titles."""


class PageSpec(PassedByPointer):
    """Settings of pages as the kernels take them (``online_models.page.config.PageConfig``)."""

    shelves: int
    length: int
    visible: int
    least: int
    seeds: int
    seed_watches: float
    tag_shelves: int
    tag_titles: int
    series: int
    calibration: float
    variety: float
    explore: int
    continue_ms: float
    again_s: float
    day: int
    """Day of the draws."""
    seed: int
    discount: F8
    """[visible] weight of each slot: 1 / log2(slot + 2) (``online_models.page.order``)."""
    alert_likes: int
    alert_quantile: float
    prior: F8
    """[KINDS] factor of a shelf's value."""


class Batch(NamedTuple):
    """Viewers whose pages are made, and of what."""

    slots: I4
    """[n] their slots."""
    stated: I4
    """[n, STATED_TAGS] tags that they stated, -1 for none."""
    segments: I4
    """[n, SEGMENTS] their segments in the pools, -1 for none."""
    arrays: CatalogIndexArrays
    pools: Pools
    spec: PageSpec
    now_ms: int

    def of(self, some: I4) -> "Batch":
        """Return the same for some of the viewers."""
        return self._replace(
            slots=self.slots[some],
            stated=self.stated[some],
            segments=self.segments[some],
            pools=self.pools.replace(drawn=self.pools.drawn[some]),
        )


class Pages(PassedByPointer):
    """Pages of ``n`` viewers: ``R`` shelves of ``L`` titles."""

    kind: U1
    """[n, R] kinds of the shelves, top to bottom; ``NO_SHELF`` after the last."""
    arg: I4
    """[n, R, MOST_ARGUMENTS] seed or tags of the shelf; -1 where there are no more."""
    title: I4
    """[n, R, L] rows of the titles, -1 where there are no more."""
    score: F4
    """[n, R, L] the viewer's blended scores; comparable within a page."""
    reason: U1
    """[n, R, L] reason of each title."""
    because: I4
    """[n, R, L] what the reason refers to: the row of a title, ``-2 - tag``, or -1 for nothing."""
    progress: F4
    """[n, L] share watched of the titles of continue watching; -1 if unknown."""
    left: I4
    """[n, L] seconds of them that are left."""
    candidates: I4
    """[n] titles that the explore shelf, or the last title of a list, was drawn from (``Lists.drawn``)."""
    category: I4
    """[n, C] categories, those that the viewer watches most first; -1 where there are no more."""
    category_share: F4
    """[n, C] expected share of the viewer's watches in each."""
    alert: I4
    """[n, A] new titles that deserve an alert, best first; -1 where there are no more."""
    alert_score: F4
    """[n, A] the viewer's blended scores."""
    alert_above: F4
    """[n, A] share of the viewer's remaining titles that score no higher."""
    alert_reason: U1
    """[n, A] reason of each."""
