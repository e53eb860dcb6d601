"""The worker that counts experiments, with the results stage and the decisions stage."""

from collections.abc import Mapping

from schemas import topics
from streams.config.settings import Settings
from streams.engine.app import Companion, Worker
from streams.engine.context import Failpoint, no_failpoint
from streams.engine.stage import StageSpec
from streams.kafka.topics import TopicInfo
from streams.stages.analytics.catalog_counts import CatalogCounts
from streams.stages.analytics.worker import build_analytics_worker
from streams.stages.experiments.decisions import decisions_spec
from streams.stages.experiments.definitions import experiments_of
from streams.stages.experiments.results import results_spec
from streams.stages.wire.events import clock_of
from streams.telemetry.metrics import Metrics

__all__ = ["NAME", "WANTED", "build_results_worker"]

NAME = "experiments"
"""Suffix of the group and the state folder."""
WANTED = (
    topics.EVENTS, topics.CATALOG, topics.EXPERIMENTS, topics.EXPERIMENT_RESULTS, topics.EXPERIMENT_VIEWERS,
    topics.EXPERIMENT_TALLIES, topics.EXPERIMENT_DECISIONS, topics.DEAD_LETTERS,
)  # fmt: skip
"""Topics that must exist."""


def build_results_worker(settings: Settings, *, failpoint: Failpoint = no_failpoint) -> Worker:
    """Build the worker; see :func:`streams.stages.analytics.worker.build_analytics_worker`."""
    return build_analytics_worker(settings, NAME, WANTED, _compose, failpoint=failpoint)


def _compose(
    own: Settings, found: Mapping[str, TopicInfo], metrics: Metrics
) -> tuple[list[StageSpec], list[Companion]]:
    experiments = experiments_of(own, partitions=found[topics.EXPERIMENTS].partitions, metrics=metrics)
    catalog = CatalogCounts(own, partitions=found[topics.CATALOG].partitions, metrics=metrics)
    results = results_spec(own, experiments.current, lambda: catalog.current().labels, clock_of(own))
    return [results, decisions_spec(own, experiments.current)], [experiments, catalog]
