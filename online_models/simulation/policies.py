"""Who makes the pages: chance, a count, one who knows the truth, and the recommender."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from online_models.config import ModelConfig
from online_models.page.build import build
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.recommender import Recommender
from online_models.simulation.catalog import DAY_S
from online_models.simulation.event_writer import viewer_name
from online_models.simulation.keyed_chance import Floats, Ints, uniform
from online_models.simulation.page_views import Outcomes, PageViews, ShownPages
from online_models.simulation.world import World
from schemas.events import Event, Stop

__all__ = [
    "Listed",
    "Nearline",
    "NearlineGrid",
    "NearlinePages",
    "Oracle",
    "Policy",
    "PopularityPolicy",
    "Random",
]

SLOTS: Final = 20
"""Titles on a page of one row: what recommenders publish as top picks."""
LIKED: Final = 0.25
"""Share of a title from which popularity counts a watch, as the recommender's reward does."""
HALF_LIFE_S: Final = 7 * DAY_S
"""Popularity forgets by half in a week: the longest of the recommender's trending counters."""
SHUFFLE: Final = 21
"""What a draw is for: the order of titles that a policy cannot tell apart."""


class Policy(Protocol):
    """Makes pages from what it has learned; never from the truth, unless it is the oracle."""

    def pages(self, looks: PageViews) -> ShownPages:
        """Return what the viewers see."""

    def learn(self, events: Sequence[Event]) -> None:
        """Take what has happened, in order of event time."""

    def observe(self, looks: PageViews, pages: ShownPages, outcomes: Outcomes) -> None:
        """Look at what came of the pages: not for those who learn from events."""


class Listed(ABC):
    """A policy that scores all titles, and lists the best that are out and that the viewer has not had."""

    def __init__(self, world: World) -> None:
        self.world = world

    def pages(self, looks: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        scores = np.broadcast_to(self.scores(looks), (len(looks.at_s), len(self.world.titles)))
        out = self.world.catalog.released_s <= looks.at_s[:, None]
        had = self.world.memory.everything(looks.accounts).had
        return ShownPages.single(best(np.where(out & ~had, scores, -np.inf), SLOTS), looks)

    @abstractmethod
    def scores(self, looks: PageViews) -> Floats:
        """Return the scores, shape ``(looks, titles)`` or one that broadcasts to it."""

    def worth(self, looks: PageViews, fits: Floats) -> Floats:
        """Return the minutes expected of showing each title, for tastes that fit so well."""
        truth, everything = self.world.truth, np.arange(len(self.world.titles))
        past = self.world.memory.everything(looks.accounts)
        utilities = truth.utilities(looks.accounts, everything, fits, looks.at_s, past)
        return truth.worth(everything, utilities, fits)

    def learn(self, events: Sequence[Event]) -> None:  # noqa: B027 - most have nothing to learn
        """See `Policy.learn`."""

    def observe(self, looks: PageViews, pages: ShownPages, outcomes: Outcomes) -> None:  # noqa: B027 - nor to see
        """See `Policy.observe`."""


def best(scores: Floats, slots: int) -> Ints:
    """Return the titles of the highest scores, best first; -1 where only -inf is left.

    Examples
    --------
    >>> best(np.array([[0.5, -np.inf, 0.9]]), 3).tolist()
    [[2, 0, -1]]
    """
    order = np.argsort(-scores, axis=1, kind="stable")[:, :slots]
    return np.where(np.isfinite(np.take_along_axis(scores, order, 1)), order, -1)


class Random(Listed):
    """Titles in random order, another for each look."""

    def scores(self, looks: PageViews) -> Floats:
        """See `Listed.scores`."""
        each = (looks.accounts[:, None], looks.visits[:, None], looks.numbers[:, None])
        return uniform(self.world.seed, SHUFFLE, *each, np.arange(len(self.world.titles)))


class PopularityPolicy(Listed):
    """Titles by how often they were watched of late; equal counts in random order."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        count = len(world.titles)
        self._at = {title.title_id: number for number, title in enumerate(world.titles)}
        self._counts = np.zeros(count)
        self._newest_s = 0.0
        self._ties = uniform(world.seed, SHUFFLE, np.arange(count)) * 1e-9

    def scores(self, looks: PageViews) -> Floats:  # noqa: ARG002 - the same for everyone
        """See `Listed.scores`."""
        return (self._counts + self._ties)[None, :]

    def learn(self, events: Sequence[Event]) -> None:
        """Count what was watched to a quarter, and let older counts fade."""
        for event in events:
            if isinstance(event, Stop) and event.watched_s >= LIKED * (event.duration_s or event.watched_s):
                at_s = event.event_time_ms / 1000
                self._counts *= 0.5 ** (max(0.0, at_s - self._newest_s) / HALF_LIFE_S)
                self._newest_s = max(self._newest_s, at_s)
                self._counts[self._at[event.title_id]] += 1


class Oracle(Listed):
    """Knows tastes, who sits there and what they had: titles by the minutes expected of showing them.

    Greedy, title by title: what is had now is gone tomorrow, and titles on a page take from each other. It
    bounds what can be learned, not what could be planned.
    """

    def scores(self, looks: PageViews) -> Floats:
        """See `Listed.scores`."""
        return self.worth(looks, self.world.truth.fits(looks.profiles, np.arange(len(self.world.titles))))


class Nearline:
    """The product's recommender, in process, on nothing but the catalog and the events.

    Its blend learns from every event, not from a share: a world is small.

    Parameters
    ----------
    world
        Where the catalog is from, and names of viewers.
    config
        The model's.
    """

    def __init__(self, world: World, config: ModelConfig | None = None) -> None:
        self.recommender = Recommender(config, seed=world.seed, tested=1.0)
        for title in world.titles:
            self.recommender.catalog.put(title)
        ids = self.recommender.titles.ids
        self._number = np.full(len(ids) + 1, -1)
        at = {title.title_id: number for number, title in enumerate(world.titles)}
        self._number[: len(ids)] = [at[title_id] for title_id in ids]
        self._event_ms = world.event_ms

    def pages(self, looks: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        side = self.recommender.viewers
        slots = side.viewers.acquire([viewer_name(account) for account in looks.accounts.tolist()])
        lists = side.rank(slots, self._event_ms(float(looks.at_s[0])), SLOTS)
        return ShownPages.single(self._number[lists.title], looks)

    def learn(self, events: Sequence[Event]) -> None:
        """See `Policy.learn`."""
        self.recommender.learn_many(events)

    def observe(self, looks: PageViews, pages: ShownPages, outcomes: Outcomes) -> None:
        """See `Policy.observe`: the events say it."""


class NearlinePages(Nearline):
    """The same recommender, whose pages have rows (`online_models.page`).

    Its viewers have more titles before them than those of the policies with one row, as on a service: to be
    compared with `Nearline` and `NearlineGrid`, not with what can be learned at all.

    Parameters
    ----------
    world, config
        As of `Nearline`.
    page
        What a page shall be.
    """

    def __init__(
        self, world: World, config: ModelConfig | None = None, page: PageConfig | None = None
    ) -> None:
        super().__init__(world, config)
        recommender = self.recommender
        self._shelves = CatalogIndex(recommender.titles, recommender.catalog, page or PageConfig())

    def pages(self, looks: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        side = self.recommender.viewers
        slots = side.viewers.acquire([viewer_name(account) for account in looks.accounts.tolist()])
        built = build(side, self._shelves, slots, self._event_ms(float(looks.at_s[0])), SLOTS)
        return ShownPages(
            self._number[built.title], ShownPages.single(self._number[built.title[:, 0]], looks).list_ids
        )


class NearlineGrid(NearlinePages):
    """The same list, as long as a page has places, cut into its rows: what the places alone are worth."""

    def pages(self, looks: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        side = self.recommender.viewers
        slots = side.viewers.acquire([viewer_name(account) for account in looks.accounts.tolist()])
        rows = self._shelves.config.rows
        lists = side.rank(slots, self._event_ms(float(looks.at_s[0])), rows * SLOTS)
        found = self._number[lists.title]
        titles = np.full((slots.size, rows * SLOTS), -1)
        titles[:, : found.shape[1]] = found
        return ShownPages(
            titles.reshape(-1, rows, SLOTS), ShownPages.single(titles[:, :SLOTS], looks).list_ids
        )
