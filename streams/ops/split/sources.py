"""The stages whose topics are split: where they are, and whether they may be split now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas import topics
from schemas.versions import ModelVersion
from streams.config.settings import Settings
from streams.engine.applied import newest_applied, unpack_applied
from streams.errors import PartitionsChangedError, TopicError, VersionError
from streams.kafka import scan
from streams.kafka.clients import consumer, producer
from streams.kafka.topics import require_topics
from streams.ops.split import routes
from streams.ops.split.routes import Route, Split
from streams.ops.versions import members
from streams.stages.analytics.worker import own_settings
from streams.stages.experiments.worker import NAME as EXPERIMENTS
from streams.stages.insights.worker import NAME as INSIGHTS
from streams.stages.versions.register import Register, read_register

__all__ = [
    "LEFT", "STAGES", "TABLES", "Positions", "StageTopics", "fence", "positions", "require_splittable",
    "unapplied",
]  # fmt: skip

FENCE_S: Final = 60.0
"""Seconds to fence a worker: the coordinator may first have to abort its open transaction."""


class StageTopics(NamedTuple):
    """A stage, its source and its state."""

    name: str
    source: str
    changelog: str
    worker: str = ""
    """Suffix of its worker's group; empty for the workers that make pages."""
    route: Route | None = None
    """Of its rows; None: its partitions do not change, as those of shards, and of what has one."""

    def settings(self, settings: Settings) -> Settings:
        """Return the settings of its worker."""
        return own_settings(settings, self.worker) if self.worker else settings


STAGES: Final = (
    StageTopics("viewers", topics.EVENTS, topics.VIEWER_STATE, route=routes.viewer_row),
    StageTopics("titles", topics.SIGNALS, topics.TITLE_MODEL),
    StageTopics("results", topics.EVENTS, topics.EXPERIMENT_VIEWERS, EXPERIMENTS, routes.result_row),
    StageTopics("decisions", topics.EXPERIMENT_TALLIES, topics.EXPERIMENT_DECISIONS, EXPERIMENTS),
    StageTopics("visits", topics.EVENTS, topics.INSIGHTS_VIEWERS, INSIGHTS, routes.visit_row),
    StageTopics("insights", topics.INSIGHTS_VISITS, topics.INSIGHTS_STATE, INSIGHTS),
)
"""All stages."""
TABLES: Final = (
    topics.CATALOG, topics.HOME, topics.TRENDING, topics.INSIGHTS_TITLES, topics.INSIGHTS_DEMAND,
    topics.EXPERIMENTS, topics.EXPERIMENT_RESULTS, topics.RULES, topics.AUDIT,
)  # fmt: skip
"""Topics of which every record is copied, to the partition of its key."""
LEFT: Final = (topics.ALERTS, topics.DEAD_LETTERS)
"""Logs that stay where they are: who has read an alert would read it again."""


@dataclass(frozen=True, slots=True)
class Positions:
    """How far the stages are."""

    applied: Mapping[str, Mapping[int, int]]
    """Last applied source offset by stage and partition; -1 for none. Without the stages that never ran."""
    spans: Mapping[int, tuple[int, int]]
    """First offset and end of each partition of the events."""


def require_splittable(settings: Settings, after: int) -> tuple[Split, Register]:
    """Return the split, if it can be done: no worker runs, one version of the model, a multiple.

    Raises
    ------
    PartitionsChangedError
        The number is no multiple of the present one.
    TopicError
        A topic is missing, or workers run.
    VersionError
        There are several versions of the model, or that of the settings is not live.
    """
    found = require_topics(settings, list(topics.TOPICS))
    before = found[topics.EVENTS].partitions
    if after <= before or after % before:
        what = f"{before} partitions cannot be split into {after}"
        why = "a multiple leaves each viewer with the partition's neighbours that were there before"
        raise PartitionsChangedError(what, why=why, next_step=f"give a multiple of {before}")
    odd = [name for name in topics.CO_PARTITIONED if found[name].partitions != before]
    if odd:
        what = f"{settings.topic(odd[0])} has {found[odd[0]].partitions} partitions, the events have {before}"
        raise TopicError(what, why="they belong together", next_step="see `nearline topics check`")
    register = read_register(settings)
    _require_one_version(settings, register)
    for own in {stage.worker: stage.settings(settings) for stage in STAGES}.values():
        if count := members(own):
            what = f"group {own.consumer_group} has {count} member(s)"
            why = "a worker runs, or was killed within the session timeout"
            raise TopicError(what, why=why, next_step="stop all workers, wait for the timeout, then repeat")
    return Split(before, after, settings.profiles, settings.model_version), register


def fence(settings: Settings, partitions: Mapping[str, int]) -> None:
    """Take the transactional ids of all partitions: what still hangs is aborted, and nobody commits any more.

    Parameters
    ----------
    settings
        Cluster and group.
    partitions
        Number of partitions of each stage's source.
    """
    for stage in STAGES:
        group = stage.settings(settings).consumer_group
        for partition in range(partitions[stage.source]):
            name = f"{group}.{stage.name}.{partition}"
            producer(settings, {"transactional.id": name}).init_transactions(FENCE_S)


def positions(settings: Settings, register: Register) -> Positions:
    """Return how far the stages are, and what the event log has."""
    applied = {}
    for stage in STAGES:
        reader = consumer(settings, scan.READER)
        try:
            found = newest_applied(
                reader, settings.topic(stage.changelog), scan.spans(settings, stage.changelog)
            )
        finally:
            reader.close()
        if found:
            every = range(scan.partitions_of(settings, stage.changelog))
            applied[stage.name] = {p: unpack_applied(found[p]) if p in found else -1 for p in every}
    starts, spans = _entry(settings, register).starts, scan.spans(settings, topics.EVENTS)
    learned = applied.get("viewers", dict.fromkeys(spans, -1))
    applied["viewers"] = {
        p: max(offset, starts[p] - 1 if p < len(starts) else -1) for p, offset in learned.items()
    }
    return Positions(applied, spans)


def _require_one_version(settings: Settings, register: Register) -> None:
    others = [name for name in register.versions if name != settings.model_version]
    if others:
        what = f"there are other versions of the model: {', '.join(sorted(others))}"
        why = "the state of one version is split"
        advice = "retire them (`nearline model retire`), or set NEARLINE_MODEL_VERSION to the one that stays"
        raise VersionError(what, why=why, next_step=advice)
    if any(not switch.cut for switch in register.switches.values()):
        what = "a switch between versions was not finished"
        raise VersionError(what, next_step="finish it with `nearline model switch`, then repeat")
    if register.versions and register.live != settings.model_version:
        what = f"version {settings.model_version} does not publish, {register.live} does"
        raise VersionError(what, next_step="set NEARLINE_MODEL_VERSION to the version that publishes")


def _entry(settings: Settings, register: Register) -> ModelVersion:
    """Return the version's entry; one without any effect where no worker has ever run."""
    empty = ModelVersion(name=settings.model_version, fingerprint="-", epoch=0, registered_at_ms=10**12)
    return register.versions.get(settings.model_version, empty)


def unapplied(stage: StageTopics, settings: Settings, found: Positions) -> Iterator[tuple[int, int]]:
    """Yield the partitions of a stage's source, and where what it has not applied begins."""
    applied = found.applied.get(stage.name, {})
    for partition, (low, _) in scan.spans(settings, stage.source).items():
        yield partition, max(low, applied.get(partition, -1) + 1)
