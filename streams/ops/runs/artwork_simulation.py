r"""Pictures shown by a real worker to viewers whose tastes are known: `nearline artwork simulate`.

Two kinds of viewers, who have watched films of two genres, come every day to the pages that the worker
publishes. Each title has three pictures: one for either genre, and one that says nothing. Whoever sees a
picture watches the title with a probability that is known,

.. math:: r = r_{fit}\, a_{title, picture}

with :math:`r_{fit}` .24 for a picture of the viewer's genre, .08 for one of the other's, .12 for the third,
and a factor of the picture's own, .8 to 1.2. So it is known what every way of choosing pictures is worth, and
an estimate out of the log can be held against it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from online_models.simulation.keyed_chance import uniform
from schemas import Artwork, Title, topics
from schemas.catalog import Tags
from schemas.codec import decode_home
from schemas.events import Event, Impression, ListAction, MyList, Stop
from schemas.pages import Home
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.kafka.scan import read_all
from streams.ops.runs.artwork_log import Estimates, estimates_of, pictures_of, read_decisions
from streams.ops.runs.send_and_wait import Asker
from streams.ops.runs.session import WorkerProcess, make_topics, own_cluster

__all__ = ["Simulated", "simulate"]

GROUP: Final = "nearline-artwork"
VARIABLES: Final = {
    "NEARLINE_PAGE_INTERVAL_S": "0",
    "NEARLINE_PAGE__ROWS": "2",
    "NEARLINE_PREQUENTIAL_SHARE": "0",
}
"""The worker's settings: the viewers' days pass in a moment, and they look at the first titles only."""
GENRES: Final = ("Romance", "Action")
SHARE: Final = 0.6
"""Of viewers of the first genre: so its picture is the best for all, where only one may be shown."""
LOOKED_AT: Final = 6
"""Titles that a viewer sees a day: a row's worth on a television."""
KNOWN: Final = 6
"""Films of each genre that its viewers have watched before."""
RATES: Final = {True: 0.24, False: 0.08, None: 0.12}
"""Probability of a watch, by whether the picture is of the viewer's genre; None: of neither."""
DAY_MS: Final = 86_400_000
START_MS: Final = 1_750_000_000_000 // DAY_MS * DAY_MS
"""Event time of the first day."""
HOUR_S: Final = 3_600.0
OWN, LUCK, WHO = range(1, 4)
"""What a draw is for."""


class Simulated(NamedTuple):
    """What came of it."""

    found: Estimates
    truth: Mapping[str, float]
    """What each way of choosing was worth on the decisions of the whole log."""
    late: Mapping[str, float]
    """And on those of the second half of the days, when the bandit had learned."""

    def document(self) -> dict[str, object]:
        """Return it under its documented JSON keys."""
        return {**self.found.document(), "truth": dict(self.truth), "truth_late": dict(self.late)}


class _Looked(NamedTuple):
    """A picture that was seen."""

    day: int
    viewer: int
    title: int
    picture: int


@dataclass(slots=True)
class _SimulatedTown:
    """Viewers and titles, and what only they know."""

    seed: int
    viewers: int
    titles: int
    looked: list[_Looked] = field(default_factory=list)

    def genre(self, viewer: int) -> int:
        return int(uniform(self.seed, WHO, viewer)[0] >= SHARE)

    def rate(self, viewer: int, title: int, picture: int) -> float:
        """Return the probability that somebody who sees a title under a picture watches it."""
        fits = None if picture == len(GENRES) else picture == self.genre(viewer)
        return RATES[fits] * (0.8 + 0.4 * float(uniform(self.seed, OWN, title, picture)[0]))

    def order(self, title: int) -> list[int]:
        """Return the pictures of a title as the catalog has them: any may be the first."""
        first = title % (len(GENRES) + 1)
        return [(first + n) % (len(GENRES) + 1) for n in range(len(GENRES) + 1)]

    def catalog(self) -> Iterator[Title]:
        """Yield the films that were watched before, and the titles with three pictures."""
        for n in range(KNOWN * len(GENRES)):
            yield Title(title_id=_known(n), tags=Tags(genre=(GENRES[n % len(GENRES)],)))
        for n in range(self.titles):
            art = tuple(
                Artwork(id=f"art-{p}", uri=f"art/{n}/{p}.svg", tags=GENRES[p : p + 1]) for p in self.order(n)
            )
            yield Title(title_id=_title(n), tags=Tags(theme=("anything",)), artwork=art)

    def past(self) -> Iterator[Event]:
        """Yield what viewers watched before the first day."""
        for viewer in range(self.viewers):
            for n in range(self.genre(viewer), KNOWN * len(GENRES), len(GENRES)):
                at_ms = START_MS - DAY_MS + n * 1_000
                yield _stop(f"{viewer}-past-{n}", viewer, at_ms, _known(n))

    def wishes(self, day: int) -> Iterator[Event]:
        """Yield what makes every viewer's page of the day: a film is put on the list, or taken off."""
        action = ListAction.REMOVE if day % 2 else ListAction.ADD
        for viewer in range(self.viewers):
            about = _about(f"{viewer}-wish-{day}", viewer, START_MS + day * DAY_MS)
            yield MyList(**about, title_id=_known(1 - self.genre(viewer)), action=action)

    def look(self, day: int, pages: Mapping[str, Home]) -> Iterator[Event]:
        """Yield what viewers do before their pages: see the first pictures, watch what appeals to them."""
        for viewer in range(self.viewers):
            page = pages.get(_viewer(viewer))
            for seen in _first_pictures(page) if page else ():
                title = int(seen["title_id"].rpartition("-")[2])
                name, at = f"{viewer}-{day}-{title}", START_MS + day * DAY_MS + (title + 1) * 1_000
                yield Impression(**_about(name, viewer, at), **seen)
                picture = int(seen["artwork"].rpartition("-")[2])
                self.looked.append(_Looked(day, viewer, title, picture))
                luck = float(uniform(self.seed, LUCK, viewer, title, day)[0])
                if luck < self.rate(viewer, title, picture):
                    yield _stop(f"{name}-watched", viewer, at + 500, seen["title_id"])

    def truth(self, first_day: int) -> dict[str, float]:
        """Return what ways of choosing were worth on the decisions from a day on."""
        seen = [one for one in self.looked if one.day >= first_day]
        every = range(len(GENRES) + 1)
        shares = [SHARE, 1 - SHARE]
        kinds = [next(v for v in range(self.viewers) if self.genre(v) == kind) for kind in range(len(GENRES))]

        def for_all(title: int, picture: int) -> float:
            return sum(s * self.rate(v, title, picture) for s, v in zip(shares, kinds, strict=True))

        fixed = [max(every, key=partial(for_all, title)) for title in range(self.titles)]
        worth: dict[str, float] = dict.fromkeys(("as shown", "uniform", "first", "best fixed", "ideal"), 0.0)
        for one in seen:
            rates = [self.rate(one.viewer, one.title, picture) for picture in every]
            worth["as shown"] += rates[one.picture]
            worth["uniform"] += sum(rates) / len(rates)
            worth["first"] += rates[self.order(one.title)[0]]
            worth["best fixed"] += rates[fixed[one.title]]
            worth["ideal"] += max(rates)
        return {name: total / max(1, len(seen)) for name, total in worth.items()}


def simulate(
    folder: Path, *, viewers: int, titles: int, days: int, seed: int, alpha: float, kafka: bool = False
) -> Simulated:
    """Let viewers look at a worker's pages for some days, and estimate from the log what is known.

    Parameters
    ----------
    folder
        For the worker's state and log.
    viewers, titles, days, seed
        Of the town.
    alpha
        Probability that an interval misses.
    kafka
        On a real Apache Kafka instead of the embedded cluster.

    Raises
    ------
    WorkerDiedError, ReplayStalledError
        The worker did not answer every event.
    """
    town = _SimulatedTown(seed, viewers, titles)
    with own_cluster(folder, GROUP, kafka=kafka) as settings:
        make_topics(settings)
        with WorkerProcess(settings, folder, VARIABLES) as worker, EventProducer(settings) as producer:
            worker.wait_ready()
            producer.send_titles(town.catalog())
            producer.flush()
            asker = Asker(worker, producer)
            asker.send(town.past())
            for day in range(days):
                asker.send(town.wishes(day))
                asker.send(town.look(day, _pages(settings)))
            log = read_decisions(settings)
    found = estimates_of(log, pictures_of(town.catalog()), alpha=alpha)
    return Simulated(found, town.truth(0), town.truth(days // 2))


def _pages(settings: Settings) -> dict[str, Home]:
    """Return the newest page of every viewer."""
    newest = {message.key(): message.value() for message in read_all(settings, topics.HOME)}
    pages = (decode_home(value) for value in newest.values() if value is not None)
    return {page.viewer_id: page for page in pages}


def _first_pictures(page: Home) -> Sequence[dict[str, Any]]:
    """Return the first items of a page that show a picture that was drawn, as impressions name them."""
    found: dict[str, dict[str, Any]] = {}
    for r, row in enumerate(page.rows):
        for k, item in enumerate(row.items):
            if item.artwork is not None and item.propensity is not None:
                place = {"list_id": page.list_id, "row": r, "slot": k, "title_id": item.title_id}
                shown = {"artwork": item.artwork, "artwork_propensity": item.propensity}
                found.setdefault(item.title_id, {**place, **shown})
    return list(found.values())[:LOOKED_AT]


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
