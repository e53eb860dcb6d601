"""The world: who sits down when, what they choose, and how it goes."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np

from online_models.simulation.catalogue import Catalogue, Floats
from online_models.simulation.mind import Mind, enjoyment, watched
from online_models.simulation.sitting import Choice, Sitting
from online_models.simulation.viewers import Viewers
from schemas.events import Event
from schemas.titles import Title

__all__ = ["World"]

EPOCH_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z: where a world begins unless told otherwise."""
SITTINGS_A_DAY: Final = 1.0
"""Sittings per viewer and day of world time, on average."""
EVENTS_A_SITTING: Final = 15.0
"""Events per sitting, on average (measured: see the test)."""
MOST_CHOICES: Final = 3
"""A sitting has one to three choices, one most often."""
SIGHT: Final = 48
"""Titles that come to a viewer's mind per choice, drawn by appeal; the best fitting is likely to be taken."""
TASTE_ODDS: Final = 11.0
"""Log odds that a perfect fit gains over an indifferent one; 0 would make everyone follow appeal alone."""
SHOWN: Final = 3
"""Titles shown and passed over, per choice."""
FRESH_FOLD, FRESH_HALF_LIFE_S = 8.0, 5 * 86_400.0
"""What comes out draws so many times its appeal at first; half of the excess is gone after five days."""
TOLD: Final = 0.3
"""Chance that a viewer states preferences at the first sitting."""
CONSIDERED: Final = 8
"""Titles among which one that the viewer has not had is looked for."""
DICE: Final = 8
"""Uniform draws per choice, see `Choice`."""
TOGETHER: Final = 256
"""Sittings drawn at a time: arithmetic on arrays instead of on numbers."""


class World:
    r"""A seeded world of viewers who watch what fits their taste, and stop when it does not.

    A viewer's taste is a direction :math:`p`, made of words of the catalogue's vocabulary; a title is a
    direction :math:`z`, made of its tags. Of 48 titles that come to mind by their appeal (Zipf, and fresh
    releases more), a viewer takes one with odds :math:`\exp(11\, p \cdot z)`, watches the longer the better
    it fits and the shorter it is, and abandons within 90 seconds what disappoints. Tastes wander a little
    with every sitting and now and then jump. So popularity tells something, and taste tells more.

    Parameters
    ----------
    seed
        One seed, one world: titles, viewers and events to the last field, under any ``PYTHONHASHSEED``.
    viewers, titles
        How many.
    start_ms
        Event time of the begin, UTC epoch milliseconds.
    rate
        Events per second of event time, on average: time runs faster in the world than on the events' clock
        (watched seconds stay what they are). None: real time, about 0.17 events a second for 1,000 viewers.

    Raises
    ------
    ValueError
        For no viewers, fewer titles than can come to mind, or a rate that is not positive.

    Examples
    --------
    >>> world = World(seed=1, viewers=10, titles=100)
    >>> [type(event).__name__ for event in world.take(4)]
    ['Impression', 'Impression', 'Impression', 'Impression']
    >>> world.titles[0].name
    'Amber Archive'
    """

    def __init__(
        self,
        seed: int = 0,
        viewers: int = 1_000,
        titles: int = 1_000,
        *,
        start_ms: int = EPOCH_MS,
        rate: float | None = None,
    ) -> None:
        if viewers < 1 or titles < SIGHT or (rate is not None and rate <= 0):
            needs = f"a viewer, {SIGHT} titles and a positive rate"
            msg = f"a world needs {needs}, not {viewers}, {titles} and {rate}"
            raise ValueError(msg)
        sittings_a_s = viewers * SITTINGS_A_DAY / 86_400
        self._gap_s = 1 / sittings_a_s
        self._time_scale = rate / (sittings_a_s * EVENTS_A_SITTING) if rate else 1.0
        self._start_ms = start_ms
        self._rng = np.random.default_rng([seed, 3])
        self._catalogue = Catalogue.make(seed, titles, start_ms, self._time_scale)
        self._viewers = Viewers(seed, viewers, self._catalogue.tag_vectors)
        self._had: list[set[int]] = [set() for _ in range(viewers)]
        self._sittings = 0
        self._now_s = 0.0
        self._pending: list[tuple[int, int, int, Event]] = []

    @property
    def titles(self) -> tuple[Title, ...]:
        """The catalogue, upcoming titles included."""
        return self._catalogue.titles

    def affinities(self, viewer: int) -> Floats:
        """Return the truth: the log odds with which a viewer would choose each title now.

        Shape ``(titles,)``; titles not out yet are at ``-inf``.
        """
        with np.errstate(divide="ignore"):
            appeal = np.log(self._appeal())
        fits: Floats = self._catalogue.vectors @ self._viewers.tastes[viewer]
        return appeal + TASTE_ODDS * fits

    def take(self, count: int) -> list[Event]:
        """Return the next events."""
        return list(islice(self.events(), count))

    def events(self) -> Iterator[Event]:
        """Yield events for ever, in order of event time; a second call goes on where the first was left."""
        while True:
            starts_ms = self._sit_down()
            while self._pending and self._pending[0][0] < starts_ms:
                yield heapq.heappop(self._pending)[-1]

    def _sit_down(self) -> int:
        """Draw the next sittings; return the event time before which nothing new can happen."""
        starts = self._now_s + np.cumsum(self._rng.exponential(self._gap_s, TOGETHER))
        whose = self._viewers.next_sittings(TOGETHER).tolist()
        many = np.minimum(self._rng.geometric(0.55, TOGETHER), MOST_CHOICES).tolist()
        told = (self._rng.random(TOGETHER) < TOLD).tolist()
        minds = self._minds(whose)
        for row, (viewer, start_s) in enumerate(zip(whose, starts.tolist(), strict=True)):
            self._sittings += 1
            favourite = int(self._viewers.favourites[viewer]) if told[row] and not self._had[viewer] else None
            choices = [self._choose(viewer, mind) for mind in minds[row][: many[row]]]
            sitting = Sitting(
                viewer, self._sittings, start_s, start_ms=self._start_ms, time_scale=self._time_scale
            )
            for place, event in enumerate(sitting.events(choices, favourite)):
                heapq.heappush(self._pending, (event.event_time_ms, self._sittings, place, event))
        self._now_s = float(starts[-1])
        return self._start_ms + int(self._now_s * 1000 / self._time_scale)

    def _minds(self, whose: list[int]) -> list[list[Mind]]:
        """Draw what comes to mind at each choice, best liked first."""
        rng, shape = self._rng, (len(whose), MOST_CHOICES, SIGHT)
        cumulative = np.cumsum(self._appeal())
        drawn = np.minimum(
            np.searchsorted(cumulative, rng.random(shape) * cumulative[-1]), len(cumulative) - 1
        )
        fits = np.einsum("smtd,sd->smt", self._catalogue.vectors[drawn], self._viewers.tastes[whose])
        best = np.argsort(-(TASTE_ODDS * fits + rng.gumbel(size=shape)), axis=2)[:, :, :CONSIDERED]
        luck, dice = rng.normal(size=(*shape[:2], 2)), rng.random((*shape[:2], DICE))
        parts = (
            np.take_along_axis(drawn, best, 2),
            np.take_along_axis(fits, best, 2),
            drawn[:, :, :SHOWN],
            fits[:, :, :SHOWN],
            luck,
            dice,
        )
        return [
            [Mind(*mind) for mind in zip(*row, strict=True)]
            for row in zip(*(p.tolist() for p in parts), strict=True)
        ]

    def _choose(self, viewer: int, mind: Mind) -> Choice:
        """Take the best liked title that the viewer has not had, or watch the best again."""
        had, titles = self._had[viewer], self.titles
        place = next((at for at, title in enumerate(mind.titles) if title not in had), 0)
        title = mind.titles[place]
        had.add(title)
        enjoyed = enjoyment(mind.fits[place] + 0.1 * mind.luck[0])
        shown = zip(mind.shown, mind.shown_fits, strict=True)
        return Choice(
            titles[title],
            tuple((titles[other], enjoyment(fit)) for other, fit in shown if other != title),
            enjoyed,
            watched(enjoyed, mind.luck[1], titles[title].duration_s or 0.0),
            mind.dice,
        )

    def _appeal(self) -> Floats:
        """Return how much attention each title draws now: none before it is out, most just after."""
        age = self._now_s - self._catalogue.released_s
        fresh = np.where(
            self._catalogue.released_s > 0, (FRESH_FOLD - 1) * 2.0 ** (-age / FRESH_HALF_LIFE_S), 0.0
        )
        return np.where(age >= 0, self._catalogue.appeal * (1 + fresh), 0.0)
