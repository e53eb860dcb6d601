r"""Off-policy evaluation: the reward of another policy, estimated from the log of one policy.

The log has the reward :math:`r_i` of each decision i and the probability :math:`p_i` of its action. The
evaluated policy has the probability :math:`q_i` for the same action. With :math:`w_i = q_i / p_i`:

* *replay*: the mean reward where the policy agrees with the log (:math:`q_i = 1`);
  unbiased if the log is uniform.
* *IPS*: :math:`\overline{w r}`; unbiased, with a large variance where p is small.
* *clipped*: IPS with :math:`w` bounded; a small bias for less variance.
* *SNIPS*: :math:`\sum w r / \sum w`; a small bias, less variance, equivariant to shifts of r.
* *DR*: :math:`\overline{\hat v + w (r - \hat r)}` with a model's :math:`\hat r` for the logged action and
  :math:`\hat v = E_q \hat r`; consistent if either the propensities or the model are right.

Sources: Li, Chu, Langford, Wang (WSDM 2011); Swaminathan and Joachims (NIPS 2015); Dudik, Langford, Li (ICML
2011). Decisions of one viewer are dependent: standard errors are clustered by viewer (`clusters`).
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

__all__ = ["ANYWHERE", "CLIP", "OffPolicy", "PolicyLog", "evaluate", "policy_log"]


CLIP: Final = 100.0
"""Largest weight of the clipped estimate: the weight of a deterministic policy under 1 % exploration."""

Numbers = NDArray[np.float64]


class OffPolicy(NamedTuple):
    """An estimate of the mean reward, with a fixed-sample interval."""

    value: float
    low: float
    high: float
    decisions: float
    """Effective number of decisions."""


class PolicyLog(NamedTuple):
    """A log of decisions as columns of shape ``(n,)``.

    Attributes
    ----------
    reward
        Reward of the decision.
    logged
        Probability of the action under the logging policy, above 0.
    target
        Probability of the action under the evaluated policy.
    clusters
        Integers, equal for dependent decisions. None: all decisions are independent.
    predicted
        A model's reward of the logged action. None: no doubly robust estimate.
    expected
        The model's expected reward of the evaluated policy.
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
        Error probability of an interval.
    clip
        Largest weight of the clipped estimate.

    Raises
    ------
    ValueError
        The log is empty, a reward is not finite, or a propensity is not in (0, 1].

    Examples
    --------
    >>> found = evaluate(PolicyLog(reward=[1, 0, 1, 1], logged=[.5] * 4, target=[1, 0, 1, 0]))
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
    """Return sum(w r) / sum(w); None if the policy never agrees with the log."""
    if not w.any():
        return None
    value = float((w * r).sum() / w.sum())
    half = z * _error(w * (r - value) / w.mean(), groups)
    return OffPolicy(value, value - half, value + half, _effective(w))


def _error(left: Numbers, groups: "NDArray[np.int64]") -> float:
    """Return the standard error of a mean from its residuals, summed by cluster."""
    return float(np.sqrt((np.bincount(groups, left) ** 2).sum()) / left.size)


def _effective(w: Numbers) -> float:
    """Return Kish's effective size: (sum w)^2 / sum w^2."""
    return float(w.sum() ** 2 / (w**2).sum()) if w.any() else 0.0


ANYWHERE: Final = "*"
"""Stands for all other countries."""

_BEFORE: Final = COUNTS.index("before")
_Numbers = NDArray[np.float64]


def policy_log(experiment: Experiment, parts: Iterable[ViewerTally], policy: Mapping[str, str]) -> PolicyLog:
    """Return the log of an experiment for a policy that picks arms by country.

    The experiment drew the arm of each viewer with a known probability, its share. So such a policy can be
    evaluated without running it.

    Parameters
    ----------
    experiment
        Its arms and metric; of a ratio metric, the numerator per viewer.
    parts
        State of the viewers.
    policy
        Arm by country; `ANYWHERE` for all others.

    Returns
    -------
    Log
        One decision per viewer. Predicted rewards: one least-squares line over the covariate for each arm.

    Raises
    ------
    ValueError
        The policy has no arm for some viewers, or an unknown arm; or no viewer was exposed.

    Examples
    --------
    >>> from online_models.experiments.exposure import Exposure
    >>> from online_models.experiments.off_policy import evaluate
    >>> from schemas.experiments import Arm, ExperimentState
    >>> arms = (Arm(name="a", share=0.5), Arm(name="b", share=0.5))
    >>> one = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=arms)
    >>> seen = [("a", 60), ("b", 120), ("b", 240)]
    >>> def viewer(arm, seconds):
    ...     return ViewerTally(0, exposures={"x": Exposure(arm, 0, [1, 0, 0, seconds, 0, 0, 0, 0])})
    >>> viewers = [viewer(arm, seconds) for arm, seconds in seen]
    >>> evaluate(policy_log(one, viewers, {"*": "b"}))["replay"].value
    3.0
    """
    shares = {arm.name: arm.share for arm in experiment.arms}
    _require_arms(policy, shares)
    name = experiment.experiment_id
    seen = [(one, one.exposures[name]) for one in parts if name in one.exposures]
    if not seen:
        msg = f"no viewer was exposed to {name}"
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
    """Raise an error for an unknown arm, or for a policy without an arm for all other countries."""
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
    """Return each viewer's metric and covariate."""
    above, _, factor = of_metric(experiment.metric)
    at = COUNTS.index(above)
    reward = np.array([one.counts[at] * factor for one in exposures])
    return reward, np.array([one.counts[_BEFORE] for one in exposures], np.float64)


def _line(x: _Numbers, y: _Numbers, mine: NDArray[np.bool_]) -> _Numbers:
    """Fit a least-squares line to some points; return its values at all points."""
    if not mine.any():
        return np.zeros(x.size)
    centre, mean = x[mine].mean(), y[mine].mean()
    spread = float(((x[mine] - centre) ** 2).sum())
    slope = float(((x[mine] - centre) * (y[mine] - mean)).sum()) / spread if spread > 0 else 0.0
    out: _Numbers = mean + slope * (x - centre)
    return out
