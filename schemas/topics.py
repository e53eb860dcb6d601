"""All topics: one table, which `nearline topics apply` creates and `nearline topics check` verifies.

Names end in the version of their contract; a breaking change makes a new topic, in parallel to the old one.
Partition counts are part of the contract: raising one moves keys to other partitions, away from their state
(`nearline topics split` moves the state, too).
The topics in `CO_PARTITIONED` must have equal partition counts.

The event log also contains one marker per partition for each switch between versions of the model
(`schemas.versions.SwitchMarker`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from schemas.versions import FIRST_VERSION

__all__ = [
    "ALERTS",
    "AUDIT",
    "CATALOG",
    "CO_PARTITIONED",
    "DEAD_LETTERS",
    "EVENTS",
    "EXPERIMENTS",
    "EXPERIMENT_DECISIONS",
    "EXPERIMENT_RESULTS",
    "EXPERIMENT_TALLIES",
    "EXPERIMENT_VIEWERS",
    "HOME",
    "INSIGHTS_DEMAND",
    "INSIGHTS_STATE",
    "INSIGHTS_TITLES",
    "INSIGHTS_VIEWERS",
    "INSIGHTS_VISITS",
    "MODEL_VERSIONS",
    "PER_VERSION",
    "RULES",
    "SIGNALS",
    "TITLE_MODEL",
    "TOPICS",
    "TRENDING",
    "VIEWER_STATE",
    "TopicSpec",
    "named",
    "prefixed",
]

EVENTS: Final = "viewing.events.v1"
CATALOG: Final = "catalog.titles.v1"
HOME: Final = "recs.home.v1"
ALERTS: Final = "recs.alerts.v1"
AUDIT: Final = "audit.v1"
TRENDING: Final = "trending.v1"
INSIGHTS_TITLES: Final = "insights.titles.v1"
INSIGHTS_DEMAND: Final = "insights.demand.v1"
INSIGHTS_VIEWERS: Final = "insights.viewers.v1"
INSIGHTS_VISITS: Final = "insights.visits.v1"
INSIGHTS_STATE: Final = "insights.state.v1"
EXPERIMENTS: Final = "experiments.v1"
EXPERIMENT_RESULTS: Final = "experiments.results.v1"
EXPERIMENT_VIEWERS: Final = "experiments.viewers.v1"
EXPERIMENT_TALLIES: Final = "experiments.tallies.v1"
EXPERIMENT_DECISIONS: Final = "experiments.decisions.v1"
RULES: Final = "rules.v1"
DEAD_LETTERS: Final = "viewing.dead-letters.v1"
MODEL_VERSIONS: Final = "model.versions.v1"
SIGNALS: Final = "titles.signals.v1"
TITLE_MODEL: Final = "titles.model.v1"
VIEWER_STATE: Final = "viewers.state.v1"

CO_PARTITIONED: Final = (EVENTS, HOME, ALERTS, VIEWER_STATE, EXPERIMENT_VIEWERS, INSIGHTS_VIEWERS)
"""Topics keyed by viewer that need equal partition counts: a viewer's records have the same partition number
in each of them."""

PER_VERSION: Final = (SIGNALS, TITLE_MODEL, VIEWER_STATE)
"""Topics that each version of the model has for itself; versions share all others."""

_DAY_MS: Final = 86_400_000
_COMPACT: Final = MappingProxyType(
    {
        # compact when a fifth is outdated (the default is half): replicas read these topics completely
        "min.cleanable.dirty.ratio": "0.2",
        # the active segment is never compacted, so close it every hour
        "segment.ms": str(_DAY_MS // 24),
        # a consumer that reads at least once a day sees every tombstone
        "delete.retention.ms": str(_DAY_MS),
        # forgotten viewers are physically deleted within a week
        "max.compaction.lag.ms": str(7 * _DAY_MS),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """One topic.

    Attributes
    ----------
    name
        Name on the broker.
    key
        Meaning of the key.
    value
        Name of the struct in the value, or a description if there is none.
    cleanup
        Kafka's ``cleanup.policy``.
    retention_ms
        Retention in milliseconds; -1: unlimited, as for every compacted topic.
    partitions
        Number of partitions.
    written_by
        The writers.
    internal
        True if only workers of nearline may read and write it.
    sharded
        True if its partitions are title shards.
    config
        Further settings of the topic.
    """

    name: str
    key: str
    value: str
    cleanup: Literal["compact", "delete"]
    retention_ms: int
    partitions: int
    written_by: str
    internal: bool = False
    sharded: bool = False
    config: Mapping[str, str] = field(default_factory=dict)

    def settings(self) -> dict[str, str]:
        """Return the complete topic configuration, for the admin interface of Kafka.

        Examples
        --------
        >>> TOPICS[EVENTS].settings()["retention.ms"]
        '604800000'
        """
        return {"cleanup.policy": self.cleanup, "retention.ms": str(self.retention_ms), **self.config}


_BOUNDED_TIMES: Final = MappingProxyType(
    {
        # the default of Kafka 4; earlier ones take any time. Event times are bounded by that of their record
        "message.timestamp.after.max.ms": str(_DAY_MS // 24),
        # retention deletes an older record at once, and with it all of its segment: seconds in place of ms
        "message.timestamp.before.max.ms": str(7 * _DAY_MS),
    }
)


def _kept(name: str, key: str, value: str, written_by: str, days: int) -> TopicSpec:
    return TopicSpec(
        name=name,
        key=key,
        value=value,
        cleanup="delete",
        retention_ms=days * _DAY_MS,
        partitions=4,
        written_by=written_by,
    )


def _compacted(name: str, key: str, value: str, written_by: str, partitions: int) -> TopicSpec:
    return TopicSpec(
        name=name,
        key=key,
        value=value,
        cleanup="compact",
        retention_ms=-1,
        partitions=partitions,
        written_by=written_by,
        config=_COMPACT,
    )


_PUBLIC: Final = (
    replace(_kept(EVENTS, "viewer id", "Event", "producers", 7), config=_BOUNDED_TIMES),
    _compacted(CATALOG, "title id", "Title", "catalog owner", 4),
    _compacted(HOME, "viewer id", "Home", "viewers stage", 4),
    _kept(ALERTS, "viewer id", "Alert", "viewers stage", 30),
    _compacted(TRENDING, "scope", "Trending", "titles stage", 1),
    _compacted(INSIGHTS_TITLES, "title id", "TitleInsight", "insights stage", 1),
    _compacted(INSIGHTS_DEMAND, "kind of demand and its subject", "Demand", "insights stage", 1),
    _compacted(EXPERIMENTS, "experiment id", "Experiment", "experimenters, results stage", 1),
    _compacted(EXPERIMENT_RESULTS, "experiment id", "ExperimentResult", "decisions stage", 1),
    _compacted(RULES, "rule id", "BusinessRule", "operators", 1),
    _kept(DEAD_LETTERS, "key of the source record", "DeadLetter", "any stage", 30),
    replace(_kept(AUDIT, "actor", "AuditRecord", "operators", 365), partitions=1),
)
_INTERNAL: Final = (
    _compacted(MODEL_VERSIONS, "version or switch", "ModelVersion, ModelSwitch", "workers, operators", 1),
    replace(_kept(SIGNALS, "title shard", "packed columns", "viewers stage", 1), sharded=True, partitions=1),
    replace(_compacted(TITLE_MODEL, "title id", "packed row", "titles stage", 1), sharded=True),
    _compacted(VIEWER_STATE, "viewer id", "packed row", "viewers stage", 4),
    _compacted(EXPERIMENT_VIEWERS, "viewer id", "packed row", "results stage", 4),
    _compacted(EXPERIMENT_TALLIES, "experiment and partition", "tally", "results stage", 1),
    _compacted(EXPERIMENT_DECISIONS, "experiment and partition", "tally", "decisions stage", 1),
    _compacted(INSIGHTS_VIEWERS, "viewer id", "packed row", "visits stage", 4),
    replace(_kept(INSIGHTS_VISITS, "none", "packed visits", "visits stage", 1), partitions=1),
    _compacted(INSIGHTS_STATE, "title, or subject of demand", "packed row", "insights stage", 1),
)

TOPICS: Final[Mapping[str, TopicSpec]] = MappingProxyType(
    {spec.name: spec for spec in (*_PUBLIC, *(replace(spec, internal=True) for spec in _INTERNAL))}
)
"""All topics by name. The default is 4 partitions, the fixed number of librdkafka's mock cluster."""


def named(name: str, *, prefix: str = "", version: str = FIRST_VERSION) -> str:
    """Return the name of a topic on the cluster: with the prefix, and the version if it is per version.

    Examples
    --------
    >>> named(TITLE_MODEL), named(TITLE_MODEL, prefix="staging.", version="blue"), named(HOME, version="blue")
    ('titles.model.v1', 'staging.titles.model.v1.blue', 'recs.home.v1')
    """
    own = name in PER_VERSION and version != FIRST_VERSION
    return f"{prefix}{name}.{version}" if own else f"{prefix}{name}"


def prefixed(
    prefix: str, *, partitions: int = 4, title_shards: int = 1, version: str = FIRST_VERSION
) -> dict[str, TopicSpec]:
    """Return the table for one installation.

    Parameters
    ----------
    prefix
        Prefix of every name, as in ``staging.``; may be empty.
    partitions
        Number of partitions of the topics keyed by viewer, title or source key that have more than one.
    title_shards
        Number of partitions of the topics that are sharded by title.
    version
        Version of the model, for the names in `PER_VERSION`.

    Returns
    -------
    dict
        By the name *without* prefix, so that code can write ``topics[EVENTS].name``.

    Examples
    --------
    >>> prefixed("staging.", partitions=12)[HOME].name
    'staging.recs.home.v1'
    """
    return {
        name: replace(
            spec,
            name=named(name, prefix=prefix, version=version),
            partitions=title_shards if spec.sharded else 1 if spec.partitions == 1 else partitions,
        )
        for name, spec in TOPICS.items()
    }
