"""Composition of one worker: both stages, the replica, experiments, rules and versions."""

from collections.abc import Mapping
from importlib.metadata import version
from timeit import default_timer

import structlog

from online_models.shipped_kernels import decided
from online_models.warm_up import warm_up
from schemas import topics
from streams.config.settings import Settings
from streams.engine.app import Worker, build_app
from streams.engine.context import Failpoint, no_failpoint
from streams.engine.table_records import UnusableRecords
from streams.errors import TopicError
from streams.kafka.topics import require_topics
from streams.stages.experiments.definitions import experiments_of
from streams.stages.rules import rules_of
from streams.stages.titles.step import titles_spec
from streams.stages.versions.status import RegisteredVersion
from streams.stages.viewers.replica import Replica
from streams.stages.viewers.step import ViewersStage
from streams.stages.wire.events import clock_of
from streams.telemetry.metrics import Metrics

_LOG = structlog.get_logger(__name__)


def load_kernels() -> None:
    """Load the compiled kernels; compile those that are missing, and log how long that took."""
    began = default_timer()
    if compiled := warm_up():
        seconds = round(default_timer() - began, 1)
        _LOG.warning("kernels_compiled", kernels=compiled, seconds=seconds, cause=decided().cause)


def partitions_of(settings: Settings) -> dict[str, int]:
    """Return the number of partitions of each topic of the worker.

    Raises
    ------
    TopicError
        A topic is missing, or does not match the others.
    """
    wanted = (
        topics.EVENTS, topics.CATALOG, topics.HOME, topics.ALERTS, topics.TRENDING, topics.DEAD_LETTERS,
        topics.SIGNALS, topics.TITLE_MODEL, topics.VIEWER_STATE, topics.MODEL_VERSIONS, topics.EXPERIMENTS,
        topics.RULES,
    )  # fmt: skip
    partitions = {name: topic.partitions for name, topic in require_topics(settings, wanted).items()}
    _check_partitions(settings, partitions)
    return partitions


def _check_partitions(settings: Settings, partitions: Mapping[str, int]) -> None:
    """Raise unless pages have the partitions of their events, and each title shard has a partition."""
    for name in (topics.HOME, topics.ALERTS):
        if partitions[name] != partitions[topics.EVENTS]:
            pair = f"{settings.topic(name)} and {settings.topic(topics.EVENTS)}"
            what = f"{pair} have different numbers of partitions"
            counts = f"{partitions[name]} and {partitions[topics.EVENTS]}"
            why = f"{counts}; the page of a viewer is in the partition of their events"
            raise TopicError(
                what, why=why, next_step="give both the same number, see `nearline topics check`"
            )
    if partitions[topics.SIGNALS] < settings.title_shards:
        what = f"{settings.topic(topics.SIGNALS)} has {partitions[topics.SIGNALS]} partitions"
        why = f"there are {settings.title_shards} title shards"
        raise TopicError(what, why=why, next_step="set NEARLINE_TITLE_SHARDS to the number of partitions")


def build_worker(settings: Settings, *, failpoint: Failpoint = no_failpoint) -> Worker:
    """Compose a worker; tests pass a `failpoint`, which is called between effects."""
    partitions = partitions_of(settings)
    metrics = Metrics(version=version("nearline"))
    metrics.name(settings.tenant)
    metrics.watch_disk(settings.state_folder)
    unusable = UnusableRecords(metrics, letters=True)
    replica = Replica(
        settings,
        partitions=partitions[topics.CATALOG],
        viewer_partitions=partitions[topics.EVENTS],
        metrics=metrics,
        unusable=unusable,
    )
    experiments = experiments_of(
        settings, partitions=partitions[topics.EXPERIMENTS], metrics=metrics, unusable=unusable
    )
    rules = rules_of(
        settings,
        partitions=partitions[topics.RULES],
        metrics=metrics,
        on_change=replica.catalog.set_rules,
        unusable=unusable,
    )
    versions = RegisteredVersion(
        settings, partitions=partitions[topics.MODEL_VERSIONS], metrics=metrics, unusable=unusable
    )
    viewers = ViewersStage(
        settings,
        replica,
        partitions=partitions[topics.EVENTS],
        metrics=metrics,
        versions=versions,
        wall_clock=clock_of(settings),
        plan=experiments.current,
        rules=rules.wait,
        unusable=unusable,
    )
    titles = titles_spec(
        settings,
        versions,
        replica.catalog.labels_since,
        all_labelled=replica.has_whole_catalog,
        in_catalog=replica.catalog.has_keys,
        on_evicted=metrics.titles_evicted.inc,
    )
    names = map(settings.topic, partitions)
    app = build_app(settings, [viewers.spec(), titles], metrics, topics=names, failpoint=failpoint)
    return Worker(app, (versions, replica, experiments, rules), metrics, load_kernels)
