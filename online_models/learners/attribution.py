"""Attribution: which artwork, query or shelf led to a watch.

The log of one viewer keeps recent impressions and search clicks:

* An impression of an artwork is a trial, at most once a day; it is won if its title is liked within a day.
* A title opened from the results of a search, and liked within a day, is an outcome of the query.
* An impression of a title on a shelf is a trial of the kind of shelf, at most once a day, and won likewise.
"""

from typing import NamedTuple

from online_models.artwork.gallery import DAY_MS

__all__ = ["MAX_ARTWORK", "MAX_SEARCHES", "MAX_SHELVED", "ArtworkOutcome", "ImpressionLog", "QueryOutcome"]

MAX_ARTWORK = 8
"""Artwork impressions remembered of a viewer: those of the last shelf seen; 40 bytes each."""
MAX_SEARCHES = 4
"""Titles opened from searches remembered of a viewer."""
MAX_SHELVED = 24
"""Titles remembered of a viewer with the kind of their shelf: four shelves in sight; 40 bytes each."""


class ArtworkOutcome(NamedTuple):
    """A trial or a win of an artwork."""

    title_id: str
    artwork: str
    fit: int
    trials: int
    wins: int
    at_ms: int


class QueryOutcome(NamedTuple):
    """A title watched after a query."""

    query: str
    title_id: str
    at_ms: int


class ImpressionLog:
    """Recent impressions and search clicks of one viewer.

    Parameters
    ----------
    artwork
        By title: artwork, its fit (`online_models.artwork.gallery`), event time.
    searches
        By title: query, event time.
    shelves
        By title: kind of the shelf, event time.

    Examples
    --------
    >>> ada = ImpressionLog()
    >>> ada.record_artwork("t", "kiss.jpg", 1, at_ms=0), ada.record_artwork("t", "kiss.jpg", 1, at_ms=5)
    (ArtworkOutcome(title_id='t', artwork='kiss.jpg', fit=1, trials=1, wins=0, at_ms=0), None)
    >>> ada.attribute("t", at_ms=9)
    [ArtworkOutcome(title_id='t', artwork='kiss.jpg', fit=1, trials=0, wins=1, at_ms=0)]
    >>> ada.attribute("t", at_ms=9)
    []
    """

    def __init__(
        self,
        artwork: dict[str, tuple[str, int, int]] | None = None,
        searches: dict[str, tuple[str, int]] | None = None,
        shelves: dict[str, tuple[str, int]] | None = None,
    ) -> None:
        self.artwork = {} if artwork is None else artwork
        self.searches = {} if searches is None else searches
        self.shelves = {} if shelves is None else shelves

    def __bool__(self) -> bool:
        """Return whether the log has any entry."""
        return bool(self.artwork or self.searches or self.shelves)

    def record_artwork(self, title_id: str, artwork: str, fit: int, *, at_ms: int) -> ArtworkOutcome | None:
        """Record an artwork that was seen; return the trial, None if it was seen within a day."""
        before = self.artwork.get(title_id)
        if before is not None and before[0] == artwork and at_ms - before[2] < DAY_MS:
            return None
        self.artwork.pop(title_id, None)
        self.artwork[title_id] = (artwork, fit, at_ms)
        if len(self.artwork) > MAX_ARTWORK:
            del self.artwork[next(iter(self.artwork))]
        return ArtworkOutcome(title_id, artwork, fit, 1, 0, at_ms)

    def record_search(self, query: str, title_id: str, *, at_ms: int) -> None:
        """Record a title that was opened from the results of a query."""
        self.searches.pop(title_id, None)
        self.searches[title_id] = (query, at_ms)
        if len(self.searches) > MAX_SEARCHES:
            del self.searches[next(iter(self.searches))]

    def record_shelf(self, title_id: str, kind: str, *, at_ms: int) -> bool:
        """Record the kind of shelf on which a title was seen; return whether that is a trial."""
        before = self.shelves.get(title_id)
        if before is not None and at_ms - before[1] < DAY_MS:
            return False
        self.shelves.pop(title_id, None)
        self.shelves[title_id] = (kind, at_ms)
        if len(self.shelves) > MAX_SHELVED:
            del self.shelves[next(iter(self.shelves))]
        return True

    def take_shelf(self, title_id: str, *, at_ms: int) -> str | None:
        """Remove a title that is now liked; return the kind of its shelf if it was seen within a day."""
        shelf = self.shelves.pop(title_id, None)
        return None if shelf is None or not 0 <= at_ms - shelf[1] < DAY_MS else shelf[0]

    def attribute(self, title_id: str, *, at_ms: int) -> list[ArtworkOutcome | QueryOutcome]:
        """Return the outcomes of a liked title, and remove its entries: an outcome counts once.

        A win has the time of its trial, so that both decay alike.
        """
        out: list[ArtworkOutcome | QueryOutcome] = []
        seen = self.artwork.pop(title_id, None)
        if seen is not None and 0 <= at_ms - seen[2] < DAY_MS:
            out.append(ArtworkOutcome(title_id, seen[0], seen[1], 0, 1, seen[2]))
        search = self.searches.pop(title_id, None)
        if search is not None and 0 <= at_ms - search[1] < DAY_MS:
            out.append(QueryOutcome(search[0], title_id, at_ms))
        return out
