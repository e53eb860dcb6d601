"""What another way of choosing arms would have got: a log for `off_policy`, out of an experiment's viewers.

The experiment drew each viewer's arm with a known probability, its share. A policy that picks arms by country
can so be judged without being run: on the viewers whose draw agrees with it, weighted, and with a model of
what is missing.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from online_models.experiments.metrics import of_metric
from online_models.experiments.moments import COUNTS
from online_models.experiments.off_policy import Log
from online_models.experiments.parts import Part
from schemas.experiments import Experiment

__all__ = ["ANYWHERE", "log_of"]

ANYWHERE: Final = "*"
"""Stands for all other countries."""

_BEFORE: Final = COUNTS.index("before")


def log_of(experiment: Experiment, parts: Iterable[Part], policy: Mapping[str, str]) -> Log:
    """Return the log of an experiment as a policy sees it.

    Parameters
    ----------
    experiment
        Its arms and metric; of a metric that divides, the numerator per viewer.
    parts
        Viewers.
    policy
        Arm by country, `ANYWHERE` for all others.

    Returns
    -------
    Log
        A decision a viewer, with the rewards that straight lines over the past foresee, one line an arm.

    Raises
    ------
    ValueError
        The policy names no arm for somebody, or one that the experiment has not; or nobody was exposed.

    Examples
    --------
    >>> from online_models.experiments.exposure import Exposure
    >>> from online_models.experiments.off_policy import evaluate
    >>> from schemas.experiments import Arm, ExperimentState
    >>> arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5))
    >>> one = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=arms)
    >>> seen = [("a", 60), ("b", 120), ("b", 240)]
    >>> viewers = [Part(0, exposures={"x": Exposure(arm, 0, [1, 0, 0, s, 0, 0, 0, 0])}) for arm, s in seen]
    >>> evaluate(log_of(one, viewers, {"*": "b"}))["replay"].value
    3.0
    """
    shares = {arm.name: arm.share for arm in experiment.arms}
    unknown = set(policy.values()) - shares.keys()
    if unknown or ANYWHERE not in policy:
        what = (
            f"no arm {', '.join(sorted(unknown))}"
            if unknown
            else f"nothing for {ANYWHERE}, all other countries"
        )
        msg = f"the policy has {what}; the arms are {', '.join(shares)}"
        raise ValueError(msg)
    name = experiment.experiment_id
    seen = [(one, one.exposures[name]) for one in parts if name in one.exposures]
    if not seen:
        msg = f"nobody was exposed to {name}"
        raise ValueError(msg)
    above, _, factor = of_metric(experiment.metric)
    at = COUNTS.index(above)
    reward = np.array([exposure.counts[at] * factor for _, exposure in seen])
    before = np.array([exposure.counts[_BEFORE] for _, exposure in seen], np.float64)
    drawn = np.array([exposure.arm for _, exposure in seen])
    wanted = np.array([policy.get(part.country, policy[ANYWHERE]) for part, _ in seen])
    foreseen = {arm: _line(before, reward, drawn == arm) for arm in shares}
    each = range(len(seen))
    return Log(
        reward=reward,
        logged=np.array([shares[arm] for arm in drawn.tolist()]),
        target=(drawn == wanted).astype(np.float64),
        predicted=np.array([foreseen[arm][n] for n, arm in zip(each, drawn.tolist(), strict=True)]),
        expected=np.array([foreseen[arm][n] for n, arm in zip(each, wanted.tolist(), strict=True)]),
    )


def _line(
    x: "NDArray[np.float64]", y: "NDArray[np.float64]", mine: "NDArray[np.bool_]"
) -> "NDArray[np.float64]":
    """Return what the least-squares line through some points says of all of them."""
    if not mine.any():
        return np.zeros(x.size)
    centre, mean = x[mine].mean(), y[mine].mean()
    spread = float(((x[mine] - centre) ** 2).sum())
    slope = float(((x[mine] - centre) * (y[mine] - mean)).sum()) / spread if spread > 0 else 0.0
    out: NDArray[np.float64] = mean + slope * (x - centre)
    return out
