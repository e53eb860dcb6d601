"""The catalog and the crowd: 160 films of four genres and a series, 300 viewers with one genre mostly."""

import random
from collections.abc import Iterator
from typing import Final

from schemas import Availability, Stop, Tags, Title
from schemas.catalog import TitleKind
from schemas.events import StopCause

__all__ = ["DAY_MS", "FILMS", "FILM_S", "GENRES", "HOUR_MS", "catalog", "crowd", "film"]

GENRES: Final = {"co": "Comedy", "ho": "Horror", "sf": "Science Fiction", "dr": "Drama"}
"""Genres by the first two letters of their titles' ids."""
MATURITY: Final = {"co": 6, "ho": 18, "sf": 12, "dr": 12}
FILMS: Final = 40
"""Films of a genre."""
FILM_S: Final = 6_000.0
EPISODES: Final = 8
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
_VIEWERS: Final = 300
_WATCHES: Final = 12


def film(genre: str, number: int, released_ms: int, **more: object) -> Title:
    """Return a film of a genre; its director has made every fourth film of the genre."""
    name = GENRES[genre]
    about = {
        "title_id": f"{genre}{number:02d}",
        "name": f"{name} {number}",
        "duration_s": FILM_S,
        "release_ms": released_ms,
        "maturity": MATURITY[genre],
        "tags": Tags(
            genre=(name,),
            mood=("dark" if number % 2 else "light",),
            director=(f"{name} Director {number % 4}",),
            language=("en",),
        ),
    }
    return Title(**(about | more))


def catalog(now_ms: int) -> list[Title]:
    """Return the titles: all are old, and the first five dramas are for Germany alone."""
    out = []
    for genre in GENRES:
        for number in range(FILMS):
            more = {}
            if genre == "dr" and number < 5:
                more["availability"] = Availability(countries=("DE",))
            out.append(film(genre, number, now_ms - (200 + number) * DAY_MS, **more))
    for number in range(EPISODES):
        tags, released = Tags(genre=("Drama",), mood=("dark",), language=("en",)), now_ms - 300 * DAY_MS
        out.append(
            Title(
                title_id=f"ep{number:02d}", kind=TitleKind.EPISODE, series_id="ep", season=1,
                episode=number + 1, duration_s=FILM_S,
                release_ms=released, tags=tags,
            )
        )  # fmt: skip
    return out


def crowd(now_ms: int, seed: int = 1) -> Iterator[Stop]:
    """Yield what the crowd watched in the last three days, in order of time."""
    draw = random.Random(seed)
    watched = []
    for viewer in range(_VIEWERS):
        mine, seen = list(GENRES)[viewer % 4], set[str]()
        begun = now_ms - 3 * DAY_MS + viewer * 1_000
        for step in range(_WATCHES):
            genre = mine if draw.random() < 0.9 else draw.choice(list(GENRES))
            hit = min(FILMS - 1, int(draw.paretovariate(0.8)) - 1)
            number = hit if draw.random() < 0.6 else draw.randrange(FILMS)
            title = f"{genre}{number:02d}"
            if title not in seen:
                seen.add(title)
                watched.append((begun + step * 2 * HOUR_MS, f"crowd{viewer}", title))
        if viewer % 10 == 0:
            watched += [
                (begun + DAY_MS + n * 2 * HOUR_MS, f"crowd{viewer}", f"ep{n:02d}") for n in range(EPISODES)
            ]
    for number, (at, viewer_id, title) in enumerate(sorted(watched)):
        yield Stop(
            event_id=f"crowd-{number}", viewer_id=viewer_id, event_time_ms=at, title_id=title,
            watched_s=0.97 * FILM_S, position_s=0.97 * FILM_S, duration_s=FILM_S, cause=StopCause.ENDED,
            country="US",
        )  # fmt: skip
