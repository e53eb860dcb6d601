r"""Who knows all titles and learns the viewers: the ceiling of what a recommender can learn in the time.

Between the recommender and the oracle lie two things: what is not known about titles, which more viewers
would tell, and what is not known about viewers, which nobody can tell before they have acted. This policy
knows the former. Of the latter it keeps a Gaussian belief per account, :math:`N(m, P^{-1})`, and takes what a
look says by one step of Newton on the choice model (a Laplace approximation), with the examined titles'
vectors :math:`z_j` times the taste's log odds, and their choice probabilities :math:`p_j`:

.. math::

    P \leftarrow P + \sum_j p_j z_j z_j^T - \bar z \bar z^T \qquad
    m \leftarrow m + P^{-1} \sum_j (y_j - p_j) z_j

How long a title was watched says more (`watch_step`): a step of Fisher scoring along its vector. What it does
not know is who of a household sits there.
"""

from typing import Final

import numpy as np

from online_models.simulation.catalog import DAY_S
from online_models.simulation.choice import bored_after, quick_stop, start_probabilities
from online_models.simulation.config import WatchConfig
from online_models.simulation.keyed_chance import Floats, Ints
from online_models.simulation.page_views import Outcomes, PageViews, ShownPages
from online_models.simulation.policies import Listed
from online_models.simulation.world import World

__all__ = ["InformedPolicy", "watch_step"]

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


class InformedPolicy(Listed):
    """Titles by the minutes expected of showing them, given the truth about titles and a belief about tastes.

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

    def scores(self, looks: PageViews) -> Floats:
        """See `Listed.scores`."""
        fits = self._mean[looks.accounts] @ self.world.catalog.vectors.T
        return self.worth(looks, fits)

    def observe(self, looks: PageViews, pages: ShownPages, outcomes: Outcomes) -> None:
        """Take what the looks say about tastes."""
        self._forget(int(looks.at_s[0] // DAY_S))
        flat = pages.titles.reshape(len(looks.at_s), -1)
        for row, account in enumerate(looks.accounts.tolist()):
            title = int(outcomes.title[row])
            if outcomes.searched[row]:
                z = self._steep(np.array([title]))
                self._step(account, SEARCHED_WEIGHT**2 * z.T @ z, SEARCHED_WEIGHT * z[0])
            elif (seen := flat[row, outcomes.examined[row]]).size:
                self._choice(account, looks, row, seen, title)
            if title >= 0:
                minutes = float(outcomes.watched_s[row]) / 60
                self._watch(account, title, minutes, quick=bool(outcomes.quick[row]))

    def _choice(self, account: int, looks: PageViews, row: int, seen: Ints, title: int) -> None:
        """Take what was chosen of what was examined, or that nothing was."""
        truth, who = self.world.truth, np.array([account])
        z, past = self._steep(seen), self.world.past(who, seen[None])
        rest = truth.utilities(who, seen[None], np.zeros((1, seen.size)), looks.at_s[row : row + 1], past)[0]
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
