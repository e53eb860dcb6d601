"""What another policy would have got: from the counted viewers of an experiment, or from a log in a file."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from online_models.experiments.off_policy import Log, OffPolicy, evaluate
from online_models.experiments.policy_log import log_of
from online_models.experiments.tallies import ViewerTally
from schemas import topics
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.kafka import scan as topic_scan
from streams.ops.experiments.admin import find
from streams.stages.experiments.definitions import read_experiments
from streams.stages.experiments.rows import VIEWERS
from streams.stages.wire.partition_rows import is_reserved

__all__ = ["of_experiment", "of_file", "read_parts"]

_FIELDS = ("reward", "logged", "target")
_MODEL = ("predicted", "expected")


def of_experiment(
    settings: Settings, name: str, policy: Mapping[str, str], *, alpha: float
) -> dict[str, OffPolicy]:
    """Estimate a policy over countries on an experiment's viewers.

    Raises
    ------
    ExperimentError
        There is no such experiment, the policy does not fit it, or nobody was exposed.
    """
    one = find(read_experiments(settings), name)
    try:
        log = log_of(one, read_parts(settings).values(), policy)
    except ValueError as error:
        raise ExperimentError(str(error), next_step="see `nearline experiments show`") from None
    return evaluate(log, alpha=alpha)


def of_file(path: Path, *, alpha: float, clip: float) -> dict[str, OffPolicy]:
    """Estimate a policy on a log: a JSON object a line.

    Keys: ``reward``, ``logged`` and ``target`` (probabilities of the action that was taken); ``viewer``,
    where a viewer has several lines; ``predicted`` and ``expected`` (a model's), for the doubly robust
    estimate.

    Raises
    ------
    ExperimentError
        The file cannot be read, or is no such log.
    """
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        columns = {name: np.array([line[name] for line in lines], np.float64) for name in _FIELDS}
        if lines and all(name in line for line in lines for name in _MODEL):
            columns |= {name: np.array([line[name] for line in lines], np.float64) for name in _MODEL}
        viewers = [str(line.get("viewer", number)) for number, line in enumerate(lines)]
        clusters = np.unique(viewers, return_inverse=True)[1] if viewers else None
        return evaluate(Log(**columns, clusters=clusters), alpha=alpha, clip=clip)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{path} is no log of decisions"
        advice = 'give lines such as {"reward": 1.5, "logged": 0.25, "target": 1.0, "viewer": "ada"}'
        raise ExperimentError(what, why=f"{type(error).__name__}: {error}", next_step=advice) from None


def read_parts(settings: Settings) -> dict[str, ViewerTally]:
    """Read every viewer's part, as the results stage last wrote it."""
    parts = range(topic_scan.partitions_of(settings, topics.EXPERIMENT_VIEWERS))
    found = topic_scan.read_latest(settings, topics.EXPERIMENT_VIEWERS, parts)
    return {
        key.decode(): VIEWERS.unpack(value)
        for key, message in found.items()
        if not is_reserved(key) and (value := message.value()) is not None
    }
