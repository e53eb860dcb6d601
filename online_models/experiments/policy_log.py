"""What another way of choosing arms would have got: a log for `off_policy`, out of an experiment's viewers.

The experiment drew each viewer's arm with a known probability, its share. A policy that picks arms by country
can so be judged without being run: on the viewers whose draw agrees with it, weighted, and with a model of
what is missing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from online_models.experiments.metrics import of_metric
from online_models.experiments.moments import COUNTS
from online_models.experiments.off_policy import Log
from online_models.experiments.tallies import Exposure, ViewerTally
from schemas.experiments import Experiment

__all__ = ["ANYWHERE", "log_of"]

ANYWHERE: Final = "*"
"""Stands for all other countries."""

_BEFORE: Final = COUNTS.index("before")
_Numbers = NDArray[np.float64]


def log_of(experiment: Experiment, parts: Iterable[ViewerTally], policy: Mapping[str, str]) -> Log:
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
    _require_arms(policy, shares)
    name = experiment.experiment_id
    seen = [(one, one.exposures[name]) for one in parts if name in one.exposures]
    if not seen:
        msg = f"nobody was exposed to {name}"
        raise ValueError(msg)
    reward, before = _rewards(experiment, [exposure for _, exposure in seen])
    drawn = [exposure.arm for _, exposure in seen]
    wanted = [policy.get(part.country, policy[ANYWHERE]) for part, _ in seen]
    foreseen = {arm: _line(before, reward, np.array([one == arm for one in drawn])) for arm in shares}
    return Log(
        reward=reward,
        logged=np.array([shares[arm] for arm in drawn]),
        target=np.array([float(one == other) for one, other in zip(drawn, wanted, strict=True)]),
        predicted=np.array([foreseen[arm][n] for n, arm in enumerate(drawn)]),
        expected=np.array([foreseen[arm][n] for n, arm in enumerate(wanted)]),
    )


def _require_arms(policy: Mapping[str, str], arms: Collection[str]) -> None:
    """Make sure that a policy names an arm for everybody, and none that there is not."""
    unknown = set(policy.values()) - set(arms)
    if unknown:
        what = f"no arm {', '.join(sorted(unknown))}"
    elif ANYWHERE not in policy:
        what = f"nothing for {ANYWHERE}, all other countries"
    else:
        return
    msg = f"the policy has {what}; the arms are {', '.join(arms)}"
    raise ValueError(msg)


def _rewards(experiment: Experiment, exposures: Sequence[Exposure]) -> tuple[_Numbers, _Numbers]:
    """Return what each viewer's metric came to, and what they watched before."""
    above, _, factor = of_metric(experiment.metric)
    at = COUNTS.index(above)
    reward = np.array([one.counts[at] * factor for one in exposures])
    return reward, np.array([one.counts[_BEFORE] for one in exposures], np.float64)


def _line(x: _Numbers, y: _Numbers, mine: NDArray[np.bool_]) -> _Numbers:
    """Return what the least-squares line through some points says of all of them."""
    if not mine.any():
        return np.zeros(x.size)
    centre, mean = x[mine].mean(), y[mine].mean()
    spread = float(((x[mine] - centre) ** 2).sum())
    slope = float(((x[mine] - centre) * (y[mine] - mean)).sum()) / spread if spread > 0 else 0.0
    out: _Numbers = mean + slope * (x - centre)
    return out
