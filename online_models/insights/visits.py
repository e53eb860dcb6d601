"""From an event to a visit or a search, using the state of the viewer.

A *start* is a playback that ended. An autoplayed title that is left within a minute is a preview, no start.
The position is the viewer's progress; a failed playback does not change it. A viewer who reached the credits
has finished the title for good; watching it later is a rewatch.

A *search* leads to a watch if the clicked title, or the next title if none was clicked, is watched for a
minute, starting within half an hour.

A viewer's *cohort* is the genre with the most decayed watch time before the event: a term of content teams,
and of the catalog. A viewer with less than an hour of watch time has no cohort.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from online_models.insights.counters import SLOW_MS
from online_models.insights.curves import FINISHED, place_of
from online_models.tables.titles import title_key
from schemas.events import Event, Rate, Search, Skip, Stop, StopCause, Thumb

__all__ = ["KEPT", "Searched", "ViewerVisits", "Visit", "cohort_of", "observe"]

SEEN: Final = 16
"""Event ids stored per viewer, as in the recommender."""
KEPT: Final = 64
"""Titles per viewer with a stored position: a season or two, and the films of some months."""
GENRES: Final = 8
"""Genres per viewer; those with the least watch time are dropped."""
SHORT_S: Final = 60.0
"""An autoplayed title that is left earlier is a preview; a title watched for so long counts as watched."""
COMPLETE: Final = 0.9
"""Share of a title from which it is finished: credits are usually not watched."""
SEARCH_WINDOW_MS: Final = 1_800_000
"""A watch that starts within half an hour of a search is attributed to it: the time to choose in a
session."""
COHORT_S: Final = 3_600.0
"""Decayed seconds watched from which a viewer has a cohort: one film or two episodes."""
MAX_QUERY: Final = 256
"""Characters of a query, as in the contract: lower-casing may make a query longer."""
_SPREAD: Final = 0x9E3779B97F4A7C15  # odd, so that no two viewers of one event id have one pseudonym
_MASK: Final = (1 << 64) - 1
LIKED_STARS, DISLIKED_STARS = 4.0, 2.0  # as `config.RewardConfig` has them


class Visit(NamedTuple):
    """What one viewer did with one title in one event."""

    title_id: str
    viewer: int
    """The viewer's pseudonym (`ViewerVisits.pseudonym`)."""
    country: str
    cohort: str
    at_ms: int
    starts: int = 0
    seconds: int = 0
    was: int = -1
    """Furthest minute before, -1 for none."""
    place: int = -1
    """Furthest minute after; `curves.FINISHED` for the end."""
    again: int = 0
    skips: int = 0
    ups: int = 0
    downs: int = 0
    sought: int = 0
    """Whether a search led to the visit."""

    @property
    def is_new(self) -> bool:
        """Whether it is the viewer's first visit of the title."""
        return self.was < 0 <= self.place

    @property
    def finishes(self) -> bool:
        """Whether the viewer finished the title for the first time."""
        return self.was != FINISHED == self.place


class Searched(NamedTuple):
    """A search, or the watch that it led to."""

    query: str
    viewer: int
    at_ms: int
    searches: int = 0
    found: int = 0
    """Searches with a result."""
    watches: int = 0


@dataclass(slots=True)
class ViewerVisits:
    """State of a viewer. Field names are part of the stored row."""

    country: str = ""
    genres: dict[str, float] = field(default_factory=dict)
    """Seconds watched by genre, decayed to `genres_at_ms`."""
    genres_at_ms: int = 0
    places: dict[int, int] = field(default_factory=dict)
    """Furthest minute by title key, in order of the last visit."""
    query: str = ""
    """The last search that has not led to a watch; its time and clicked title follow."""
    asked_ms: int = 0
    clicked: str = ""
    seen: list[int] = field(default_factory=list)
    """Hashes of the last event ids, for deduplication."""
    pseudonym: int = 0
    """Number under which distinct viewers are counted: the hashes of the viewer's id and of the id of the
    first event in one. It is the same in every replay of the log; who has neither this row nor the event
    cannot compute it from the viewer's id."""


def cohort_of(state: ViewerVisits, at_ms: int) -> str:
    """Return the viewer's cohort at a time, "" for none.

    Examples
    --------
    >>> state = ViewerVisits(genres={"Drama": 5000.0, "Crime": 9000.0})
    >>> cohort_of(state, 0), cohort_of(state, 3 * SLOW_MS)
    ('Crime', '')
    """
    if sum(state.genres.values()) * _left(state, at_ms) < COHORT_S:
        return ""
    return min(state.genres, key=lambda genre: (-state.genres[genre], genre))


def observe(
    state: ViewerVisits,
    event: Event,
    at_ms: int,
    *,
    viewer: int,
    event_hash: int,
    genres: Callable[[str], Sequence[str]],
) -> tuple[Visit | None, Searched | None]:
    """Process one event.

    Parameters
    ----------
    state
        State of the viewer, changed in place.
    event, at_ms
        The event, and its time.
    viewer, event_hash
        Hashes of the viewer's id and of the event's id.
    genres
        Returns a title's genres.

    Returns
    -------
    tuple
        The visit and the search, or None.
    """
    if event_hash in state.seen:
        return None, None
    state.seen = [*state.seen[1 - SEEN :], event_hash]
    viewer = state.pseudonym = state.pseudonym or (viewer * _SPREAD ^ event_hash) & _MASK
    state.country = event.country or state.country
    if isinstance(event, Search):
        return None, _search(state, event, at_ms, viewer)
    if not isinstance(event, Stop | Skip | Rate):
        return None, None
    visit = Visit(event.title_id, viewer, state.country, cohort_of(state, at_ms), at_ms)
    if isinstance(event, Stop):
        return _stop(state, event, visit, genres)
    if isinstance(event, Skip):
        return visit._replace(skips=1), None
    up = event.thumb in (Thumb.UP, Thumb.DOUBLE_UP) or (event.stars or 0.0) >= LIKED_STARS
    down = event.thumb is Thumb.DOWN or (event.stars is not None and event.stars <= DISLIKED_STARS)
    return (visit._replace(ups=int(up), downs=int(down)) if up or down else None), None


def _search(state: ViewerVisits, event: Search, at_ms: int, viewer: int) -> Searched | None:
    """Store a search: case-folded, with single spaces."""
    query = " ".join(event.query.casefold().split())[:MAX_QUERY]
    if not query:
        return None
    state.query, state.asked_ms, state.clicked = query, at_ms, event.clicked_title_id or ""
    return Searched(query, viewer, at_ms, 1, int(event.result_count > 0))


def _stop(
    state: ViewerVisits, event: Stop, visit: Visit, genres: Callable[[str], Sequence[str]]
) -> tuple[Visit | None, Searched | None]:
    """Process the end of a playback."""
    if event.autoplay and event.watched_s < SHORT_S:
        return None, None
    key = title_key(event.title_id)
    was = state.places.pop(key, -1)
    place = max(was, _reached(event))
    if place >= 0:
        state.places[key] = place
        if len(state.places) > KEPT:
            del state.places[next(iter(state.places))]
    watched = event.watched_s >= SHORT_S
    sought = watched and _leads_to(state, event.title_id, visit.at_ms - 1000 * event.watched_s)
    searched = Searched(state.query, visit.viewer, visit.at_ms, watches=1) if sought else None
    if sought:
        state.query = ""
    visit = visit._replace(
        starts=1,
        seconds=round(event.watched_s),
        was=was,
        place=place,
        again=int(watched and was == FINISHED),
        sought=int(sought),
    )
    _taste(state, genres(event.title_id), event.watched_s, visit.at_ms)
    return visit, searched


def _reached(event: Stop) -> int:
    """Return the minute that a playback reached; -1 for a failed playback."""
    if event.cause is StopCause.ERROR:
        return -1
    whole = event.duration_s or float("inf")
    if event.cause is StopCause.ENDED or max(event.position_s, event.watched_s) >= COMPLETE * whole:
        return FINISHED
    return place_of(event.position_s)


def _leads_to(state: ViewerVisits, title_id: str, began_ms: float) -> bool:
    """Return whether the last search led to a playback that began at a time."""
    return (
        bool(state.query)
        and began_ms - state.asked_ms <= SEARCH_WINDOW_MS
        and state.clicked in ("", title_id)
    )


def _taste(state: ViewerVisits, genres: Sequence[str], seconds: float, at_ms: int) -> None:
    """Add the seconds of a title to the viewer's genres, in equal parts."""
    if not genres or seconds <= 0:
        return
    if at_ms > state.genres_at_ms:
        left = _left(state, at_ms)
        state.genres = {genre: value * left for genre, value in state.genres.items()}
        state.genres_at_ms = at_ms
    for genre in genres:
        state.genres[genre] = state.genres.get(genre, 0.0) + seconds / len(genres)
    if len(state.genres) > GENRES:
        kept = sorted(state.genres, key=lambda genre: (-state.genres[genre], genre))[:GENRES]
        state.genres = {genre: state.genres[genre] for genre in kept}


def _left(state: ViewerVisits, at_ms: int) -> float:
    """Return the decay factor of the viewer's genres."""
    return float(2.0 ** (-max(0, at_ms - state.genres_at_ms) / SLOW_MS))
