r"""Who is in which arm: a hash of the viewer, equal in every worker, process and language.

.. math:: bucket(salt, viewer) = \mathrm{SHA256}(salt \Vert \mathtt{0x1f} \Vert viewer)_{0..7} \bmod 10000

the first eight bytes read as an unsigned number, big-endian; texts in UTF-8, which no id can break out of:
none has a control character. Three draws, each with a salt of its own and so independent of the others:

1. ``holdout`` (the same for all experiments): below `Experiment.holdout` the viewer is in no arm;
2. the exclusion group's name: outside `group_from` .. `group_to` the viewer is not in this experiment;
3. the experiment's salt: arms lie side by side from bucket 0 on, each as wide as its share.

SHA-256 because every language has it, and because hashes for tables (murmur2, FNV) show in the arms what keys
have in common; a thousand assignments take a few milliseconds. Golden vectors: contracts/assignment.json.
"""

from hashlib import sha256
from typing import Final

from schemas.experiments import Experiment, ListArm

__all__ = ["BUCKETS", "HOLDOUT", "assign", "bucket", "in_holdout", "part_of", "width"]

BUCKETS: Final = 10_000
"""Steps of a share: .0001."""
HOLDOUT: Final = "holdout"
"""Salt of the draw that all experiments share."""


def bucket(salt: str, viewer_id: str) -> int:
    """Return a viewer's place among 10,000.

    Examples
    --------
    >>> bucket("2026-11", "ada"), bucket("2026-12", "ada")
    (726, 1726)
    """
    return int.from_bytes(sha256(f"{salt}\x1f{viewer_id}".encode()).digest()[:8]) % BUCKETS


def width(share: float) -> int:
    """Return how many buckets a share has.

    Examples
    --------
    >>> width(0.3333), width(0.5)
    (3333, 5000)
    """
    return round(share * BUCKETS)


def in_holdout(experiment: Experiment, viewer_id: str) -> bool:
    """Say whether a viewer is kept out of arms and winners."""
    return experiment.holdout > 0 and bucket(HOLDOUT, viewer_id) < width(experiment.holdout)


def part_of(experiment: Experiment) -> float:
    """Return the share of the exclusion group that the experiment has; 1 without a group."""
    return (experiment.group_to - experiment.group_from) / BUCKETS if experiment.group else 1.0


def assign(experiment: Experiment, viewer_id: str) -> ListArm | None:
    """Return a viewer's arm, whatever the experiment's state and audience; None outside of all arms.

    Parameters
    ----------
    experiment
        Its shares, salt, group and holdout.
    viewer_id
        The viewer.

    Returns
    -------
    ListArm or None
        The propensity is the arm's share among the viewers of this group's part who are not held out.

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
