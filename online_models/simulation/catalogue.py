"""An invented catalogue: records as a catalogue owner would publish them, and the truth behind them."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from online_models.simulation.words import TAG_WORDS, person_name, title_name
from schemas.titles import Artwork, Tags, Title, Trailer

__all__ = ["DIMENSIONS", "Catalogue", "Floats"]

Floats = npt.NDArray[np.float64]

DIMENSIONS: Final = 16
"""Numbers in a taste: fewer than there are tags, so that some tags go together."""
KIND_WEIGHTS: Final = {
    "genre": 1.0,
    "theme": 0.8,
    "mood": 0.6,
    "director": 0.5,
    "pace": 0.4,
    "cast": 0.3,
    "language": 0.2,
}
"""How much a tag of each kind says about who will like a title."""
ZIPF: Final = 0.85
"""Exponent of popularity: the tenth title has about an eighth of the first one's appeal."""
UPCOMING: Final = 0.05
"""Share of titles that come out while the world runs."""
RELEASE_SPAN_S: Final = 30 * 86_400.0
"""They come out within so many seconds of world time."""
BACK_CATALOGUE_MS: Final = 20 * 365 * 86_400_000
"""The others are up to twenty years old."""
AGES: Final = ((0, 0.35), (6, 0.15), (12, 0.25), (16, 0.2), (18, 0.05))
"""Maturity of titles: youngest age, share."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Titles, and what only the world knows about them.

    Attributes
    ----------
    titles
        The records.
    vectors
        What a title is like, unit length, shape ``(titles, DIMENSIONS)``.
    appeal
        Share of attention that a title draws whatever the viewer, shape ``(titles,)``, summing to 1.
    released_s
        World time at which it comes out, seconds; 0 for what is out already. Shape ``(titles,)``.
    durations_s
        Length in seconds, shape ``(titles,)``.
    tag_vectors
        What each word of the closed vocabularies stands for, by kind, shape ``(words, DIMENSIONS)``.
    """

    titles: tuple[Title, ...]
    vectors: Floats
    appeal: Floats
    released_s: Floats
    durations_s: Floats
    tag_vectors: dict[str, Floats]

    @classmethod
    def make(cls, seed: int, titles: int, start_ms: int, time_scale: float) -> Self:
        """Invent a catalogue.

        Parameters
        ----------
        seed
            Everything follows from it.
        titles
            How many.
        start_ms
            When the world begins, UTC epoch milliseconds.
        time_scale
            Seconds of world time in a second of event time.
        """
        rng = np.random.default_rng([seed, 1])
        words = {kind: rng.normal(size=(len(listed), DIMENSIONS)) for kind, listed in TAG_WORDS.items()}
        crew = {kind: _Crew.draw(rng, max(4, titles // per)) for kind, per in (("cast", 6), ("director", 10))}
        appeal = rng.permutation(1.0 / np.arange(1, titles + 1) ** ZIPF)
        released = np.where(rng.random(titles) < UPCOMING, rng.random(titles) * RELEASE_SPAN_S, 0.0)
        durations = np.round(60 * np.clip(rng.normal(100, 28, titles), 20, 210))
        records, vectors = [], np.empty((titles, DIMENSIONS))
        for number in range(titles):
            tags, vectors[number] = _tags(rng, words, crew)
            release = start_ms + int(released[number] * 1000 / time_scale)
            if not released[number]:
                release -= int(rng.integers(86_400_000, BACK_CATALOGUE_MS))
            records.append(_record(rng, number, tags, release, float(durations[number])))
        return cls(tuple(records), vectors, appeal / appeal.sum(), released, durations, words)


@dataclass(frozen=True, slots=True)
class _Crew:
    """People of one trade: their names, and what they stand for."""

    names: list[str]
    vectors: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, people: int) -> Self:
        return cls([person_name(rng) for _ in range(people)], rng.normal(size=(people, DIMENSIONS)))


def _tags(rng: np.random.Generator, words: dict[str, Floats], crew: dict[str, _Crew]) -> tuple[Tags, Floats]:
    """Draw a title's tags, and add up what they stand for."""
    counts = {
        "genre": int(rng.integers(1, 3)),
        "theme": 2,
        "mood": 1,
        "pace": 1,
        "language": 1,
        "cast": 3,
        "director": 1,
    }
    chosen: dict[str, Any] = {}
    vector = np.zeros(DIMENSIONS)
    for kind, count in counts.items():
        listed, vectors = (
            (TAG_WORDS[kind], words[kind]) if kind in words else (crew[kind].names, crew[kind].vectors)
        )
        picked = rng.choice(len(listed), count, replace=False)
        chosen[kind] = tuple(listed[at] for at in picked.tolist())
        vector += KIND_WEIGHTS[kind] * vectors[picked].sum(axis=0) / np.sqrt(count)
    return Tags(**chosen), vector / np.linalg.norm(vector)


def _record(rng: np.random.Generator, number: int, tags: Tags, release_ms: int, duration_s: float) -> Title:
    title_id = f"title-{number:06d}"
    themes = (*tags.mood, *tags.theme)
    ages, shares = zip(*AGES, strict=True)
    return Title(
        title_id=title_id,
        name=title_name(number),
        duration_s=duration_s,
        release_ms=release_ms,
        maturity=int(rng.choice(ages, p=shares)),
        tags=tags,
        languages=tags.language,
        subtitles=tuple(dict.fromkeys((*tags.language, "en"))),
        artwork=tuple(
            Artwork(id=f"art-{at}", uri=f"art/{title_id}/{at}.svg", tags=(tag,))
            for at, tag in enumerate(themes)
        ),
        trailers=(
            Trailer(id="trailer-0", uri=f"trailers/{title_id}/0.mp4", duration_s=90.0, tags=tags.mood),
        ),
    )
