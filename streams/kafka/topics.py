"""The topic table against a cluster: what is missing or different, and making it so.

Applying creates topics that are missing and sets configuration that differs. It never deletes a topic and
never changes a number of partitions or copies: that would move keys away from the state kept for them, so it
is shown as a difference and left to the operator.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from schemas.topics import TopicSpec
from streams.config.settings import Settings
from streams.errors import TopicError
from streams.kafka.clients import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    KafkaError,
    KafkaException,
    NewTopic,
    ResourceType,
    admin,
    producer,
    unreachable,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

TIMEOUT_S = 30.0
"""Longest wait for one answer of the cluster."""

MISSING = "missing"
"""What is found where a topic is not."""

SHOWN_ONLY = frozenset({"partitions", "copies"})
"""Differences that are never changed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the cluster is not as the table says: in `what` of `topic`."""

    topic: str
    what: str
    wanted: str
    found: str


class TopicAdmin:
    """The topics of one cluster.

    Parameters
    ----------
    settings
        Where the cluster is, and the operator's own properties.
    specs
        The wanted topics, with the names that they have on this cluster.
    replication
        Wanted copies of each partition; None leaves it to the cluster and does not check it.
    """

    def __init__(
        self, settings: Settings, specs: Iterable[TopicSpec], *, replication: int | None = None
    ) -> None:
        self._settings = settings
        self._client: AdminClient = admin(settings)
        self._specs = {spec.name: spec for spec in specs}
        self._replication = replication

    def check(self) -> list[Difference]:
        """Compare the cluster with the table.

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
        """Create what is missing, set what differs, until the cluster tells of it; return what was changed.

        It looks again after every change, because the controller answers before the brokers have heard of it.

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
                what = f"a change of {left[0].topic} is not seen on the cluster"
                raise TopicError(what, why=f"{TIMEOUT_S:.0f} s passed", next_step="look at the broker's log")
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
            raise unreachable(self._settings, error) from None

    def _absent(self, spec: TopicSpec) -> Difference:
        return Difference(spec.name, "topic", f"{spec.partitions} partition(s), {spec.cleanup}", MISSING)

    def _shape_of(self, name: str, topic: Any) -> list[Difference]:  # noqa: ANN401 - as above
        """Compare the number of partitions, and of copies where that is asked for."""
        wanted, found = self._specs[name].partitions, len(topic.partitions)
        differences = [Difference(name, "partitions", str(wanted), str(found))] if wanted != found else []
        copies = min(len(partition.replicas) for partition in topic.partitions.values())
        if self._replication is not None and copies != self._replication:
            differences.append(Difference(name, "copies", str(self._replication), str(copies)))
        return differences

    def _configuration_of(self, names: Sequence[str]) -> list[Difference]:
        """Compare every setting that the table names."""
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
        """Create topics with partitions and configuration; those that exist by now are left alone."""
        if not names:
            return
        if is_embedded(self._metadata()):
            owner = producer(self._settings)
            for name in names:  # the stand-in cluster answers a producer's metadata request only
                owner.list_topics(name, timeout=TIMEOUT_S)
            return
        new = [self._new(self._specs[name]) for name in names]
        for name, future in self._client.create_topics(new, request_timeout=TIMEOUT_S).items():
            _result(future, name, unless=KafkaError.TOPIC_ALREADY_EXISTS)

    def _new(self, spec: TopicSpec) -> NewTopic:
        """Return a topic as the driver takes it; -1 copies means the cluster's default."""
        copies = self._replication or -1
        return NewTopic(spec.name, spec.partitions, replication_factor=copies, config=spec.settings())

    def _configure(self, differences: Sequence[Difference]) -> None:
        """Set single settings of topics and leave all others as they are."""
        if not differences:
            return
        resources: dict[str, ConfigResource] = {}
        for change in differences:
            fresh = ConfigResource(ResourceType.TOPIC, change.topic)
            entry = ConfigEntry(change.what, change.wanted, incremental_operation=AlterConfigOpType.SET)
            resources.setdefault(change.topic, fresh).add_incremental_config(entry)
        answers = self._client.incremental_alter_configs(list(resources.values()), request_timeout=TIMEOUT_S)
        for resource, future in answers.items():
            _result(future, resource.name)


def is_embedded(metadata: Any) -> bool:  # noqa: ANN401 - the driver does not name this type in public
    """Say whether metadata came from librdkafka's stand-in cluster, which knows no topic administration."""
    return str(metadata.cluster_id).startswith("mockCluster")


def _unequal(wanted: Mapping[str, str], found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the settings whose found value is not the wanted one."""
    values = {key: found[key].value if key in found else "unknown to the cluster" for key in wanted}
    return [(key, text, values[key]) for key, text in wanted.items() if values[key] != text]


def _result(future: "Future[Any]", topic: str, *, unless: int | None = None) -> Any:  # noqa: ANN401
    """Wait for an answer about a topic and return it; None when refused for the reason `unless`.

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
        what, advice = f"the cluster refused topic {topic}", "look at its rights and at the broker's log"
        raise TopicError(what, why=error.args[0].str(), next_step=advice) from None
