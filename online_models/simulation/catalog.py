"""An invented catalog: records as a catalog owner would publish them, and the truth behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np

from online_models.simulation.common_random_numbers import Floats, Ints
from online_models.simulation.config import CatalogConfig
from online_models.simulation.vocabulary import TAG_WORDS, person_name, title_name
from schemas.catalog import Artwork, Availability, Tags, Title, TitleKind, Trailer

__all__ = ["DAY_S", "SimulatedCatalog", "facets_of", "unit"]

DAY_S: Final = 86_400.0
TAG_COUNTS: Final = {"genre": 2, "theme": 2, "mood": 1, "pace": 1, "language": 1, "cast": 3, "director": 1}
"""Tags of each kind drawn for a title; a word drawn twice counts once."""
PEOPLE_PER_TITLE: Final = {"cast": 1 / 6, "director": 1 / 10}
"""People in the trade for each title."""


_EQUAL: Final[Mapping[int, float]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SimulatedCatalog:
    """Titles, and what only the world knows about them.

    Attributes
    ----------
    titles
        The records.
    vectors
        What a title is like, unit length, shape ``(titles, dimensions)``.
    facet_vectors
        What each facet is like, shape ``(facets, dimensions)``.
    genre_odds
        How likely each genre is in each facet, shape ``(facets, genres)``.
    appeal
        Share of attention that a title draws whatever the viewer, summing to 1, shape ``(titles,)``.
    fame
        Its logarithm, standardised, shape ``(titles,)``.
    quality
        How much better it is than its fit promises, standardised, shape ``(titles,)``.
    released_s
        World time at which it comes out, seconds; 0 for what is out already. Shape ``(titles,)``.
    minutes
        Length, shape ``(titles,)``.
    languages
        Index of its language in the vocabulary, shape ``(titles,)``.
    previous, following
        The episode before and after it, or -1, shape ``(titles,)``.
    scarce
        Of the scarce kind of story: by kind of tag, the word that stands for it most; empty without one.
    """

    titles: tuple[Title, ...]
    vectors: Floats
    facet_vectors: Floats
    genre_odds: Floats
    appeal: Floats
    fame: Floats
    quality: Floats
    released_s: Floats
    minutes: Floats
    languages: Ints
    previous: Ints
    following: Ints
    scarce: Mapping[str, str]

    @classmethod
    def make(
        cls,
        config: CatalogConfig,
        seed: int,
        titles: int,
        *,
        start_ms: int,
        time_scale: float,
        correlation: float,
    ) -> Self:
        """Invent a catalog.

        Parameters
        ----------
        config
            What catalogs are like.
        seed
            Everything follows from it.
        titles
            How many.
        start_ms
            When the world begins, UTC epoch milliseconds.
        time_scale
            Seconds of world time in a second of event time.
        correlation
            Of quality with fame.
        """
        rng = np.random.default_rng([seed, 1])
        facets = _Facets.draw(rng, config, titles)
        series = _series(rng, config, titles)
        mixtures = _thinned(facets_of(rng, titles, config.facets, config.mixture), config, seed)[series]
        vectors = mixtures @ facets.vectors + _noise(rng, titles, config)[series]
        appeal = rng.permutation(1.0 / np.arange(1, titles + 1) ** config.zipf)[series]
        fame = (np.log(appeal) - np.log(appeal).mean()) / np.log(appeal).std()
        quality = correlation * fame + np.sqrt(1 - correlation**2) * rng.normal(size=titles)[series]
        released = np.where(
            rng.random(titles) < config.upcoming, rng.random(titles) * config.release_span_days, 0.0
        )
        same = np.diff(series, prepend=-1) == 0
        previous = np.where(same, np.arange(titles) - 1, -1)
        following = np.where(np.append(same[1:], False), np.arange(titles) + 1, -1)
        longs = _minutes(rng, config, titles, series)
        chosen = [facets.tags(rng, mixtures[at]) for at in range(titles)]
        released_s = released[series] * DAY_S
        record = _Records(rng, config, start_ms, time_scale)
        records = tuple(
            record.title(
                at, chosen[series[at]], float(released_s[at]), float(longs[at]), series=int(series[at])
            )
            if previous[at] >= 0 or following[at] >= 0
            else record.title(at, chosen[at], float(released_s[at]), float(longs[at]))
            for at in range(titles)
        )
        languages = np.array([TAG_WORDS["language"].index(title.languages[0]) for title in records])
        return cls(
            records,
            unit(vectors),
            facets.vectors,
            facets.odds["genre"],
            appeal / appeal.sum(),
            fame,
            quality,
            released_s,
            longs,
            languages,
            previous,
            following,
            facets.words_of(config.scarce),
        )


def unit(vectors: Floats) -> Floats:
    """Return vectors of length 1."""
    scaled: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def facets_of(
    rng: np.random.Generator,
    count: int,
    facets: int,
    concentration: float,
    more: Mapping[int, float] = _EQUAL,
) -> Floats:
    """Draw mixtures over facets, shape ``(count, facets)``, each summing to 1, some with more."""
    each = np.full(facets, concentration)
    for facet, factor in more.items():
        each[facet] *= factor
    drawn: Floats = rng.dirichlet(each, count)
    return drawn


def _thinned(mixtures: Floats, config: CatalogConfig, seed: int) -> Floats:
    """Return mixtures of which those mostly of the scarce kind are, but for a share, of another."""
    if config.scarce is None:
        return mixtures
    rng = np.random.default_rng([seed, 7])
    gone = (mixtures.argmax(axis=1) == config.scarce) & (rng.random(len(mixtures)) >= config.scarce_kept)
    other = rng.integers(1, config.facets, len(mixtures))
    places = (np.arange(config.facets)[None, :] - np.where(gone, other, 0)[:, None]) % config.facets
    moved: Floats = np.take_along_axis(mixtures, places, axis=1)
    return moved


def _noise(rng: np.random.Generator, count: int, config: CatalogConfig) -> Floats:
    """Draw what no tag says; a facet's vector has length 1."""
    drawn: Floats = config.residual / np.sqrt(config.dimensions) * rng.normal(size=(count, config.dimensions))
    return drawn


def _series(rng: np.random.Generator, config: CatalogConfig, titles: int) -> Ints:
    """Return, for each title, the first episode of its series; itself for a film."""
    first = np.arange(titles)
    fewest, most = config.episodes
    per = (fewest + most) / 2
    starts = rng.random(titles) < config.series / per / (1 - config.series + config.series / per)
    at = 0
    while at < titles:
        length = int(rng.integers(fewest, most + 1)) if starts[at] else 1
        first[at : at + length] = at
        at += length
    return first


def _minutes(rng: np.random.Generator, config: CatalogConfig, titles: int, series: Ints) -> Floats:
    mean, deviation = config.film_minutes
    films = np.clip(rng.normal(mean, deviation, titles), 20, 210)
    mean, deviation = config.episode_minutes
    episodes = np.clip(rng.normal(mean, deviation, titles), 18, 75)[series]
    shared = np.bincount(series, minlength=titles)[series] > 1
    return np.round(np.where(shared, episodes, films)).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Facets:
    """Kinds of story: a direction each, and the words that stand for it."""

    vectors: Floats
    words: dict[str, tuple[str, ...]]
    odds: dict[str, Floats]

    @classmethod
    def draw(cls, rng: np.random.Generator, config: CatalogConfig, titles: int) -> Self:
        people = {
            kind: tuple(person_name(rng) for _ in range(max(4, int(titles * share))))
            for kind, share in PEOPLE_PER_TITLE.items()
        }
        words = TAG_WORDS | people
        odds = {
            kind: np.exp(config.sharpness * rng.normal(size=(config.facets, len(listed))))
            for kind, listed in words.items()
        }
        odds["language"] = np.tile(_LANGUAGE_SHARES, (config.facets, 1))
        return cls(
            unit(rng.normal(size=(config.facets, config.dimensions))),
            words,
            {kind: one / one.sum(axis=1, keepdims=True) for kind, one in odds.items()},
        )

    def words_of(self, facet: int | None) -> dict[str, str]:
        """Return by kind of tag the word that stands for a facet: which it has, and others have not."""
        if facet is None:
            return {}
        own = {kind: odds[facet] ** 2 / odds.sum(axis=0) for kind, odds in self.odds.items()}
        return {kind: self.words[kind][int(np.argmax(share))] for kind, share in own.items()}

    def tags(self, rng: np.random.Generator, mixture: Floats) -> Tags:
        """Draw a title's tags: each from one of its facets."""
        chosen: dict[str, Any] = {}
        for kind, count in TAG_COUNTS.items():
            cumulative = np.cumsum(mixture @ self.odds[kind])
            at = np.searchsorted(cumulative, rng.random(count) * cumulative[-1])
            listed = self.words[kind]
            chosen[kind] = tuple(dict.fromkeys(listed[min(n, len(listed) - 1)] for n in at.tolist()))
        return Tags(**chosen)


_LANGUAGE_SHARES: Final = (0.5, 0.14, 0.1, 0.1, 0.08, 0.08)
"""Share of titles in each language of the vocabulary; English first. Assumed."""


@dataclass(frozen=True, slots=True)
class _Records:
    """Writes the catalog owner's records."""

    rng: np.random.Generator
    config: CatalogConfig
    start_ms: int
    time_scale: float

    def title(
        self, number: int, tags: Tags, released_s: float, minutes: float, *, series: int | None = None
    ) -> Title:
        """Return a record; an upcoming title may not be shown before it is out."""
        title_id = f"title-{number:06d}"
        release = self.start_ms + int(released_s * 1000 / self.time_scale)
        old = int(self.rng.integers(86_400_000, int(self.config.back_catalog_days * 86_400_000)))
        ages, shares = zip(*self.config.ages, strict=True)
        return Title(
            title_id=title_id,
            kind=TitleKind.FILM if series is None else TitleKind.EPISODE,
            series_id=None if series is None else f"series-{series:06d}",
            episode=None if series is None else number - series + 1,
            name=title_name(number)
            if series is None
            else f"{title_name(series)}, part {number - series + 1}",
            duration_s=minutes * 60,
            release_ms=release if released_s else release - old,
            maturity=int(self.rng.choice(ages, p=shares)),
            tags=tags,
            languages=tags.language,
            subtitles=tuple(dict.fromkeys((*tags.language, "en"))),
            availability=Availability(start_ms=release) if released_s else Availability(),
            artwork=tuple(
                Artwork(id=f"art-{at}", uri=f"art/{title_id}/{at}.svg", tags=(tag,))
                for at, tag in enumerate((*tags.mood, *tags.theme))
            ),
            trailers=tuple(
                Trailer(id=f"trailer-{at}", uri=f"trailers/{title_id}/{at}.mp4", duration_s=90.0, tags=(tag,))
                for at, tag in enumerate((*tags.genre, *tags.mood))
            ),
        )
