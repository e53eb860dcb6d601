"""What a viewer saw and searched for of late, and what comes of it: lessons about pictures, queries, rows.

A picture that was seen is a trial, once a day; it is won when its title is liked within a day. A title that
was opened from a search's results and is liked within a day is what the query meant. A title that was seen in
a row is a trial of the row's kind, once a day, and won likewise.
"""

from typing import NamedTuple

from online_models.artwork.gallery import DAY_MS

__all__ = ["ASKED", "SEEN", "STOOD", "ArtworkOutcome", "ImpressionLog", "QueryOutcome"]

SEEN = 8
"""Pictures remembered of a viewer: those of the last row looked at; 40 bytes each."""
ASKED = 4
"""Searched titles remembered of a viewer."""


STOOD = 24
"""Titles remembered of a viewer with the kind of row that they were seen in: four rows in sight; 40 bytes
each."""


class ArtworkOutcome(NamedTuple):
    """What came of showing a picture."""

    title_id: str
    picture: str
    fit: int
    trials: int
    wins: int
    at_ms: int


class QueryOutcome(NamedTuple):
    """What was watched after a query."""

    query: str
    title_id: str
    at_ms: int


class ImpressionLog:
    """One viewer's.

    Parameters
    ----------
    seen
        By title: picture, its context, event time.
    asked
        By title: query, event time.
    stood
        By title: kind of the row, event time.

    Examples
    --------
    >>> ada = Sightings()
    >>> ada.see("t", "kiss.jpg", 1, at_ms=0), ada.see("t", "kiss.jpg", 1, at_ms=5)
    (ArtLesson(title_id='t', picture='kiss.jpg', fit=1, trials=1, wins=0, at_ms=0), None)
    >>> ada.like("t", at_ms=9)
    [ArtLesson(title_id='t', picture='kiss.jpg', fit=1, trials=0, wins=1, at_ms=0)]
    >>> ada.like("t", at_ms=9)
    []
    """

    def __init__(
        self,
        seen: dict[str, tuple[str, int, int]] | None = None,
        asked: dict[str, tuple[str, int]] | None = None,
        stood: dict[str, tuple[str, int]] | None = None,
    ) -> None:
        self.seen = {} if seen is None else seen
        self.asked = {} if asked is None else asked
        self.stood = {} if stood is None else stood

    def __bool__(self) -> bool:
        """Say whether there is anything to remember."""
        return bool(self.seen or self.asked or self.stood)

    def see(self, title_id: str, picture: str, fit: int, *, at_ms: int) -> ArtworkOutcome | None:
        """Remember a picture; return the trial that it is, None if the viewer saw it within a day."""
        before = self.seen.get(title_id)
        if before is not None and before[0] == picture and at_ms - before[2] < DAY_MS:
            return None
        self.seen.pop(title_id, None)
        self.seen[title_id] = (picture, fit, at_ms)
        if len(self.seen) > SEEN:
            del self.seen[next(iter(self.seen))]
        return ArtworkOutcome(title_id, picture, fit, 1, 0, at_ms)

    def ask(self, query: str, title_id: str, *, at_ms: int) -> None:
        """Remember that a title was opened from a query's results."""
        self.asked.pop(title_id, None)
        self.asked[title_id] = (query, at_ms)
        if len(self.asked) > ASKED:
            del self.asked[next(iter(self.asked))]

    def stand(self, title_id: str, kind: str, *, at_ms: int) -> bool:
        """Remember in what row a title was seen; say whether it is a trial: not seen within a day."""
        before = self.stood.get(title_id)
        if before is not None and at_ms - before[1] < DAY_MS:
            return False
        self.stood.pop(title_id, None)
        self.stood[title_id] = (kind, at_ms)
        if len(self.stood) > STOOD:
            del self.stood[next(iter(self.stood))]
        return True

    def row_of(self, title_id: str, *, at_ms: int) -> str | None:
        """Return the kind of row that a title, now liked, was seen in within a day; once."""
        stood = self.stood.pop(title_id, None)
        return None if stood is None or not 0 <= at_ms - stood[1] < DAY_MS else stood[0]

    def like(self, title_id: str, *, at_ms: int) -> list[ArtworkOutcome | QueryOutcome]:
        """Return what is learned from a quality watch; it is not learned a second time.

        A win is dated by its trial, so that both fade alike.
        """
        out: list[ArtworkOutcome | QueryOutcome] = []
        seen = self.seen.pop(title_id, None)
        if seen is not None and 0 <= at_ms - seen[2] < DAY_MS:
            out.append(ArtworkOutcome(title_id, seen[0], seen[1], 0, 1, seen[2]))
        asked = self.asked.pop(title_id, None)
        if asked is not None and 0 <= at_ms - asked[1] < DAY_MS:
            out.append(QueryOutcome(asked[0], title_id, at_ms))
        return out
