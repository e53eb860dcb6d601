"""Simulated viewers: latent tastes that drift and switch, shared accounts, arrivals and visits."""

import numpy as np

from online_models.simulation.catalog import DAY_S, SimulatedCatalog, facets_of, unit
from online_models.simulation.common_random_numbers import Floats, Ints, uniform
from online_models.simulation.config import WorldConfig
from online_models.simulation.vocabulary import COUNTRIES, COUNTRY_LANGUAGE, TAG_WORDS

__all__ = ["Population"]

VISIT, MOMENT, PROFILE = 1, 2, 3
"""Purposes of draws: visit in an hour, time in the hour, profile of the account."""


class Population:
    """Tastes, activity and arrival of all viewers. They do not depend on recommendations.

    Parameters
    ----------
    config
        Parameters of the world.
    seed
        Seed of every draw.
    count
        Number of accounts.
    catalog
        The catalog, for its facets.

    Attributes
    ----------
    tastes
        Unit vectors, one per profile, shape ``(profiles, dimensions)``; they change daily.
    second
        Second profile of each account, -1 for none, shape ``(accounts,)``. The first profile of account `a`
        is profile `a`.
    arrives_s
        World time of the arrival of an account, shape ``(accounts,)``.
    languages
        Index of each account's language, shape ``(accounts,)``.
    """

    def __init__(self, config: WorldConfig, seed: int, count: int, catalog: SimulatedCatalog) -> None:
        rng = np.random.default_rng([seed, 2])
        self._config, self._seed, self._day = config, seed, 0
        self._facets, self._genres = catalog.facet_vectors, catalog.genre_odds
        shared = rng.random(count) < config.taste.households
        self.second: Ints = np.where(shared, count + np.cumsum(shared) - 1, -1)
        scarce, wanted = config.catalog.scarce, config.catalog.scarce_wanted
        self._more = {} if scarce is None else {scarce: wanted}
        self.mixtures = facets_of(
            rng, count + int(shared.sum()), config.catalog.facets, config.taste.mixture, self._more
        )
        self.tastes = self._drawn(rng, self.mixtures)
        span_s = config.catalog.release_span_days * DAY_S
        self.arrives_s: Floats = np.where(
            rng.random(count) < config.taste.late_arrivals, rng.random(count) * span_s, 0.0
        )
        spread = config.visits.activity
        self._activity: Floats = rng.lognormal(-(spread**2) / 2, spread, count)
        homes = np.arange(count) % len(COUNTRIES)
        self.languages: Ints = np.array([TAG_WORDS["language"].index(one) for one in COUNTRY_LANGUAGE])[homes]

    def __len__(self) -> int:
        """Return the number of accounts."""
        return len(self.arrives_s)

    def advance(self, day: int) -> None:
        """Advance tastes to a day: a small step for all profiles, a large one for a few."""
        while self._day < day:
            self._day += 1
            rng = np.random.default_rng([self._seed, 4, self._day])
            taste = self._config.taste
            moved = self.tastes + taste.drift * rng.normal(size=self.tastes.shape)
            switching = np.flatnonzero(rng.random(len(moved)) < taste.switch)
            self.mixtures[switching] = facets_of(
                rng, len(switching), len(self._facets), taste.mixture, self._more
            )
            moved[switching] += self._drawn(rng, self.mixtures[switching])
            self.tastes = unit(moved)

    def visits(self, hour: int, weekday: int) -> tuple[Ints, Floats]:
        """Return the accounts that visit in an hour of world time, and the times; sorted by account.

        Parameters
        ----------
        hour
            Number of the hour since the world began at midnight.
        weekday
            0 for Monday.
        """
        visits = self._config.visits
        weight = visits.hours[hour % 24] / sum(visits.hours) * visits.weekdays[weekday]
        everyone = np.arange(len(self))
        chance = 1 - np.exp(-visits.a_day * weight * 7 / sum(visits.weekdays) * self._activity)
        come = np.flatnonzero(uniform(self._seed, VISIT, hour, everyone) < chance)
        at_s = 3600.0 * (hour + uniform(self._seed, MOMENT, hour, come))
        there = at_s >= self.arrives_s[come]
        return come[there], at_s[there]

    def profiles(self, accounts: Ints, hours: Ints) -> Ints:
        """Return the profile of each visit: in daytime mostly the second one of an account."""
        taste = self._config.taste
        first, last = taste.daytime
        day = (hours % 24 >= first) & (hours % 24 < last)
        chance = np.where(day, taste.daytime_share, 1 - taste.daytime_share)
        second = self.second[accounts]
        other = (second >= 0) & (uniform(self._seed, PROFILE, hours, accounts) < chance)
        return np.where(other, second, accounts)

    def favourite_genre(self, profile: int) -> str:
        """Return the favourite genre of a profile."""
        return TAG_WORDS["genre"][int(np.argmax(self.mixtures[profile] @ self._genres))]

    def _drawn(self, rng: np.random.Generator, mixtures: Floats) -> Floats:
        """Return tastes: the mixture of facet vectors plus a residual that no tag explains."""
        shape, residual = (len(mixtures), self._facets.shape[1]), self._config.catalog.residual
        return unit(mixtures @ self._facets + residual / np.sqrt(shape[1]) * rng.normal(size=shape))
