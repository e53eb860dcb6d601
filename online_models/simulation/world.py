"""The world: its clock, the planned page views, the watch history, and the written events."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Final

import numpy as np

from online_models.simulation.catalog import DAY_S, SimulatedCatalog
from online_models.simulation.choice import GroundTruth, WatchHistory, event_draws, outcomes, word_of_mouth
from online_models.simulation.common_random_numbers import Ints, uniform
from online_models.simulation.config import WorldConfig
from online_models.simulation.event_writer import DecidedView, EventWriter
from online_models.simulation.page_views import PageViews, PendingView, ShownPages, ViewOutcomes
from online_models.simulation.population import Population
from schemas.catalog import Title
from schemas.events import Event

__all__ = ["WatchMemory", "World"]


REMEMBERED: Final = 200
"""Titles in a viewer's history for catalogs of at least 400 titles; half of a smaller catalog. Older titles
count as new, so that a world never runs out of titles."""


class WatchMemory:
    """The titles that each account has started, newest last.

    Parameters
    ----------
    catalog
        The titles.

    Examples
    --------
    >>> from online_models.simulation import World
    >>> memory = World(viewers=2, titles=50).memory
    >>> memory.add(1, 30)
    >>> memory.past(np.array([0, 1]), np.array([[30], [30]])).had.tolist()
    [[False], [True]]
    """

    def __init__(self, catalog: SimulatedCatalog) -> None:
        self._previous = catalog.previous
        self._most = min(REMEMBERED, len(catalog.titles) // 2)
        self._had: dict[int, dict[int, None]] = {}

    def add(self, account: int, title: int) -> None:
        """Add a title; -1 is none."""
        if title < 0:
            return
        had = self._had.setdefault(account, {})
        had.pop(title, None)
        had[title] = None
        if len(had) > self._most:
            del had[next(iter(had))]

    def of(self, account: int) -> list[int]:
        """Return the titles of an account's history, oldest first."""
        return list(self._had.get(account, ()))

    def past(self, accounts: Ints, titles: Ints) -> WatchHistory:
        """Return what accounts have watched of titles, shapes ``(n,)`` and ``(n, k)``."""
        had, before = np.zeros(titles.shape, np.bool_), np.zeros(titles.shape, np.bool_)
        for row, account in enumerate(accounts.tolist()):
            mine = self._had.get(account)
            if mine:
                had[row] = [title in mine for title in titles[row].tolist()]
                before[row] = [title in mine for title in self._previous[titles[row]].tolist()]
        return WatchHistory(had, before)

    def everything(self, accounts: Ints) -> WatchHistory:
        """Return what accounts have watched of the whole catalog, shape ``(n, titles)``."""
        had = np.zeros((len(accounts), len(self._previous)), np.bool_)
        for row, account in enumerate(accounts.tolist()):
            had[row, self.of(account)] = True
        before = had[:, self._previous] & (self._previous >= 0)
        return WatchHistory(had, before)


EPOCH_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00:00Z, a Thursday: the default start of a world."""
EVENTS_A_DAY: Final = 9.5
"""Events per viewer and day over the first four weeks with pages by word of mouth (measured: see the
test)."""
BATCH_VIEWS: Final = 256
"""Page views of a batch: array arithmetic instead of scalars."""
SPAN_S: Final = 3 * 3600.0
"""Largest span of a batch, seconds: tastes change daily."""
HEARD: Final = 12
"""Titles on a page made by word of mouth."""
FAMOUS: Final = 50
"""Number of most popular titles among which a viewer names favourites."""
MOSTLY: Final = 0.5
"""Share of a facet from which a taste is mostly of it."""
PREFERENCES_DRAW, AGAIN, IN_VAIN = 11, 12, 13
"""Purposes of draws (others: `population`, `choice`)."""
PAUSE_S: Final = 10.0
"""Seconds between the end of a title and the next view."""


class World:
    """A seeded world of viewers who watch what fits their taste, and stop when it does not.

    The model is described in `choice`. In `events`, word of mouth makes the pages. A recommender makes them
    by answering `next_views` with pages, see `closed_loop`.

    Parameters
    ----------
    seed
        One seed, one world: titles, viewers and events to the last field, under any ``PYTHONHASHSEED``.
    viewers, titles
        How many.
    start_ms
        Event time of the begin, UTC epoch milliseconds: midnight in the world.
    rate
        Events per second of event time, on average: time runs faster in the world than on the events' clock
        (watched seconds stay what they are). None: real time, an event in nine seconds for 1,000 viewers.
    config
        What the world is like.

    Raises
    ------
    ValueError
        For no viewers, fewer titles than can come to mind, or a rate that is not positive.

    Examples
    --------
    >>> world = World(seed=1, viewers=10, titles=100)
    >>> [type(event).__name__ for event in world.take(3)]
    ['Preferences', 'Search', 'Select']
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
        config: WorldConfig | None = None,
    ) -> None:
        self.config = config or WorldConfig()
        least = self.config.choice.considered
        if viewers < 1 or titles < least or (rate is not None and rate <= 0):
            needs = f"a viewer, {least} titles and a positive rate"
            msg = f"a world needs {needs}, not {viewers}, {titles} and {rate}"
            raise ValueError(msg)
        scale = rate * DAY_S / (viewers * EVENTS_A_DAY) if rate else 1.0
        self.seed, self._weekday = seed, (start_ms // 86_400_000 + 3) % 7
        self.catalog = SimulatedCatalog.make(
            self.config.catalog,
            seed,
            titles,
            start_ms=start_ms,
            time_scale=scale,
            correlation=self.config.watch.fame_in_quality,
        )
        self.population = Population(self.config, seed, viewers, self.catalog)
        self.truth = GroundTruth(self.config, self.catalog, self.population)
        self.memory = WatchMemory(self.catalog)
        self.now_s = 0.0
        self._writer = EventWriter(self.config, self.catalog, start_ms=start_ms, time_scale=scale)
        self._hour = 0
        self._queue: list[PendingView] = []
        self._busy_s: dict[int, float] = {}
        self._written: list[tuple[int, int, Event]] = []
        self._count = 0

    @property
    def titles(self) -> tuple[Title, ...]:
        """The catalog, upcoming titles included."""
        return self.catalog.titles

    def take(self, count: int) -> list[Event]:
        """Return the next events, with pages by word of mouth."""
        return list(islice(self.events(), count))

    def events(self) -> Iterator[Event]:
        """Yield events without end, in order of event time; a second call continues the first."""
        while True:
            views = self.next_views()
            pages = word_of_mouth(self.truth, self.seed, views, self.past, HEARD)
            self.act(views, pages)
            yield from self._until(self._next_s())

    def next_views(
        self, most: int = BATCH_VIEWS, within_s: float = SPAN_S, *, settled: bool = False
    ) -> PageViews:
        """Return the next page views of different viewers, and move the clock to the first.

        Parameters
        ----------
        most, within_s
            Largest number, and largest span in seconds.
        settled
            Only return views of viewers whose earlier events ended before the first of these views: a policy
            that answers from the events until then knows all that the viewer did.
        """
        taken: list[PendingView] = []
        later: list[PendingView] = []
        accounts: set[int] = set()
        while len(taken) < most:
            self._fill()
            first_s = taken[0].at_s if taken else self._queue[0].at_s
            if self._queue[0].at_s > first_s + within_s:
                break
            view = heapq.heappop(self._queue)
            if view.account in accounts or (settled and view.settled_s > first_s):
                later.append(view)
                accounts.add(view.account)
            elif view.number or view.at_s >= self._busy_s.get(view.account, 0.0):  # else still watching
                accounts.add(view.account)
                taken.append(view)
        for view in later:
            heapq.heappush(self._queue, view)
        self.now_s = taken[0].at_s
        self.population.advance(int(self.now_s // DAY_S))
        whose = np.array([view.account for view in taken])
        hours = np.array([int(view.at_s // 3600) for view in taken])
        return PageViews.of(taken, self.population.profiles(whose, hours))

    def act(self, views: PageViews, pages: ShownPages) -> ViewOutcomes:
        """Let the viewers act on their pages: write the events, and plan the next views."""
        came = outcomes(self.truth, self.seed, views, pages, self.past)
        luck = event_draws(self.seed, views)
        again = uniform(self.seed, AGAIN, views.accounts, views.visits, views.numbers)
        slots, flat = pages.titles.shape[2], pages.titles.reshape(len(luck), -1)
        whole = zip(
            *(column.tolist() for column in (*views[:5], *came[:3], came.enjoyment, came.searched)),
            strict=True,
        )
        for row, (
            at_s,
            account,
            visit,
            number,
            playing,
            title,
            place,
            watched_s,
            enjoyed,
            searched,
        ) in enumerate(whole):
            if account not in self._busy_s:
                self._introduce(account, visit, int(views.profiles[row]), at_s)
            seen = np.flatnonzero(came.examined[row])
            shown = zip(
                seen.tolist(), flat[row, seen].tolist(), came.enjoyable[row, seen].tolist(), strict=True
            )
            view = DecidedView(
                account, visit, number, at_s, pages.list_ids[row], slots, list(shown), title, place, searched,
                playing >= 0, watched_s, enjoyed, luck[row].tolist(),
                self._in_vain(account, visit, number, int(views.profiles[row])),
                pages.arms[row] if pages.arms else {},
            )  # fmt: skip
            events, over_s = self._writer.write(view)
            self._publish(events)
            self.memory.add(account, title)
            self._busy_s[account] = over_s
            self._go_on(view, bool(came.quick[row]), bool(came.finished[row]), over_s, float(again[row]))
        return came

    def happened(self, before_s: float) -> list[Event]:
        """Return the events before a world time, in order of event time."""
        return list(self._until(before_s))

    def event_ms(self, at_s: float) -> int:
        """Return the event time (UTC epoch, ms) of a world time."""
        return self._writer.event_ms(at_s)

    def past(self, accounts: Ints, titles: Ints) -> WatchHistory:
        """Return what accounts have watched of titles, see `WatchMemory.past`."""
        return self.memory.past(accounts, titles)

    def _until(self, before_s: float) -> Iterator[Event]:
        before_ms = self.event_ms(before_s)
        while self._written and self._written[0][0] < before_ms:
            yield heapq.heappop(self._written)[-1]

    def _next_s(self) -> float:
        """Return the world time before which no new event can be written."""
        return self._queue[0].at_s if self._queue else 3600.0 * self._hour

    def _fill(self) -> None:
        """Plan visits hour by hour until the next page view is certain."""
        while not self._queue or self._queue[0].at_s >= 3600.0 * self._hour:
            weekday = (self._weekday + self._hour // 24) % 7
            accounts, at_s = self.population.visits(self._hour, weekday)
            for account, moment in zip(accounts.tolist(), at_s.tolist(), strict=True):
                heapq.heappush(self._queue, PendingView(moment, account, self._hour, 0, -1, 0.0))
            self._hour += 1

    def _introduce(self, account: int, visit: int, profile: int, at_s: float) -> None:
        """Let a new viewer state preferences, with some probability."""
        taste = self.config.taste
        if uniform(self.seed, PREFERENCES_DRAW, account)[0] >= taste.preferences:
            return
        famous = np.argsort(-self.truth.appeal(at_s), kind="stable")[:FAMOUS]
        famous = famous[self.catalog.previous[famous] < 0]
        fits = self.truth.fits(np.array([profile]), famous)[0]
        liked = famous[np.argsort(-fits, kind="stable")[: taste.liked_titles]].tolist()
        for title in liked:
            self.memory.add(account, title)
        genre = self.population.favourite_genre(profile)
        self._publish([self._writer.preferences(account, visit, at_s, genre, liked)])

    def _in_vain(self, account: int, visit: int, number: int, profile: int) -> str:
        """Return the query of a search without results for scarce titles; "" for none."""
        scarce = self.config.catalog.scarce
        if scarce is None or number or self.population.mixtures[profile, scarce] <= MOSTLY:
            return ""
        searches = uniform(self.seed, IN_VAIN, account, visit)[0] < self.config.choice.in_vain
        return self.catalog.scarce["theme"] if searches else ""

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self._count += 1
            heapq.heappush(self._written, (event.event_time_ms, self._count, event))

    def _go_on(self, view: DecidedView, quick: bool, finished: bool, over_s: float, luck: float) -> None:
        """Plan the next page view of the visit, if there is one."""
        watch = self.config.watch
        if view.title < 0 or view.number + 1 >= self.config.visits.max_views:
            return
        following = int(self.catalog.following[view.title])
        goes_on = finished and following >= 0 and self.catalog.released_s[following] <= over_s
        binge = watch.binge * view.enjoyment if goes_on else 0.0
        other = (
            watch.again_after_quick
            if quick
            else watch.again_after_finish
            if finished
            else watch.again_after_stop
        )
        if luck >= binge + (1 - binge) * other:
            return
        playing = following if luck < binge else -1
        at_s = over_s + (0.0 if playing >= 0 else PAUSE_S)
        heapq.heappush(
            self._queue, PendingView(at_s, view.account, view.visit, view.number + 1, playing, over_s)
        )
        self._busy_s[view.account] = at_s
