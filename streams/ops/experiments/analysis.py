"""Power by simulation, and off-policy estimates from an experiment's viewers or from a log."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from online_models.experiments import power as trials_of
from online_models.experiments.exposure import ViewerTally
from online_models.experiments.off_policy import OffPolicy, PolicyLog, evaluate, policy_log
from schemas import topics
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.kafka import scan as topic_scan
from streams.ops.experiments.admin import find
from streams.stages.experiments.definitions import read_experiments
from streams.stages.experiments.rows import VIEWERS
from streams.stages.wire.partition_rows import is_reserved

__all__ = ["estimate_from_experiment", "estimate_from_file", "power", "read_viewers"]

LOOKS = 2_000
"""Looks at each trial: one every 50 viewers of a hundred thousand."""
_FIELDS = ("reward", "logged", "target")
_MODEL = ("predicted", "expected")


def power(*, lift: float, viewers: int, trials: int, alpha: float, seed: int) -> dict[str, Any]:
    """Simulate trials with the viewers' past as a covariate (CUPED), and without.

    Returns
    -------
    dict
        ``found`` and ``wrong``: shares of trials with a right and with a wrong decision; ``half_decided_by``:
        viewers after which half of the trials were decided (None: not half of them); the same without the
        covariate under ``plain``.
    """
    every = max(1, viewers // LOOKS)

    def figures(*, cuped: bool) -> dict[str, float | None]:
        found = trials_of.run(trials, viewers, lift=lift, alpha=alpha, every=every, cuped=cuped, seed=seed)
        half = found.decided_by(0.5)
        return {"found": found.power, "wrong": found.wrong, "half_decided_by": None if half != half else half}  # noqa: PLR0124 - NaN

    facts = {"lift": lift, "viewers": viewers, "trials": trials, "alpha": alpha}
    return {**facts, **figures(cuped=True), "plain": figures(cuped=False)}


def estimate_from_experiment(
    settings: Settings, name: str, policy: Mapping[str, str], *, alpha: float
) -> dict[str, OffPolicy]:
    """Estimate the value of a policy that assigns arms by country, from an experiment's viewers.

    Raises
    ------
    ExperimentError
        There is no such experiment, the policy does not fit it, or no viewer was exposed.
    """
    experiment = find(read_experiments(settings), name)
    try:
        log = policy_log(experiment, read_viewers(settings).values(), policy)
    except ValueError as error:
        raise ExperimentError(str(error), next_step="see `nearline experiments show`") from None
    return evaluate(log, alpha=alpha)


def estimate_from_file(path: Path, *, alpha: float, clip: float) -> dict[str, OffPolicy]:
    """Estimate the value of a policy from a log of decisions: one JSON object a line.

    Keys: ``reward``, ``logged`` and ``target`` (probabilities of the taken action under both policies);
    ``viewer`` if a viewer has several lines; ``predicted`` and ``expected`` (of a reward model) for the
    doubly robust estimate.

    Raises
    ------
    ExperimentError
        The file cannot be read, or a line lacks a key.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        columns = {name: np.array([line[name] for line in lines], np.float64) for name in _FIELDS}
        if lines and all(name in line for line in lines for name in _MODEL):
            columns |= {name: np.array([line[name] for line in lines], np.float64) for name in _MODEL}
        viewers = [str(line.get("viewer", number)) for number, line in enumerate(lines)]
        clusters = np.unique(viewers, return_inverse=True)[1] if viewers else None
        return evaluate(PolicyLog(**columns, clusters=clusters), alpha=alpha, clip=clip)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{path} is no log of decisions"
        advice = 'give lines such as {"reward": 1.5, "logged": 0.25, "target": 1.0, "viewer": "ada"}'
        raise ExperimentError(what, why=f"{type(error).__name__}: {error}", next_step=advice) from None


def read_viewers(settings: Settings) -> dict[str, ViewerTally]:
    """Read the newest results of every viewer, by viewer id."""
    parts = range(topic_scan.partitions_of(settings, topics.EXPERIMENT_VIEWERS))
    found = topic_scan.read_latest(settings, topics.EXPERIMENT_VIEWERS, parts)
    return {
        key.decode(): VIEWERS.unpack(value)
        for key, message in found.items()
        if not is_reserved(key) and (value := message.value()) is not None
    }
