"""From an event to what is new about it: what the viewer's own row knows, and titles cannot.

A *start* is a playback that ended; what played by itself and was left within a minute is none (a preview).
Position says how far a viewer got, and a failed playback does not move it: nobody left there. Who reached the
credits finished, for good; who watches a title after that watches it again.

A *search* comes to a watch if the title that was opened from it, or the next title where none was, is watched
for a minute within half an hour.

A viewer's *cohort* is the genre that they watched most of late, before this event: a word that content teams
use, and that the catalog knows. Who watched less than an hour in all has none.
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
"""Event ids remembered of a viewer, as the recommender does."""
KEPT: Final = 64
"""Titles of a viewer whose furthest place is remembered: a season or two, and the films of some months."""
GENRES: Final = 8
"""Genres of a viewer that are kept: the lightest go."""
SHORT_S: Final = 60.0
"""What plays by itself and is left before is a preview; what is watched so long was chosen."""
COMPLETE: Final = 0.9
"""Share of a title from which it counts as finished: credits are not watched."""
SEARCH_WINDOW_MS: Final = 1_800_000
"""A watch that begins within half an hour of a search came from it: a sitting's time to choose."""
COHORT_S: Final = 3_600.0
"""Seconds watched, fading, from which a viewer has a cohort: one film or two episodes."""
LONGEST: Final = 256
"""Characters of a query, as in the contract: lower case may have more of them."""
LIKED_STARS, DISLIKED_STARS = 4.0, 2.0  # as `config.RewardConfig` has them


class Visit(NamedTuple):
    """What one viewer did with one title in one event."""

    title_id: str
    viewer: int
    """Hash of the viewer's id."""
    country: str
    cohort: str
    at_ms: int
    starts: int = 0
    seconds: int = 0
    was: int = -1
    """Furthest place before, -1 for none ..."""
    place: int = -1
    """... and after; `curves.FINISHED` for the end."""
    again: int = 0
    skips: int = 0
    ups: int = 0
    downs: int = 0
    sought: int = 0
    """Whether a search led to it."""

    @property
    def is_new(self) -> bool:
        """Whether the viewer had not seen any of it before."""
        return self.was < 0 <= self.place

    @property
    def finishes(self) -> bool:
        """Whether the viewer finished it now, for the first time."""
        return self.was != FINISHED == self.place


class Searched(NamedTuple):
    """What became of a search just now."""

    query: str
    viewer: int
    at_ms: int
    searches: int = 0
    found: int = 0
    """Of these, with a result."""
    watches: int = 0


@dataclass(slots=True)
class ViewerVisits:
    """What is kept of a viewer."""

    country: str = ""
    genres: dict[str, float] = field(default_factory=dict)
    """Seconds watched by genre, fading, up to ..."""
    genres_at_ms: int = 0
    places: dict[int, int] = field(default_factory=dict)
    """Furthest place by title key, the title met last behind."""
    query: str = ""
    """The last search that has not come to a watch, when, and what was opened from it."""
    asked_ms: int = 0
    clicked: str = ""
    seen: list[int] = field(default_factory=list)
    """Hashes of the last event ids."""


def cohort_of(guest: ViewerVisits, at_ms: int) -> str:
    """Return the viewer's cohort at a time, "" for none.

    Examples
    --------
    >>> guest = ViewerVisits(genres={"Drama": 5000.0, "Crime": 9000.0})
    >>> cohort_of(guest, 0), cohort_of(guest, 3 * SLOW_MS)
    ('Crime', '')
    """
    if sum(guest.genres.values()) * _left(guest, at_ms) < COHORT_S:
        return ""
    return min(guest.genres, key=lambda genre: (-guest.genres[genre], genre))


def observe(
    guest: ViewerVisits,
    event: Event,
    at_ms: int,
    *,
    viewer: int,
    event_hash: int,
    genres: Callable[[str], Sequence[str]],
) -> tuple[Visit | None, Searched | None]:
    """Take one event.

    Parameters
    ----------
    guest
        The viewer, changed in place.
    event, at_ms
        What happened, and when.
    viewer, event_hash
        Hashes of the viewer's id and of the event's.
    genres
        Returns a title's genres.

    Returns
    -------
    tuple
        What is new about a title, and about a search.
    """
    if event_hash in guest.seen:
        return None, None
    guest.seen = [*guest.seen[1 - SEEN :], event_hash]
    guest.country = event.country or guest.country
    if isinstance(event, Search):
        return None, _search(guest, event, at_ms, viewer)
    if not isinstance(event, Stop | Skip | Rate):
        return None, None
    visit = Visit(event.title_id, viewer, guest.country, cohort_of(guest, at_ms), at_ms)
    if isinstance(event, Stop):
        return _stop(guest, event, visit, genres)
    if isinstance(event, Skip):
        return visit._replace(skips=1), None
    up = event.thumb in (Thumb.UP, Thumb.DOUBLE_UP) or (event.stars or 0.0) >= LIKED_STARS
    down = event.thumb is Thumb.DOWN or (event.stars is not None and event.stars <= DISLIKED_STARS)
    return (visit._replace(ups=int(up), downs=int(down)) if up or down else None), None


def _search(guest: ViewerVisits, event: Search, at_ms: int, viewer: int) -> Searched | None:
    """Note a search: words in lower case, spaces told once."""
    query = " ".join(event.query.casefold().split())[:LONGEST]
    if not query:
        return None
    guest.query, guest.asked_ms, guest.clicked = query, at_ms, event.clicked_title_id or ""
    return Searched(query, viewer, at_ms, 1, int(event.result_count > 0))


def _stop(
    guest: ViewerVisits, event: Stop, visit: Visit, genres: Callable[[str], Sequence[str]]
) -> tuple[Visit | None, Searched | None]:
    """Take the end of a playback."""
    if event.autoplay and event.watched_s < SHORT_S:
        return None, None
    key = title_key(event.title_id)
    was = guest.places.pop(key, -1)
    place = max(was, _reached(event))
    if place >= 0:
        guest.places[key] = place
        if len(guest.places) > KEPT:
            del guest.places[next(iter(guest.places))]
    watched = event.watched_s >= SHORT_S
    sought = watched and _leads_to(guest, event.title_id, visit.at_ms - 1000 * event.watched_s)
    searched = Searched(guest.query, visit.viewer, visit.at_ms, watches=1) if sought else None
    if sought:
        guest.query = ""
    visit = visit._replace(
        starts=1,
        seconds=round(event.watched_s),
        was=was,
        place=place,
        again=int(watched and was == FINISHED),
        sought=int(sought),
    )
    _taste(guest, genres(event.title_id), event.watched_s, visit.at_ms)
    return visit, searched


def _reached(event: Stop) -> int:
    """Return how far a playback says that the viewer got; -1: it does not say."""
    if event.cause is StopCause.ERROR:
        return -1
    whole = event.duration_s or float("inf")
    if event.cause is StopCause.ENDED or max(event.position_s, event.watched_s) >= COMPLETE * whole:
        return FINISHED
    return place_of(event.position_s)


def _leads_to(guest: ViewerVisits, title_id: str, began_ms: float) -> bool:
    """Say whether the last search led to a playback that began at a time."""
    return (
        bool(guest.query)
        and began_ms - guest.asked_ms <= SEARCH_WINDOW_MS
        and guest.clicked in ("", title_id)
    )


def _taste(guest: ViewerVisits, genres: Sequence[str], seconds: float, at_ms: int) -> None:
    """Add to the genres of the viewer, a title's seconds shared out among its genres."""
    if not genres or seconds <= 0:
        return
    if at_ms > guest.genres_at_ms:
        left = _left(guest, at_ms)
        guest.genres = {genre: value * left for genre, value in guest.genres.items()}
        guest.genres_at_ms = at_ms
    for genre in genres:
        guest.genres[genre] = guest.genres.get(genre, 0.0) + seconds / len(genres)
    if len(guest.genres) > GENRES:
        kept = sorted(guest.genres, key=lambda genre: (-guest.genres[genre], genre))[:GENRES]
        guest.genres = {genre: guest.genres[genre] for genre in kept}


def _left(guest: ViewerVisits, at_ms: int) -> float:
    """Return how much is left of what the viewer watched."""
    return float(2.0 ** (-max(0, at_ms - guest.genres_at_ms) / SLOW_MS))
