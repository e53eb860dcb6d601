r"""Assignment of viewers to arms: a hash, equal in every worker, process and language.

.. math:: bucket(salt, viewer) = \mathrm{SHA256}(salt \Vert \mathtt{0x1f} \Vert viewer)_{0..7} \bmod 10000

the first eight bytes as an unsigned big-endian number; texts in UTF-8. The separator 0x1f is unambiguous,
since no id contains a control character. Three buckets are drawn, each with its own salt and therefore
independent:

1. ``holdout`` (the same for all experiments): below `Experiment.holdout` the viewer is in no arm;
2. the name of the exclusion group: outside `group_from` .. `group_to` the viewer is not in this experiment;
3. the salt of the experiment: arms are adjacent ranges from bucket 0 on, each as wide as its share.

SHA-256, because every language has it, and because hashes for tables (murmur2, FNV) correlate for similar
keys. A thousand assignments take a few milliseconds. Golden vectors: ``schemas/contracts/assignment.json``.
"""

from hashlib import sha256
from typing import Final

from schemas.experiments import Experiment, ListArm

__all__ = ["BUCKETS", "HOLDOUT", "assign", "bucket", "in_holdout", "part_of", "width"]

BUCKETS: Final = 10_000
"""Steps of a share: .0001."""
HOLDOUT: Final = "holdout"
"""Salt of the holdout, which all experiments share."""


def bucket(salt: str, viewer_id: str) -> int:
    """Return a viewer's bucket, 0 to 9,999.

    Examples
    --------
    >>> bucket("2026-11", "ada"), bucket("2026-12", "ada")
    (726, 1726)
    """
    return int.from_bytes(sha256(f"{salt}\x1f{viewer_id}".encode()).digest()[:8]) % BUCKETS


def width(share: float) -> int:
    """Return the number of buckets of a share.

    Examples
    --------
    >>> width(0.3333), width(0.5)
    (3333, 5000)
    """
    return round(share * BUCKETS)


def in_holdout(experiment: Experiment, viewer_id: str) -> bool:
    """Return True if the viewer is in the holdout: in no arm, and without roll-outs."""
    return experiment.holdout > 0 and bucket(HOLDOUT, viewer_id) < width(experiment.holdout)


def part_of(experiment: Experiment) -> float:
    """Return the experiment's share of its exclusion group; 1 without a group."""
    return (experiment.group_to - experiment.group_from) / BUCKETS if experiment.group else 1.0


def assign(experiment: Experiment, viewer_id: str) -> ListArm | None:
    """Return a viewer's arm, or None outside of all arms; ignores the state and the audience.

    Parameters
    ----------
    experiment
        Shares, salt, group and holdout are used.
    viewer_id
        The viewer.

    Returns
    -------
    ListArm or None
        The propensity is the share of the arm among the eligible viewers: in the part of the group, and not
        in the holdout.

    Examples
    --------
    >>> from schemas.experiments import Arm, ExperimentState
    >>> arms = (Arm(name="control", share=0.5), Arm(name="new", share=0.5))
    >>> trial = Experiment(experiment_id="trial", state=ExperimentState.RUNNING, arms=arms)
    >>> assign(trial, "ada").arm, assign(trial, "bob").arm, assign(trial, "bob").propensity
    ('control', 'new', 0.5)
    """
    if in_holdout(experiment, viewer_id):
        return None
    if experiment.group is not None:
        place = bucket(experiment.group, viewer_id)
        if not experiment.group_from <= place < experiment.group_to:
            return None
    place = bucket(experiment.salt or experiment.experiment_id, viewer_id)
    for arm in experiment.arms:
        place -= width(arm.share)
        if place < 0:
            return ListArm(experiment_id=experiment.experiment_id, arm=arm.name, propensity=arm.share)
    return None
