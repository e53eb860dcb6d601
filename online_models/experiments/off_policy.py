r"""What another policy would have got, estimated from a log of what one policy did.

The log says of each decision i the reward :math:`r_i` and the probability :math:`p_i` with which its action
was drawn; the policy in question would have drawn that action with probability :math:`q_i`. With :math:`w_i =
q_i / p_i`:

=========
===================================================================================================== replay
  the mean reward where the policy agrees with the log (:math:`q_i = 1`): unbiased if the log is uniform IPS
       :math:`\overline{w r}`: unbiased, of large variance where p is small
clipped    the same with :math:`w \le` a bound: a little bias for less variance
SNIPS      :math:`\sum w r / \sum w`: slightly biased, of less variance, moves with a shift of r
DR         :math:`\overline{\hat v + w (r - \hat r)}`, with a model's :math:`\hat r` for the action that was
taken and
           :math:`\hat v = E_q \hat r`: right if either the propensities or the model are
=========
=====================================================================================================

Sources: Li, Chu, Langford, Wang (WSDM 2011); Swaminathan and Joachims (NIPS 2015); Dudik, Langford, Li (ICML
2011). Decisions of one viewer are not independent: intervals sum what is left over by viewer first
(`clusters`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from online_models.experiments.exposure import Exposure, ViewerTally
from online_models.experiments.metrics import of_metric
from online_models.experiments.moments import COUNTS
from schemas.experiments import Experiment

__all__ = ["ANYWHERE", "CLIP", "OffPolicy", "PolicyLog", "evaluate", "log_of"]


CLIP: Final = 100.0
"""Largest weight of the clipped estimate: what a floor of 1 % exploration makes of a policy without
chance."""

Numbers = NDArray[np.float64]


class OffPolicy(NamedTuple):
    """An estimate of the mean reward, with an interval of fixed size."""

    value: float
    low: float
    high: float
    decisions: float
    """Effective number of decisions that it rests on."""


class PolicyLog(NamedTuple):
    """A log, column by column; every one of shape ``(n,)``.

    Attributes
    ----------
    reward
        What came of it.
    logged
        Probability of the action under the policy that took it, above 0.
    target
        Probability of it under the policy in question.
    clusters
        Whole numbers: equal for decisions that depend on each other. None: all are independent.
    predicted
        A model's reward for the action that was taken. None: no doubly robust estimate.
    expected
        The model's expected reward of the policy in question.
    """

    reward: ArrayLike
    logged: ArrayLike
    target: ArrayLike
    clusters: ArrayLike | None = None
    predicted: ArrayLike | None = None
    expected: ArrayLike | None = None


def evaluate(log: PolicyLog, *, alpha: float = 0.05, clip: float = CLIP) -> dict[str, OffPolicy]:
    """Return every estimate that the log allows, by name: replay, ips, clipped, snips, dr.

    Parameters
    ----------
    log
        At least one decision.
    alpha
        Probability that an interval misses.
    clip
        Largest weight of the clipped estimate.

    Raises
    ------
    ValueError
        A propensity that is not in (0, 1]: such a log cannot be read.

    Examples
    --------
    >>> found = evaluate(Log(reward=[1, 0, 1, 1], logged=[.5] * 4, target=[1, 0, 1, 0]))
    >>> {name: one.value for name, one in found.items()}
    {'replay': 1.0, 'ips': 1.0, 'clipped': 1.0, 'snips': 1.0}
    """
    r, p, q = (np.asarray(column, np.float64) for column in (log.reward, log.logged, log.target))
    if r.size == 0 or not (np.isfinite(r).all() and (p > 0).all() and (p <= 1).all() and (q >= 0).all()):
        msg = "a log needs decisions with finite rewards and propensities above 0 and at most 1"
        raise ValueError(msg)
    groups = np.arange(r.size) if log.clusters is None else np.unique(log.clusters, return_inverse=True)[1]
    z = NormalDist().inv_cdf(1 - alpha / 2)
    w = q / p
    clipped = np.minimum(w, clip)
    agreed = (q == 1).astype(np.float64)
    out = {
        "replay": _ratio(agreed, r, groups, z),
        "ips": _mean(w * r, w, groups, z),
        "clipped": _mean(clipped * r, clipped, groups, z),
        "snips": _ratio(w, r, groups, z),
    }
    if log.predicted is not None and log.expected is not None:
        left = w * (r - np.asarray(log.predicted, np.float64))
        out["dr"] = _mean(np.asarray(log.expected, np.float64) + left, w, groups, z)
    return {name: found for name, found in out.items() if found is not None}


def _mean(values: Numbers, w: Numbers, groups: "NDArray[np.int64]", z: float) -> OffPolicy:
    value = float(values.mean())
    half = z * _error(values - value, groups)
    return OffPolicy(value, value - half, value + half, _effective(w))


def _ratio(w: Numbers, r: Numbers, groups: "NDArray[np.int64]", z: float) -> OffPolicy | None:
    """Return sum(w r) / sum(w); None where the policy never agrees with the log."""
    if not w.any():
        return None
    value = float((w * r).sum() / w.sum())
    half = z * _error(w * (r - value) / w.mean(), groups)
    return OffPolicy(value, value - half, value + half, _effective(w))


def _error(left: Numbers, groups: "NDArray[np.int64]") -> float:
    """Return the standard error of a mean whose residuals are these."""
    return float(np.sqrt((np.bincount(groups, left) ** 2).sum()) / left.size)


def _effective(w: Numbers) -> float:
    """Return Kish's effective size: (sum w)^2 / sum w^2."""
    return float(w.sum() ** 2 / (w**2).sum()) if w.any() else 0.0


# What another way of choosing arms would have got: a log for `off_policy`, out of an experiment's viewers.
#
# The experiment drew each viewer's arm with a known probability, its share. A policy that picks arms by country
# can so be judged without being run: on the viewers whose draw agrees with it, weighted, and with a model of
# what is missing.


ANYWHERE: Final = "*"
"""Stands for all other countries."""

_BEFORE: Final = COUNTS.index("before")
_Numbers = NDArray[np.float64]


def log_of(experiment: Experiment, parts: Iterable[ViewerTally], policy: Mapping[str, str]) -> PolicyLog:
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
    >>> viewers = [ViewerTally(0, exposures={"x": Exposure(arm, 0, [1, 0, 0, s, 0, 0, 0, 0])}) for arm, s in seen]
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
    return PolicyLog(
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
