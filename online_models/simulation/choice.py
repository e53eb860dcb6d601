r"""The choice model: what viewers examine, choose and watch. Pure functions of the ground truth.

A page has shelves of titles. A viewer examines the title of shelf :math:`r`, slot :math:`s` (both from 0)
with probability

.. math:: \theta_{rs} = (1 + r)^{-\alpha} (1 + s)^{-\beta}

and chooses one examined title, or none, by a multinomial logit over utilities :math:`u`:

.. math:: P(j) = \frac{e^{u_j}}{e^{u_0} + \sum_{k\ examined} e^{u_k}}

A started title is stopped at once with probability :math:`q (1 - e)^2`, where :math:`e` (0 to 1) is the
enjoyment. Otherwise interest is lost at a constant hazard :math:`\lambda(e)`: on average :math:`(1 -
e^{-\lambda D}) / \lambda` of the :math:`D` minutes are watched, more minutes of a longer title but a smaller
share of it.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from online_models.simulation.catalog import DAY_S, SimulatedCatalog
from online_models.simulation.common_random_numbers import Floats, Hashes, Ints, gumbel, keyed, uniform
from online_models.simulation.config import ChoiceConfig, WatchConfig, WorldConfig
from online_models.simulation.page_views import Bools, PageViews, ShownPages, ViewOutcomes
from online_models.simulation.population import Population

__all__ = [
    "GroundTruth",
    "HistoryOf",
    "WatchHistory",
    "considered",
    "event_draws",
    "examination",
    "expected_minutes",
    "outcomes",
    "start_probabilities",
    "word_of_mouth",
]


def examination(config: ChoiceConfig, rows: int, slots: int) -> Floats:
    """Return the examination probability of each place of a page, shape ``(rows, slots)``.

    Examples
    --------
    >>> examination(ChoiceConfig(row_exponent=1.0, slot_exponent=1.0), 2, 2).tolist()
    [[1.0, 0.5], [0.5, 0.25]]
    """
    down = (1.0 + np.arange(rows)) ** -config.row_exponent
    along = (1.0 + np.arange(slots)) ** -config.slot_exponent
    seen: Floats = down[:, None] * along[None, :]
    return seen


def start_probabilities(utilities: Floats, outside: float) -> Floats:
    """Return the probability that each examined title is chosen; the rest is the probability of no choice.

    Parameters
    ----------
    utilities
        Log odds of the titles, in the last dimension.
    outside
        Log odds of choosing nothing.

    Examples
    --------
    >>> start_probabilities(np.log(np.array([1.0, 2.0])), outside=0.0).tolist()
    [0.25, 0.5]
    """
    top = np.maximum(utilities.max(axis=-1, keepdims=True), outside)
    odds = np.exp(utilities - top)
    chances: Floats = odds / (np.exp(outside - top) + odds.sum(axis=-1, keepdims=True))
    return chances


def bored_after(config: WatchConfig, enjoyment: Floats) -> Floats:
    """Return the mean minutes until interest is lost or another cause ends the playback."""
    dull, gripping = config.bored_minutes
    interest = dull * (gripping / dull) ** enjoyment
    mean: Floats = 1.0 / (1.0 / interest + 1.0 / config.called_away_minutes)
    return mean


def quick_stop(config: WatchConfig, enjoyment: Floats) -> Floats:
    """Return the probability of a quick stop."""
    chance: Floats = config.quick * (1.0 - enjoyment) ** 2
    return chance


def expected_minutes(config: WatchConfig, enjoyment: Floats, minutes: Floats) -> Floats:
    """Return the expected minutes watched of a started title.

    Parameters
    ----------
    config
        The parameters.
    enjoyment
        0 to 1.
    minutes
        Length of the title.

    Examples
    --------
    Without quick stops and with a mean interest of an hour, (1 - 1/e) hours of a one-hour film are watched.

    >>> calm = WatchConfig(quick=0.0, bored_minutes=(60.0, 60.0), called_away_minutes=float("inf"))
    >>> expected_minutes(calm, np.array([0.5]), np.array([60.0])).round(2).tolist()
    [37.93]
    """
    mean = bored_after(config, enjoyment)
    early = sum(config.early_s) / 2 / 60
    left = quick_stop(config, enjoyment)
    expected: Floats = left * early + (1 - left) * mean * (1 - np.exp(-minutes / mean))
    return expected


class WatchHistory(NamedTuple):
    """Titles that viewers have watched, shape ``(viewers, titles)``."""

    had: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"
    """The title itself."""
    had_previous: "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"
    """The episode before it."""


class GroundTruth:
    """The ground truth: fits of titles to tastes, choice utilities and enjoyment.

    Parameters
    ----------
    config, catalog, population
        Parts of the world.
    """

    def __init__(self, config: WorldConfig, catalog: SimulatedCatalog, population: Population) -> None:
        self.config, self.catalog, self.population = config, catalog, population

    def fits(self, profiles: Ints, titles: Ints) -> Floats:
        """Return the fit of titles: the cosine of taste and title.

        Parameters
        ----------
        profiles
            Profiles, shape ``(n,)``.
        titles
            Titles, shape ``(n, k)``, or ``(k,)`` for the same titles for all.
        """
        tastes, vectors = self.population.tastes[profiles], self.catalog.vectors[titles]
        if titles.ndim == 1:
            shared: Floats = tastes @ vectors.T
            return shared
        own: Floats = np.matmul(vectors, tastes[:, :, None])[:, :, 0]
        return own

    def utilities(
        self, accounts: Ints, titles: Ints, fits: Floats, now_s: Floats, past: WatchHistory
    ) -> Floats:
        """Return the log odds of each title, shape ``(n, k)``; -inf before its release.

        Parameters
        ----------
        accounts, now_s
            Accounts and times, shape ``(n,)``.
        titles, fits, past
            Titles, fits, and watched titles; shapes that broadcast to ``(n, k)``.
        """
        choice, catalog = self.config.choice, self.catalog
        utility = choice.taste * fits + choice.fame * catalog.fame[titles]
        utility = utility - choice.foreign * (
            catalog.languages[titles] != self.population.languages[accounts][:, None]
        )
        series = catalog.previous[titles] >= 0
        utility += np.where(series, np.where(past.had_previous, choice.next_episode, -choice.ahead), 0.0)
        utility -= choice.had * past.had
        age = now_s[:, None] - catalog.released_s[titles]
        new: Floats = np.where(age >= 0, utility + choice.novelty * self.novelty(titles, now_s), -np.inf)
        return new

    def novelty(self, titles: Ints, now_s: Floats) -> Floats:
        """Return 1 at the release of a title, half after the half-life; 0 for the back catalog."""
        released = self.catalog.released_s[titles]
        age = np.maximum(now_s[:, None] - released, 0.0)
        half_life_s = self.config.choice.novelty_half_life_days * DAY_S
        fresh: Floats = np.where(released > 0, 2.0 ** (-age / half_life_s), 0.0)
        return fresh

    def appeal(self, now_s: float) -> Floats:
        """Return the awareness weight of each title at a time; 0 before its release."""
        everything = np.arange(len(self.catalog.titles))
        novelty = self.novelty(everything, np.array([now_s]))[0]
        choice = self.config.choice
        drawn: Floats = self.catalog.appeal**choice.awareness * np.exp(choice.novelty * novelty)
        return np.where(self.catalog.released_s <= now_s, drawn, 0.0)

    def enjoyment(self, titles: Ints, fits: Floats) -> Floats:
        """Return the enjoyment of titles, 0 to 1."""
        watch = self.config.watch
        margin = fits + watch.quality * self.catalog.quality[titles] - watch.middle
        liked: Floats = 1.0 / (1.0 + np.exp(-watch.steepness * margin))
        return liked

    def expected_minutes_of(self, titles: Ints, utilities: Floats, fits: Floats) -> Floats:
        """Return the expected minutes of showing each title alone: P(start) times minutes when started."""
        minutes = expected_minutes(
            self.config.watch, self.enjoyment(titles, fits), self.catalog.minutes[titles]
        )
        alone: Floats = (
            start_probabilities(utilities[..., None], self.config.choice.outside)[..., 0] * minutes
        )
        return alone


HistoryOf = Callable[[Ints, Ints], WatchHistory]
"""Returns what accounts have watched of titles; arguments of shapes ``(n,)`` and ``(n, k)``."""

EXAMINED, NOISE, NOTHING, SEARCHED, MIND, EARLY, LEFT, MINUTES, DICE = range(1, 10)
"""Purposes of draws."""
EVENT_DRAWS: Final = 10
"""Uniform draws per page view for its events, see `EventWriter`."""


def keys(seed: int, views: PageViews) -> Hashes:
    """Return the key of each page view for its draws; the same under all policies."""
    return keyed(seed, views.accounts, views.visits, views.numbers)


def event_draws(seed: int, views: PageViews) -> Floats:
    """Return uniform draws for the events of each page view, shape ``(views, EVENT_DRAWS)``."""
    return uniform(keys(seed, views)[:, None], DICE, np.arange(EVENT_DRAWS))


def outcomes(
    truth: GroundTruth, seed: int, views: PageViews, pages: ShownPages, past: HistoryOf
) -> ViewOutcomes:
    """Decide what is examined, chosen and watched.

    A visit may begin with a search: the best of the considered titles is taken, whatever the page shows. An
    autoplay was decided before.
    """
    key = keys(seed, views)
    flat = pages.titles.reshape(len(key), -1)
    fits = truth.fits(views.profiles, np.maximum(flat, 0))
    utilities = _utilities(truth, views, flat, fits, past)
    free = views.autoplay < 0
    chance = uniform(key, SEARCHED)
    searched = free & (views.numbers == 0) & (chance < truth.config.choice.searched)
    places = np.arange(flat.shape[1])
    theta = examination(truth.config.choice, *pages.titles.shape[1:]).ravel()
    examined = uniform(key[:, None], EXAMINED, places) < theta
    examined &= np.isfinite(utilities) & (free & ~searched)[:, None]
    noisy = np.where(examined, utilities + gumbel(key[:, None], NOISE, np.maximum(flat, 0)), -np.inf)
    best = np.argmax(noisy, axis=1)
    each = np.arange(len(key))
    taken = noisy[each, best] > truth.config.choice.outside + gumbel(key, NOTHING)
    title = np.where(taken, flat[each, best], views.autoplay)
    if searched.any():
        some = PageViews(*(column[searched] for column in views))
        title[searched] = considered(truth, seed, some, past)[:, 0]
    started, quick, watched_s, enjoyed = _watched(truth, key, views, title)
    finished = started & (watched_s >= truth.config.watch.finished * 60 * truth.catalog.minutes[title])
    return ViewOutcomes(
        title,
        np.where(taken, best, -1),
        watched_s,
        enjoyed,
        quick,
        finished,
        searched,
        examined,
        truth.enjoyment(np.maximum(flat, 0), fits),
    )


def considered(truth: GroundTruth, seed: int, views: PageViews, past: HistoryOf) -> Ints:
    """Return the titles that viewers are aware of, best utility first, shape ``(views, considered)``."""
    key, most = keys(seed, views), truth.config.choice.considered
    cumulative = np.cumsum(truth.appeal(float(views.at_s[0])))
    draws = uniform(key[:, None], MIND, np.arange(most)) * cumulative[-1]
    drawn = np.minimum(np.searchsorted(cumulative, draws, side="right"), len(cumulative) - 1)
    fits = truth.fits(views.profiles, drawn)
    noisy = _utilities(truth, views, drawn, fits, past) + gumbel(key[:, None], NOISE, drawn)
    return np.take_along_axis(drawn, np.argsort(-noisy, axis=1, kind="stable"), 1)


def word_of_mouth(truth: GroundTruth, seed: int, views: PageViews, past: HistoryOf, slots: int) -> ShownPages:
    """Return pages made by word of mouth: the titles that viewers are aware of, best utility first."""
    titles = considered(truth, seed, views, past)
    new = np.ones(titles.shape, np.bool_)  # a title may be drawn several times: keep the first
    for at in range(1, titles.shape[1]):
        new[:, at] = titles[:, at] != titles[:, at - 1]
    order = np.argsort(~new, axis=1, kind="stable")[:, :slots]
    shown = np.where(np.take_along_axis(new, order, 1), np.take_along_axis(titles, order, 1), -1)
    return ShownPages.single(shown, views)


def _utilities(truth: GroundTruth, views: PageViews, titles: Ints, fits: Floats, past: HistoryOf) -> Floats:
    """Return the utility of the title of each place, -inf for an empty place."""
    known = past(views.accounts, titles)
    utilities = truth.utilities(views.accounts, np.maximum(titles, 0), fits, views.at_s, known)
    return np.where(titles >= 0, utilities, -np.inf)


def _watched(
    truth: GroundTruth, key: Hashes, views: PageViews, title: Ints
) -> tuple[Bools, Bools, Floats, Floats]:
    """Return started, quick stop, seconds watched, and enjoyment."""
    watch, started = truth.config.watch, title >= 0
    safe = np.maximum(title, 0)
    enjoyed = truth.enjoyment(safe, truth.fits(views.profiles, safe[:, None])[:, 0])
    quick = started & (uniform(key, LEFT) < quick_stop(watch, enjoyed))
    first, last = watch.early_s
    early_s = first + (last - first) * uniform(key, EARLY)
    lasting_s = -np.log1p(-uniform(key, MINUTES)) * bored_after(watch, enjoyed) * 60
    whole_s = 60 * truth.catalog.minutes[safe]
    watched_s = np.where(quick, np.minimum(early_s, whole_s), np.minimum(lasting_s, whole_s))
    return started, quick, np.where(started, watched_s, 0.0), np.where(started, enjoyed, 0.0)
