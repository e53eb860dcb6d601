"""The worker that counts for content teams, with the visits stage and the insights stage."""

from collections.abc import Mapping

from schemas import topics
from streams.config.settings import Settings
from streams.engine.app import Worker
from streams.engine.context import Failpoint, no_failpoint
from streams.engine.stage import StageSpec
from streams.kafka.topics import TopicInfo
from streams.stages.analytics.catalog_counts import CatalogCounts
from streams.stages.analytics.worker import build_analytics_worker
from streams.stages.insights.step import insights_spec
from streams.stages.insights.visits import visits_spec
from streams.stages.wire.events import clock_of
from streams.telemetry.metrics import Metrics

__all__ = ["NAME", "WANTED", "build_insights_worker"]

NAME = "insights"
"""Suffix of the group and the state folder."""
WANTED = (
    topics.EVENTS, topics.CATALOG, topics.INSIGHTS_TITLES, topics.INSIGHTS_DEMAND,
    topics.INSIGHTS_VIEWERS, topics.INSIGHTS_VISITS, topics.INSIGHTS_STATE, topics.DEAD_LETTERS,
)  # fmt: skip
"""Topics that must exist."""


def build_insights_worker(settings: Settings, *, failpoint: Failpoint = no_failpoint) -> Worker:
    """Build the worker; see :func:`streams.stages.analytics.worker.build_analytics_worker`."""
    return build_analytics_worker(settings, NAME, WANTED, _compose, failpoint=failpoint)


def _compose(
    own: Settings, found: Mapping[str, TopicInfo], metrics: Metrics
) -> tuple[list[StageSpec], list[CatalogCounts]]:
    catalog = CatalogCounts(own, partitions=found[topics.CATALOG].partitions, metrics=metrics)
    return [visits_spec(own, catalog.current, clock_of(own)), insights_spec(own, catalog.current)], [catalog]
