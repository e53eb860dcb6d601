"""Insights in memory: titles and demand, ready to be sorted."""

from collections.abc import Callable, Sequence
from functools import partial
from heapq import nsmallest
from typing import TypeVar

from schemas import topics
from schemas.codec import decode_demand, decode_title_insight
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, TitleInsight
from streams.engine.table_records import UnusableRecords
from streams.serve.mirror.table import Change, take_changes
from streams.telemetry.metrics import Metrics

__all__ = ["InsightIndex"]

T = TypeVar("T")


class InsightIndex:
    """The newest insights. Reader threads write it, the server's threads read it.

    Parameters
    ----------
    unusable
        Receives records that cannot be used; the last usable one of a key stays. Default: one of its own.

    Examples
    --------
    >>> from schemas.codec import encode
    >>> from schemas.insights import CurvePoint
    >>> points = (CurvePoint(minute=0, viewers=20),)
    >>> one = TitleInsight(title_id="t", at_ms=10**12, viewers=20, starts=20, watch_minutes=9.0, curve=points)
    >>> index = InsightIndex()
    >>> index.on_titles([(b"t", encode(one)), (b"u", None)])
    >>> [found.title_id for found in index.top(5)]
    ['t']
    """

    def __init__(self, unusable: UnusableRecords | None = None) -> None:
        self._unusable = unusable or UnusableRecords(Metrics())
        self._titles: dict[bytes, TitleInsight] = {}
        self._demand: dict[bytes, FacetDemand | SearchDemand | CohortDemand] = {}

    def on_titles(self, changes: Sequence[Change]) -> None:
        """Apply changes of the titles' insights."""
        take = partial(_apply, self._titles, decode_title_insight)
        take_changes(topics.INSIGHTS_TITLES, changes, take, self._unusable)

    def on_demand(self, changes: Sequence[Change]) -> None:
        """Apply changes of the demand."""
        take = partial(_apply, self._demand, decode_demand)
        take_changes(topics.INSIGHTS_DEMAND, changes, take, self._unusable)

    def top(self, limit: int) -> list[TitleInsight]:
        """Return the titles with the most minutes watched."""
        return nsmallest(
            limit, list(self._titles.values()), key=lambda one: (-one.watch_minutes, one.title_id)
        )

    def title(self, title_id: str) -> TitleInsight | None:
        """Return a title's insights."""
        return self._titles.get(title_id.encode())

    def demand(self) -> list[FacetDemand | SearchDemand | CohortDemand]:
        """Return all records of demand."""
        return list(self._demand.values())

    def countries(self) -> list[str]:
        """Return the countries with records of demand."""
        return sorted({one.country for one in self.demand() if isinstance(one, FacetDemand) and one.country})


def _apply(records: dict[bytes, T], decode: Callable[[bytes], T], change: Change) -> None:
    """Apply one change to a dictionary; raise `DecodeError` on a bad one."""
    key, value = change
    if value is None:
        records.pop(key, None)
    else:
        records[key] = decode(value)
