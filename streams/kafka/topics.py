"""Topics of a cluster: read their facts, compare them with the topic table, create and configure them.

:meth:`TopicAdmin.apply` creates missing topics and sets configuration that differs. It never deletes a topic
and never changes the number of partitions or replicas: that would separate keys from their state. Such
differences are shown and left to the operator.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from schemas.topics import TopicSpec
from streams.config.settings import Settings
from streams.errors import TopicError
from streams.kafka.clients import (
    Admin,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    KafkaError,
    KafkaException,
    NewTopic,
    OffsetSpec,
    ResourceType,
    TopicCollection,
    TopicPartition,
    admin,
    producer,
    unreachable,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = [
    "MISSING",
    "NO_ID",
    "Difference",
    "TopicAdmin",
    "TopicInfo",
    "await_leaders",
    "delete_retention_s",
    "describe_topics",
    "is_embedded",
    "require_topics",
]

_LOG = structlog.get_logger(__name__)

TIMEOUT_S = 30.0
"""Seconds to wait for the answer to a change."""
POLL_S = 0.05
"""Seconds between two looks at the metadata: brokers learn of a new topic within some milliseconds."""

LOOKUP_S = 5.0
"""Seconds to wait for an answer about existing topics."""

MISSING = "missing"
"""Found value of a topic that does not exist."""

SHOWN_ONLY = frozenset({"partitions", "copies"})
"""Differences that are only shown, never changed."""

NO_ID = bytes(16)
"""Topic id on a cluster that has no topic ids, such as the embedded one."""

DEFAULT_DELETE_RETENTION_S = 86_400.0
"""Kafka's default of `delete.retention.ms`, in seconds; used if the cluster does not report it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A property `what` of `topic` whose value on the cluster is not the one in the topic table."""

    topic: str
    what: str
    wanted: str
    found: str


class TopicAdmin:
    """The topics of one cluster.

    Parameters
    ----------
    settings
        Brokers, and the operator's own properties.
    specs
        The wanted topics; their names on this cluster.
    replication
        Wanted replicas of each partition; None leaves the number to the cluster and does not check it.
    """

    def __init__(
        self, settings: Settings, specs: Iterable[TopicSpec], *, replication: int | None = None
    ) -> None:
        self._settings = settings
        self._client: Admin = admin(settings)
        self._specs = {spec.name: spec for spec in specs}
        self._replication = replication

    def check(self) -> list[Difference]:
        """Compare the cluster with the topic table.

        Raises
        ------
        BrokerUnreachableError
            Nothing answers.
        TopicError
            The cluster refused to describe a topic.
        """
        metadata = self._metadata()
        existing = {name: metadata.topics[name] for name in self._specs if name in metadata.topics}
        differences = [self._absent(spec) for name, spec in self._specs.items() if name not in existing]
        if is_embedded(metadata):
            return differences
        for name, topic in existing.items():
            differences += self._shape_of(name, topic)
        return differences + self._configuration_of(list(existing))

    def apply(self) -> list[Difference]:
        """Create what is missing, set what differs, wait until the cluster shows it; return the changes.

        It compares again after every change, because the controller answers before the brokers have the
        change.

        Raises
        ------
        BrokerUnreachableError
            Nothing answers.
        TopicError
            The cluster refused a change, or did not show it within :data:`TIMEOUT_S`.
        """
        done: list[Difference] = []
        deadline = time.monotonic() + TIMEOUT_S
        while left := [difference for difference in self.check() if difference.what not in SHOWN_ONLY]:
            if time.monotonic() > deadline:
                what = f"a change of {left[0].topic} is not visible on the cluster"
                raise TopicError(
                    what, why=f"{TIMEOUT_S:.0f} s passed", next_step="check the log of the broker"
                )
            new = [difference for difference in left if difference not in done]
            self._make([d.topic for d in new if d.found == MISSING])
            self._configure([d for d in new if d.found != MISSING])
            done += new
            time.sleep(0.05)
        return done

    def _metadata(self) -> Any:  # noqa: ANN401 - the driver does not name this type in public
        try:
            return self._client.list_topics(timeout=self._settings.connect_timeout_s)
        except KafkaException as error:
            raise unreachable(self._settings, error, self._client) from None

    def _absent(self, spec: TopicSpec) -> Difference:
        return Difference(spec.name, "topic", f"{spec.partitions} partition(s), {spec.cleanup}", MISSING)

    def _shape_of(self, name: str, topic: Any) -> list[Difference]:  # noqa: ANN401 - as above
        """Compare the number of partitions, and of replicas if a number is wanted."""
        wanted, found = self._specs[name].partitions, len(topic.partitions)
        differences = [Difference(name, "partitions", str(wanted), str(found))] if wanted != found else []
        copies = min(len(partition.replicas) for partition in topic.partitions.values())
        if self._replication is not None and copies != self._replication:
            differences.append(Difference(name, "copies", str(self._replication), str(copies)))
        return differences

    def _configuration_of(self, names: Sequence[str]) -> list[Difference]:
        """Compare every setting in the topic table."""
        if not names:
            return []
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        answers = self._client.describe_configs(resources, request_timeout=TIMEOUT_S)
        differences: list[Difference] = []
        for resource, future in answers.items():
            name = resource.name
            found = _result(future, name, unless=KafkaError.UNKNOWN_TOPIC_OR_PART) or {}
            unequal = _unequal(self._specs[name].settings(), found)
            differences += [Difference(name, key, wanted, value) for key, wanted, value in unequal]
        return differences

    def _make(self, names: Sequence[str]) -> None:
        """Create topics with partitions and configuration; topics that exist by now are not changed."""
        if not names:
            return
        if is_embedded(self._metadata()):
            owner = producer(self._settings)
            for name in names:  # the mock cluster creates a topic at a producer's metadata request
                owner.list_topics(name, timeout=TIMEOUT_S)
            return
        new = [self._new(self._specs[name]) for name in names]
        for name, future in self._client.create_topics(new, request_timeout=TIMEOUT_S).items():
            _result(future, name, unless=KafkaError.TOPIC_ALREADY_EXISTS)
        await_leaders(self._client, names)

    def _new(self, spec: TopicSpec) -> NewTopic:
        """Return the driver's description of a topic; -1 replicas means the cluster's default."""
        copies = self._replication or -1
        return NewTopic(spec.name, spec.partitions, replication_factor=copies, config=spec.settings())

    def _configure(self, differences: Sequence[Difference]) -> None:
        """Set single settings of topics; all others stay unchanged."""
        if not differences:
            return
        resources: dict[str, ConfigResource] = {}
        for change in differences:
            resource = ConfigResource(ResourceType.TOPIC, change.topic)
            entry = ConfigEntry(change.what, change.wanted, incremental_operation=AlterConfigOpType.SET)
            resources.setdefault(change.topic, resource).add_incremental_config(entry)
        answers = self._client.incremental_alter_configs(list(resources.values()), request_timeout=TIMEOUT_S)
        for resource, future in answers.items():
            _result(future, resource.name)


def await_leaders(client: Admin, names: Iterable[str], timeout_s: float = TIMEOUT_S) -> None:
    """Wait until every partition of some topics has a leader that serves it, at most ``timeout_s`` seconds.

    The controller confirms a new topic before the brokers know it: who starts a worker right after
    ``nearline topics apply`` would find that a topic does not exist. A broker then shows itself as the
    leader before it takes records. A producer's first request that comes in between is refused, its second
    is not, and the first one's repetition is out of order: its records are lost, which an idempotent
    producer does not prevent (KAFKA-15591). So each leader is asked where its partitions end.
    """
    missing, end = set(names), time.monotonic() + timeout_s
    while missing and time.monotonic() < end:
        found = client.list_topics(timeout=timeout_s).topics
        missing -= _served(client, {name: found[name] for name in missing if name in found}, timeout_s)
        if missing:
            time.sleep(POLL_S)


def _served(client: Admin, topics: Mapping[str, Any], timeout_s: float) -> set[str]:
    """Return those of some topics in the metadata whose partitions all have a leader that answers."""
    led = {
        name
        for name, topic in topics.items()
        if topic.partitions and all(part.leader >= 0 for part in topic.partitions.values())
    }
    places = [TopicPartition(name, number) for name in led for number in topics[name].partitions]
    if not places:
        return set()
    end = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    answers = client.list_offsets(dict.fromkeys(places, end), request_timeout=timeout_s)
    return led - {place.topic for place, future in answers.items() if future.exception()}


def is_embedded(metadata: Any) -> bool:  # noqa: ANN401 - the driver does not name this type in public
    """Return whether metadata came from librdkafka's mock cluster, which has no topic administration."""
    return str(metadata.cluster_id).startswith("mockCluster")


def _unequal(wanted: Mapping[str, str], found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, wanted and found value of each setting that differs."""
    values = {key: found[key].value if key in found else "unknown to the cluster" for key in wanted}
    return [(key, text, values[key]) for key, text in wanted.items() if values[key] != text]


def _result(future: "Future[Any]", topic: str, *, unless: int | None = None) -> Any:  # noqa: ANN401
    """Wait for an answer about a topic and return it; None if refused with the error code `unless`.

    Raises
    ------
    TopicError
        The cluster refused.
    """
    try:
        return future.result(timeout=TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == unless:
            return None
        what, advice = f"the cluster refused topic {topic}", "check its rights and the log of the broker"
        raise TopicError(what, why=error.args[0].str(), next_step=advice) from None


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic on the cluster."""

    partitions: int
    """Number of partitions."""
    topic_id: bytes
    """16 bytes: a topic that is created again has another id; `NO_ID` if the cluster has none."""
    cluster: str = ""
    """Id of the cluster."""


def describe_topics(
    settings: Settings, names: Iterable[str], client: Admin | None = None
) -> dict[str, TopicInfo]:
    """Return topics of the cluster by name, without those that do not exist.

    Parameters
    ----------
    settings
        Brokers.
    names
        Names on the cluster.
    client
        Default: a new client.

    Raises
    ------
    BrokerUnreachableError
        Nothing answers.
    """
    client = client or admin(settings)
    try:
        found = client.list_topics(timeout=settings.connect_timeout_s)
        there = {name: len(found.topics[name].partitions) for name in names if name in found.topics}
        ids = {} if is_embedded(found) else _ids(client, [*there])
    except KafkaException as error:
        raise unreachable(settings, error, client) from None
    cluster = str(found.cluster_id)
    return {name: TopicInfo(count, ids.get(name, NO_ID), cluster) for name, count in there.items() if count}


def require_topics(settings: Settings, names: Sequence[str]) -> dict[str, TopicInfo]:
    """Return topics of the cluster that have to exist.

    Parameters
    ----------
    settings
        Brokers.
    names
        Names without the prefix, in the answer too.

    Raises
    ------
    BrokerUnreachableError
        Nothing answers.
    TopicError
        A topic is missing.
    """
    found = describe_topics(settings, map(settings.topic, names))
    missing = [settings.topic(name) for name in names if settings.topic(name) not in found]
    if missing:
        what = f"topics are missing: {', '.join(missing)}"
        why = "they were not created, or this user has no right to see them"
        advice = (
            "run `nearline topics apply`, or give the user the rights of deploy/kubernetes/strimzi/users.yaml"
        )
        raise TopicError(what, why=why, next_step=advice)
    return {name: found[settings.topic(name)] for name in names}


def _ids(client: Admin, names: list[str]) -> dict[str, bytes]:
    """Return the ids of topics, without topics that were deleted meanwhile."""
    answers = client.describe_topics(TopicCollection(names), request_timeout=LOOKUP_S) if names else {}
    ids = {}
    for name, future in answers.items():
        try:
            uuid = future.result().topic_id
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            continue
        halves = (uuid.get_most_significant_bits(), uuid.get_least_significant_bits())
        ids[name] = b"".join((half & (2**64 - 1)).to_bytes(8) for half in halves)
    return ids


def delete_retention_s(settings: Settings, topic: str, client: Admin | None = None) -> float:
    """Return `delete.retention.ms` of a topic in seconds; the default if the cluster does not report it.

    Parameters
    ----------
    settings, client
        As for :func:`describe_topics`.
    topic
        Name on the cluster.
    """
    client = client or admin(settings)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    try:
        if is_embedded(client.list_topics(timeout=LOOKUP_S)):
            return DEFAULT_DELETE_RETENTION_S
        answer: Any = client.describe_configs([resource], request_timeout=LOOKUP_S)[resource].result()
        return int(answer["delete.retention.ms"].value) / 1000
    except KafkaException as error:
        why = error.args[0].str()
        _LOG.warning("retention_unknown", topic=topic, why=why, taken_s=DEFAULT_DELETE_RETENTION_S)
        return DEFAULT_DELETE_RETENTION_S
