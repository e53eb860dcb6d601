"""Policies that make pages: random order, popularity, the oracle, an informed bound, and the recommender."""

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
from online_models.simulation.choice import bored_after, quick_stop, start_probabilities
from online_models.simulation.common_random_numbers import Floats, Ints, uniform
from online_models.simulation.config import WatchConfig
from online_models.simulation.event_writer import viewer_name
from online_models.simulation.page_views import PageViews, ShownPages, ViewOutcomes
from online_models.simulation.world import World
from schemas.events import Event, Stop

__all__ = [
    "InformedPolicy",
    "Nearline",
    "NearlineGrid",
    "NearlinePages",
    "Oracle",
    "Policy",
    "PopularityPolicy",
    "Random",
    "ScoringPolicy",
    "watch_step",
]


SLOTS: Final = 20
"""Titles on a page of one row: what recommenders publish as top picks."""
LIKED: Final = 0.25
"""Share of a title from which popularity counts a watch, as the recommender's reward does."""
HALF_LIFE_S: Final = 7 * DAY_S
"""Popularity forgets by half in a week: the longest of the recommender's trending counters."""
SHUFFLE: Final = 21
"""Purpose of a draw: the order of titles with equal scores."""


class Policy(Protocol):
    """Makes pages from what it has learned; never from the truth, unless it is the oracle."""

    def pages(self, views: PageViews) -> ShownPages:
        """Return the pages of the viewers."""

    def learn(self, events: Sequence[Event]) -> None:
        """Learn events, in order of event time."""

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:
        """Observe the outcomes of the pages; the recommender learns from events only."""


class ScoringPolicy(ABC):
    """A policy that scores all titles, and lists the best that are out and that the viewer has not had."""

    def __init__(self, world: World) -> None:
        self.world = world

    def pages(self, views: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        scores = np.broadcast_to(self.scores(views), (len(views.at_s), len(self.world.titles)))
        out = self.world.catalog.released_s <= views.at_s[:, None]
        had = self.world.memory.everything(views.accounts).had
        return ShownPages.single(best(np.where(out & ~had, scores, -np.inf), SLOTS), views)

    @abstractmethod
    def scores(self, views: PageViews) -> Floats:
        """Return the scores, shape ``(views, titles)`` or one that broadcasts to it."""

    def expected_minutes_of(self, views: PageViews, fits: Floats) -> Floats:
        """Return the minutes expected of showing each title, for tastes that fit so well."""
        truth, everything = self.world.truth, np.arange(len(self.world.titles))
        past = self.world.memory.everything(views.accounts)
        utilities = truth.utilities(views.accounts, everything, fits, views.at_s, past)
        return truth.expected_minutes_of(everything, utilities, fits)

    def learn(self, events: Sequence[Event]) -> None:  # noqa: B027 - most have nothing to learn
        """See `Policy.learn`."""

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:  # noqa: B027 - nor to see
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


class Random(ScoringPolicy):
    """Titles in random order, another for each look."""

    def scores(self, views: PageViews) -> Floats:
        """See `ScoringPolicy.scores`."""
        each = (views.accounts[:, None], views.visits[:, None], views.numbers[:, None])
        return uniform(self.world.seed, SHUFFLE, *each, np.arange(len(self.world.titles)))


class PopularityPolicy(ScoringPolicy):
    """Titles by decayed watch counts; equal counts in random order."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        count = len(world.titles)
        self._at = {title.title_id: number for number, title in enumerate(world.titles)}
        self._counts = np.zeros(count)
        self._newest_s = 0.0
        self._ties = uniform(world.seed, SHUFFLE, np.arange(count)) * 1e-9

    def scores(self, views: PageViews) -> Floats:  # noqa: ARG002 - the same for everyone
        """See `ScoringPolicy.scores`."""
        return (self._counts + self._ties)[None, :]

    def learn(self, events: Sequence[Event]) -> None:
        """Count what was watched to a quarter, and let older counts fade."""
        for event in events:
            if isinstance(event, Stop) and event.watched_s >= LIKED * (event.duration_s or event.watched_s):
                at_s = event.event_time_ms / 1000
                self._counts *= 0.5 ** (max(0.0, at_s - self._newest_s) / HALF_LIFE_S)
                self._newest_s = max(self._newest_s, at_s)
                self._counts[self._at[event.title_id]] += 1


class Oracle(ScoringPolicy):
    """Knows tastes, who sits there and what they had: titles by the minutes expected of showing them.

    Greedy, title by title: what is had now is gone tomorrow, and titles on a page take from each other. It
    bounds what can be learned, not what could be planned.
    """

    def scores(self, views: PageViews) -> Floats:
        """See `ScoringPolicy.scores`."""
        return self.expected_minutes_of(
            views, self.world.truth.fits(views.profiles, np.arange(len(self.world.titles)))
        )


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
        self.recommender.catalog.put_all(world.titles)
        ids = self.recommender.titles.ids
        self._number = np.full(len(ids) + 1, -1)
        at = {title.title_id: number for number, title in enumerate(world.titles)}
        self._number[: len(ids)] = [at[title_id] for title_id in ids]
        self._event_ms = world.event_ms

    def pages(self, views: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        side = self.recommender.viewers
        slots = side.viewers.acquire([viewer_name(account) for account in views.accounts.tolist()])
        lists = side.rank(slots, self._event_ms(float(views.at_s[0])), SLOTS)
        return ShownPages.single(self._number[lists.title], views)

    def learn(self, events: Sequence[Event]) -> None:
        """See `Policy.learn`."""
        self.recommender.learn_many(events)

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:
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

    def pages(self, views: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        side = self.recommender.viewers
        slots = side.viewers.acquire([viewer_name(account) for account in views.accounts.tolist()])
        built = build(side, self._shelves, slots, self._event_ms(float(views.at_s[0])), SLOTS)
        return ShownPages(
            self._number[built.title], ShownPages.single(self._number[built.title[:, 0]], views).list_ids
        )


class NearlineGrid(NearlinePages):
    """The same list, as long as a page has places, cut into its rows: what the places alone are worth."""

    def pages(self, views: PageViews) -> ShownPages:
        """See `Policy.pages`."""
        side = self.recommender.viewers
        slots = side.viewers.acquire([viewer_name(account) for account in views.accounts.tolist()])
        rows = self._shelves.config.rows
        lists = side.rank(slots, self._event_ms(float(views.at_s[0])), rows * SLOTS)
        found = self._number[lists.title]
        titles = np.full((slots.size, rows * SLOTS), -1)
        titles[:, : found.shape[1]] = found
        return ShownPages(
            titles.reshape(-1, rows, SLOTS), ShownPages.single(titles[:, :SLOTS], views).list_ids
        )


SEARCHED_WEIGHT: Final = 0.5
"""What is searched was the best of what came to mind: the logit's gradient at even odds."""


def watch_step(
    config: WatchConfig, fit: float, quality: float, minutes: float, watched: float, *, quick: bool
) -> tuple[float, float]:
    """Return what watching a title says of its fit: the log-likelihood's slope, and the expected information.

    Parameters
    ----------
    config
        The constants.
    fit, quality
        Where the slope is taken.
    minutes, watched
        Length of the title, and what was watched of it.
    quick
        It was left at once.

    Examples
    --------
    A film of 100 minutes says that it fits when it is watched, and the opposite when it is left.

    >>> [watch_step(WatchConfig(), 0.3, 0.0, 100.0, 100.0 * n, quick=not n)[0] > 0 for n in (1, 0)]
    [True, False]
    """
    enjoyed = 1.0 / (1.0 + np.exp(-config.steepness * (fit + config.quality * quality - config.middle)))
    steep = config.steepness * enjoyed * (1.0 - enjoyed)
    left, mean = float(quick_stop(config, enjoyed)), float(bored_after(config, enjoyed))
    left_slope = -2.0 * config.quick * (1.0 - enjoyed) * steep
    dull, gripping = config.bored_minutes
    mean_slope = (
        (1.0 - mean / config.called_away_minutes) * np.log(gripping / dull) * steep
    )  # of its logarithm
    stays = 1.0 - left
    if quick:
        slope = left_slope / left
    else:
        slope = mean_slope * (watched / mean - (watched < minutes)) - left_slope / stays
    lost = 1.0 - np.exp(-minutes / mean)
    return float(slope), float(left_slope**2 / (left * stays) + stays * lost * mean_slope**2)


class InformedPolicy(ScoringPolicy):
    r"""Titles by expected minutes, known titles and learned tastes: an upper bound of learning.

    It keeps a Gaussian belief per account, :math:`N(m, P^{-1})`. A page view is one Newton step on the choice
    model (a Laplace approximation), with the vectors :math:`z_j` of the examined titles times the taste's log
    odds, and their choice probabilities :math:`p_j`:

    .. math::

        P \leftarrow P + \sum_j p_j z_j z_j^T - \bar z \bar z^T \qquad
        m \leftarrow m + P^{-1} \sum_j (y_j - p_j) z_j

    The watch time of a title is a step of Fisher scoring along its vector (`watch_step`). The policy does not
    know the profile of an account.

    Parameters
    ----------
    world
        The truth about titles; tastes are not read.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        many, width = len(world.population), world.catalog.vectors.shape[1]
        self._mean = np.zeros((many, width))
        self._precision = np.tile(width * np.eye(width), (many, 1, 1))  # a taste has length 1
        self._day = 0

    def scores(self, views: PageViews) -> Floats:
        """See `ScoringPolicy.scores`."""
        fits = self._mean[views.accounts] @ self.world.catalog.vectors.T
        return self.expected_minutes_of(views, fits)

    def observe(self, views: PageViews, pages: ShownPages, outcomes: ViewOutcomes) -> None:
        """Take what the looks say about tastes."""
        self._forget(int(views.at_s[0] // DAY_S))
        flat = pages.titles.reshape(len(views.at_s), -1)
        for row, account in enumerate(views.accounts.tolist()):
            title = int(outcomes.title[row])
            if outcomes.searched[row]:
                z = self._steep(np.array([title]))
                self._step(account, SEARCHED_WEIGHT**2 * z.T @ z, SEARCHED_WEIGHT * z[0])
            elif (seen := flat[row, outcomes.examined[row]]).size:
                self._choice(account, views, row, seen, title)
            if title >= 0:
                minutes = float(outcomes.watched_s[row]) / 60
                self._watch(account, title, minutes, quick=bool(outcomes.quick[row]))

    def _choice(self, account: int, views: PageViews, row: int, seen: Ints, title: int) -> None:
        """Take what was chosen of what was examined, or that nothing was."""
        truth, who = self.world.truth, np.array([account])
        z, past = self._steep(seen), self.world.past(who, seen[None])
        rest = truth.utilities(who, seen[None], np.zeros((1, seen.size)), views.at_s[row : row + 1], past)[0]
        chances = start_probabilities(rest + z @ self._mean[account], self.world.config.choice.outside)
        middle = chances @ z
        information = (z.T * chances) @ z - np.outer(middle, middle)
        self._step(account, information, ((seen == title) - chances) @ z)

    def _watch(self, account: int, title: int, watched: float, *, quick: bool) -> None:
        """Take how long a title was watched."""
        catalog, vector = self.world.catalog, self.world.catalog.vectors[title]
        fit, length = float(vector @ self._mean[account]), float(catalog.minutes[title])
        slope, information = watch_step(
            self.world.config.watch, fit, float(catalog.quality[title]), length, watched, quick=quick
        )
        self._step(account, information * np.outer(vector, vector), slope * vector)

    def _steep(self, titles: Ints) -> Floats:
        steep: Floats = self.world.config.choice.taste * self.world.catalog.vectors[titles]
        return steep

    def _step(self, account: int, information: Floats, gradient: Floats) -> None:
        self._precision[account] += information
        self._mean[account] += np.linalg.solve(self._precision[account], gradient)

    def _forget(self, day: int) -> None:
        """Grow less certain by a day's drift."""
        if day > self._day:
            width = self._mean.shape[1]
            step = (day - self._day) * self.world.config.taste.drift**2 * np.eye(width)
            self._precision = np.linalg.inv(np.linalg.inv(self._precision) + step)
            self._day = day
