"""What the server knows of insights in memory: titles, and all demand, ready to be put in order."""

from collections.abc import Sequence
from heapq import nsmallest

import structlog

from schemas import DecodeError
from schemas.codec import decode_demand, decode_title_insight
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, TitleInsight
from streams.serve.mirror.table import Change

__all__ = ["InsightIndex"]

_LOG = structlog.get_logger(__name__)


class InsightIndex:
    """The newest insights. Written by the readers' threads, read by the server's.

    Examples
    --------
    >>> from schemas.codec import encode
    >>> from schemas.insights import CurvePoint
    >>> points = (CurvePoint(minute=0, viewers=20),)
    >>> one = TitleInsight(title_id="t", at_ms=10**12, viewers=20, starts=20, watch_minutes=9.0, curve=points)
    >>> book = InsightBook()
    >>> book.titles([(b"t", encode(one)), (b"u", None)]); [found.title_id for found in book.top(5)]
    ['t']
    """

    def __init__(self) -> None:
        self._titles: dict[bytes, TitleInsight] = {}
        self._demand: dict[bytes, FacetDemand | SearchDemand | CohortDemand] = {}

    def titles(self, changes: Sequence[Change]) -> None:
        """Take titles' insights."""
        for key, value in changes:
            try:
                if value is None:
                    self._titles.pop(key, None)
                else:
                    self._titles[key] = decode_title_insight(value)
            except DecodeError as error:
                _LOG.warning("insight_unusable", reason=error.reason, field=error.field)

    def demand(self, changes: Sequence[Change]) -> None:
        """Take records of demand."""
        for key, value in changes:
            try:
                if value is None:
                    self._demand.pop(key, None)
                else:
                    self._demand[key] = decode_demand(value)
            except DecodeError as error:
                _LOG.warning("insight_unusable", reason=error.reason, field=error.field)

    def top(self, limit: int) -> list[TitleInsight]:
        """Return the titles that are watched most."""
        return nsmallest(
            limit, list(self._titles.values()), key=lambda one: (-one.watch_minutes, one.title_id)
        )

    def title(self, title_id: str) -> TitleInsight | None:
        """Return how a title is watched."""
        return self._titles.get(title_id.encode())

    def wanted(self) -> list[FacetDemand | SearchDemand | CohortDemand]:
        """Return all records of demand."""
        return list(self._demand.values())

    def countries(self) -> list[str]:
        """Return the countries of which demand is known."""
        return sorted({one.country for one in self.wanted() if isinstance(one, FacetDemand) and one.country})
