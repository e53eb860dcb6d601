"""Crowds that a viewer belongs to: their country, and their cohort of like taste; what each watches of late.

Both are known beside the titles (:mod:`online_models.ranking.segment_boost`, :mod:`online_models.learners.cohorts`). Nobody's row
says which cohort is theirs: it is the one whose centre lies nearest to their taste vector now. A viewer who
has liked nothing is in none.
"""

from typing import NamedTuple

import numpy as np

from online_models.learners.cohorts import CohortTable
from online_models.page.layout import CROWDS
from online_models.ranking.segment_boost import SHARED, SegmentBoost
from online_models.tables.layout import F4, I4, Viewers
from online_models.tables.titles import TitleTable

__all__ = ["SegmentPools", "ViewerSegments"]

_COUNTRY, _COHORT = range(CROWDS)


class SegmentPools(NamedTuple):
    """What some crowds watch, end to end (`page.layout.Pools`)."""

    first: I4
    crowd: I4
    crowd_heat: F4


class ViewerSegments:
    """What countries and cohorts watch.

    Parameters
    ----------
    titles
        The titles, by row.
    local
        What countries watch. Default: nothing is known.

    Attributes
    ----------
    cohorts
        Cohorts and what they watch; replaced as a whole, since pages read while it is.
    """

    def __init__(self, titles: TitleTable, local: SegmentBoost | None = None) -> None:
        self.local = local or SegmentBoost(titles, ())
        self.cohorts: CohortTable | None = None
        self._held: tuple[CohortTable, list[tuple[I4, F4]]] | None = None

    def of(self, viewers: Viewers, slots: I4, now_ms: int, watches: float) -> tuple[SegmentPools, I4]:
        """Return what the crowds of some viewers watch, and which of them are each one's.

        Parameters
        ----------
        viewers, slots
            [n] whose.
        now_ms
            When.
        watches
            That a crowd has at least; others are none.

        Returns
        -------
        pools, crowds
            The crowds met; [n, CROWDS] their numbers, -1 for none.
        """
        pools: list[tuple[I4, F4]] = []
        mine = np.full((slots.size, CROWDS), -1, np.int32)
        countries = viewers.country[slots]
        for country in np.unique(countries[countries > 0]).tolist():
            trend = self.local.trend(country)
            if trend.titles.size and trend.now(now_ms) >= watches:
                mine[countries == country, _COUNTRY] = len(pools)
                pools.append((trend.titles, trend.heat))
        if (table := self.cohorts) is not None:
            cohorts = table.cohorts_of(viewers.taste[slots])
            known = (viewers.positives[slots] > 0) & (cohorts >= 0) & (table.watches() >= watches)[cohorts]
            mine[known, _COHORT] = cohorts[known] + len(pools)
            pools += self._liked(table)
        return _flat(pools), mine

    def _liked(self, table: CohortTable) -> list[tuple[I4, F4]]:
        """Return what each cohort watches more than everybody, worked out once for each table."""
        if self._held is None or self._held[0] is not table:
            self._held = table, table.liked_more(SHARED)
        return self._held[1]


def _flat(pools: list[tuple[I4, F4]]) -> SegmentPools:
    first = np.zeros(len(pools) + 1, np.int32)
    np.cumsum([titles.size for titles, _ in pools], out=first[1:])
    titles, heat = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)]
    for some, theirs in pools:
        titles.append(some)
        heat.append(theirs)
    return SegmentPools(first, np.concatenate(titles), np.concatenate(heat))
