r"""Artwork selected by a real worker for viewers with known tastes.

Two groups of viewers, with histories in two genres, open the pages that the worker publishes every day. Each
title has three artwork variants: one for each genre, and a neutral one. A viewer who sees a variant watches
the title with the known probability

.. math:: r = r_{fit}\, a_{title, variant}

with :math:`r_{fit}` .24 for a variant of the viewer's genre, .08 for one of the other genre, .12 for the
neutral one, and a factor of .8 to 1.2 for each variant. So the value of every selection policy is known, and
estimates from the log can be compared with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from online_models.experiments.artwork_off_policy import best_fixed
from online_models.simulation.common_random_numbers import uniform
from schemas import Artwork, Title, topics
from schemas.catalog import Tags
from schemas.codec import decode_home
from schemas.events import Event, Impression, ListAction, MyList, Stop
from schemas.pages import Home
from streams.config.settings import Settings
from streams.kafka.scan import read_all
from streams.ops.artwork import ArtworkEstimates, artwork_of, estimates_of, read_decisions
from tests.simulations.waiting import ready_worker

__all__ = ["SimulatedArtwork", "simulate"]

GROUP: Final = "nearline-artwork"
VARIABLES: Final = {
    "NEARLINE_PAGE_INTERVAL_S": "0",
    "NEARLINE_PAGE__ROWS": "2",
    "NEARLINE_PREQUENTIAL_SHARE": "0",
}
"""The worker's settings: a simulated day takes a moment, and viewers see only the first titles."""
GENRES: Final = ("Romance", "Action")
SHARE: Final = 0.6
"""Share of viewers of the first genre: its variant is the best one if all viewers get the same."""
SEEN_A_DAY: Final = 6
"""Titles that a viewer sees a day: what a television shows of a row."""
KNOWN: Final = 6
"""Titles of each genre in the histories of its viewers."""
RATES: Final = {True: 0.24, False: 0.08, None: 0.12}
"""Probability of a watch, by whether the variant is of the viewer's genre; None: neutral."""
DAY_MS: Final = 86_400_000
START_MS: Final = 1_750_000_000_000 // DAY_MS * DAY_MS
"""Event time of the first day."""
HOUR_S: Final = 3_600.0
VARIANT, WATCH, GENRE = range(1, 4)
"""Keys of the random numbers."""


class SimulatedArtwork(NamedTuple):
    """Estimates from the log, and the true values."""

    found: ArtworkEstimates
    truth: Mapping[str, float]
    """Value of each policy on the decisions of the whole log."""
    late: Mapping[str, float]
    """The same on the second half of the days, when the bandit has learned."""

    def document(self) -> dict[str, object]:
        """Return it under its documented JSON keys."""
        return {**self.found.document(), "truth": dict(self.truth), "truth_late": dict(self.late)}


class _Impression(NamedTuple):
    """A variant that a viewer saw."""

    day: int
    viewer: int
    title: int
    variant: int


@dataclass(slots=True)
class _ArtworkWorld:
    """Viewers and titles, with their true tastes and rates."""

    seed: int
    viewers: int
    titles: int
    impressions: list[_Impression] = field(default_factory=list)

    def genre(self, viewer: int) -> int:
        return int(uniform(self.seed, GENRE, viewer)[0] >= SHARE)

    def rate(self, viewer: int, title: int, variant: int) -> float:
        """Return the probability that a viewer who sees a title with a variant watches it."""
        fits = None if variant == len(GENRES) else variant == self.genre(viewer)
        return RATES[fits] * (0.8 + 0.4 * float(uniform(self.seed, VARIANT, title, variant)[0]))

    def order(self, title: int) -> list[int]:
        """Return a title's variants in catalog order: any may be the first."""
        first = title % (len(GENRES) + 1)
        return [(first + n) % (len(GENRES) + 1) for n in range(len(GENRES) + 1)]

    def catalog(self) -> Iterator[Title]:
        """Yield the titles of the histories, and those with three variants."""
        for n in range(KNOWN * len(GENRES)):
            yield Title(title_id=_known(n), tags=Tags(genre=(GENRES[n % len(GENRES)],)))
        for n in range(self.titles):
            art = tuple(
                Artwork(id=f"art-{p}", uri=f"art/{n}/{p}.svg", tags=GENRES[p : p + 1]) for p in self.order(n)
            )
            yield Title(title_id=_title(n), tags=Tags(theme=("anything",)), artwork=art)

    def history(self) -> Iterator[Event]:
        """Yield what viewers watched before the first day."""
        for viewer in range(self.viewers):
            for n in range(self.genre(viewer), KNOWN * len(GENRES), len(GENRES)):
                at_ms = START_MS - DAY_MS + n * 1_000
                yield _stop(f"{viewer}-past-{n}", viewer, at_ms, _known(n))

    def triggers(self, day: int) -> Iterator[Event]:
        """Yield the events that cause the pages of the day: a title is added to or removed from My List."""
        action = ListAction.REMOVE if day % 2 else ListAction.ADD
        for viewer in range(self.viewers):
            about = _about(f"{viewer}-wish-{day}", viewer, START_MS + day * DAY_MS)
            yield MyList(**about, title_id=_known(1 - self.genre(viewer)), action=action)

    def sessions(self, day: int, pages: Mapping[str, Home]) -> Iterator[Event]:
        """Yield what viewers do on their pages: impressions of the first titles, and watches."""
        for viewer in range(self.viewers):
            page = pages.get(_viewer(viewer))
            for seen in _first_items(page) if page else ():
                title = int(seen["title_id"].rpartition("-")[2])
                name, at = f"{viewer}-{day}-{title}", START_MS + day * DAY_MS + (title + 1) * 1_000
                yield Impression(**_about(name, viewer, at), **seen)
                variant = int(seen["artwork"].rpartition("-")[2])
                self.impressions.append(_Impression(day, viewer, title, variant))
                draw = float(uniform(self.seed, WATCH, viewer, title, day)[0])
                if draw < self.rate(viewer, title, variant):
                    yield _stop(f"{name}-watched", viewer, at + 500, seen["title_id"])

    def truth(self, first_day: int, selected: Mapping[tuple[str, str], str]) -> dict[str, float]:
        """Return the value of each policy on the decisions from a day on.

        ``selected`` has the artworks of the policy `best fixed`, by viewer and title; `best of all` is what
        they would be if the log said all.
        """
        seen = [one for one in self.impressions if one.day >= first_day]
        every = range(len(GENRES) + 1)
        shares = [SHARE, 1 - SHARE]
        kinds = [next(v for v in range(self.viewers) if self.genre(v) == kind) for kind in range(len(GENRES))]

        def mean_rate(title: int, variant: int) -> float:
            return sum(s * self.rate(v, title, variant) for s, v in zip(shares, kinds, strict=True))

        fixed = [max(every, key=partial(mean_rate, title)) for title in range(self.titles)]
        expected_minutes_of: dict[str, float] = dict.fromkeys(
            ("as shown", "uniform", "first", "best fixed", "best of all", "ideal"), 0.0
        )
        for one in seen:
            rates = [self.rate(one.viewer, one.title, variant) for variant in every]
            expected_minutes_of["as shown"] += rates[one.variant]
            expected_minutes_of["uniform"] += sum(rates) / len(rates)
            expected_minutes_of["first"] += rates[self.order(one.title)[0]]
            artwork = selected[_viewer(one.viewer), _title(one.title)]
            expected_minutes_of["best fixed"] += rates[int(artwork.rpartition("-")[2])]
            expected_minutes_of["best of all"] += rates[fixed[one.title]]
            expected_minutes_of["ideal"] += max(rates)
        return {name: total / max(1, len(seen)) for name, total in expected_minutes_of.items()}


def simulate(
    folder: Path, *, viewers: int, titles: int, days: int, seed: int, alpha: float, kafka: bool = False
) -> SimulatedArtwork:
    """Let viewers use a worker's pages for some days, and estimate the known values from the log.

    Parameters
    ----------
    folder
        Of the worker's state and log.
    viewers, titles, days, seed
        Of the simulated world.
    alpha
        Probability that an interval misses the true value.
    kafka
        On a real Apache Kafka instead of the embedded cluster.

    Raises
    ------
    WorkerDiedError, ReplayStalledError
        The worker did not process every event.
    """
    world = _ArtworkWorld(seed, viewers, titles)
    with ready_worker(folder, GROUP, VARIABLES, kafka=kafka, event_time=True) as (settings, producer, sender):
        producer.send_titles(world.catalog())
        producer.flush()
        sender.send(world.history())
        for day in range(days):
            sender.send(world.triggers(day))
            sender.send(world.sessions(day, _pages(settings)))
        log = read_decisions(settings)
    artwork = artwork_of(world.catalog())
    found, selected = estimates_of(log, artwork, alpha=alpha), best_fixed(log.made, artwork)
    return SimulatedArtwork(found, world.truth(0, selected), world.truth(days // 2, selected))


def _pages(settings: Settings) -> dict[str, Home]:
    """Return the newest page of every viewer."""
    newest = {message.key(): message.value() for message in read_all(settings, topics.HOME)}
    pages = (decode_home(value) for value in newest.values() if value is not None)
    return {page.viewer_id: page for page in pages}


def _first_items(page: Home) -> Sequence[dict[str, Any]]:
    """Return the first items of a page with artwork drawn by the bandit, as fields of impressions."""
    found: dict[str, dict[str, Any]] = {}
    for r, row in enumerate(page.rows):
        for k, item in enumerate(row.items):
            if item.artwork is not None and item.propensity is not None:
                place = {"list_id": page.list_id, "row": r, "slot": k, "title_id": item.title_id}
                shown = {"artwork": item.artwork, "artwork_propensity": item.propensity}
                found.setdefault(item.title_id, {**place, **shown})
    return list(found.values())[:SEEN_A_DAY]


def _about(name: str, viewer: int, at_ms: int) -> dict[str, Any]:
    return {"event_id": name, "viewer_id": _viewer(viewer), "event_time_ms": at_ms}


def _stop(name: str, viewer: int, at_ms: int, title_id: str) -> Stop:
    seconds: dict[str, Any] = {"watched_s": HOUR_S, "position_s": HOUR_S, "duration_s": HOUR_S}
    return Stop(**_about(name, viewer, at_ms), title_id=title_id, **seconds)


def _viewer(number: int) -> str:
    return f"viewer-{number:05d}"


def _title(number: int) -> str:
    return f"title-{number}"


def _known(number: int) -> str:
    return f"known-{number}"
