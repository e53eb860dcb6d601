"""The definitions of experiments; a companion of the worker (`streams.engine.definitions`).

Threads read the newest plan (`online_models.experiments.plan`) without a lock: a plan never changes.
"""

from typing import Final

from online_models.experiments.definition import problems
from online_models.experiments.plan import ExperimentPlan
from schemas import topics
from schemas.codec import decode_experiment
from schemas.experiments import Experiment
from streams.config.settings import Settings
from streams.engine.definitions import DefinitionKind, Definitions, known_after
from streams.engine.table_records import UnusableRecords
from streams.kafka import scan as topic_scan
from streams.telemetry.metrics import Metrics

__all__ = ["EXPERIMENTS", "experiments_of", "read_experiments"]

EXPERIMENTS: Final = DefinitionKind(topics.EXPERIMENTS, "experiment", decode_experiment, problems)


def experiments_of(
    settings: Settings, *, partitions: int, metrics: Metrics, unusable: UnusableRecords | None = None
) -> Definitions[Experiment, ExperimentPlan]:
    """Return the reader of experiments, not yet started, over the partitions of their topic."""
    return Definitions(
        settings, EXPERIMENTS, ExperimentPlan, partitions=partitions, metrics=metrics, unusable=unusable
    )


def read_experiments(settings: Settings) -> dict[str, Experiment]:
    """Read the topic to its end.

    Raises
    ------
    TopicError
        There is no such topic.
    BrokerUnreachableError
        The broker does not answer.
    """
    return known_after(EXPERIMENTS, topic_scan.read_all(settings, topics.EXPERIMENTS))
