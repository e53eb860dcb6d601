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
from streams.errors import TopicError
from streams.kafka_clients import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    KafkaException,
    NewTopic,
    ResourceType,
    admin,
    producer,
    unreachable,
)
from streams.settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

TIMEOUT_S = 30.0
"""Longest wait for one answer of the cluster."""

MISSING = "missing"
"""What is found where a topic is not."""


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
        """Create what is missing and set what differs; return what was changed.

        Raises
        ------
        BrokerUnreachableError
            Nothing answers.
        TopicError
            The cluster refused a change.
        """
        differences = self.check()
        missing = [difference.topic for difference in differences if difference.found == MISSING]
        changed = [d for d in differences if d.what not in {"topic", "partitions", "copies"}]
        if missing and is_embedded(self._metadata()):
            self._touch(missing)
        elif missing:
            self._create(missing)
        if changed:
            self._configure(changed)
        done = [d for d in differences if d.topic in missing or d in changed]
        self._await_visible(done)
        return done

    def _await_visible(self, changes: Sequence[Difference]) -> None:
        """Wait until the brokers tell of the changes; their controller answers before they have heard of them.

        Raises
        ------
        TopicError
            They did not within :data:`TIMEOUT_S`.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while left := [change for change in self.check() if change in changes]:
            if time.monotonic() > deadline:
                what = f"a change of {left[0].topic} is not seen on the cluster"
                raise TopicError(what, why=f"{TIMEOUT_S:.0f} s passed", next_step="look at the broker's log")
            time.sleep(0.05)

    def _metadata(self) -> Any:  # noqa: ANN401 - the driver does not name this type in public
        try:
            return self._client.list_topics(timeout=TIMEOUT_S / 3)
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
        found = {resource.name: future for resource, future in answers.items()}
        return [
            Difference(name, key, wanted, value)
            for name in names
            for key, wanted, value in _unequal(self._specs[name].settings(), _result(found[name], name))
        ]

    def _create(self, names: Iterable[str]) -> None:
        """Create topics with the table's partitions and configuration."""
        new = [
            NewTopic(
                name,
                num_partitions=self._specs[name].partitions,
                replication_factor=self._replication or -1,
                config=self._specs[name].settings(),
            )
            for name in names
        ]
        for name, future in self._client.create_topics(new, request_timeout=TIMEOUT_S).items():
            _result(future, name)

    def _configure(self, differences: Iterable[Difference]) -> None:
        """Set single settings of topics and leave all others as they are."""
        resources: dict[str, ConfigResource] = {}
        for difference in differences:
            resource = resources.setdefault(
                difference.topic, ConfigResource(ResourceType.TOPIC, difference.topic)
            )
            entry = ConfigEntry(
                difference.what, difference.wanted, incremental_operation=AlterConfigOpType.SET
            )
            resource.add_incremental_config(entry)
        answers = self._client.incremental_alter_configs(list(resources.values()), request_timeout=TIMEOUT_S)
        for resource, future in answers.items():
            _result(future, resource.name)

    def _touch(self, names: Iterable[str]) -> None:
        """Create topics on an embedded cluster, which answers a producer's metadata request only."""
        client = producer(self._settings)
        for name in names:
            client.list_topics(name, timeout=TIMEOUT_S)


def is_embedded(metadata: Any) -> bool:  # noqa: ANN401 - the driver does not name this type in public
    """Say whether metadata came from librdkafka's stand-in cluster, which knows no topic administration."""
    return str(metadata.cluster_id).startswith("mockCluster")


def _unequal(wanted: Mapping[str, str], found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the settings whose found value is not the wanted one."""
    values = {key: found[key].value if key in found else "unknown to the cluster" for key in wanted}
    return [(key, text, values[key]) for key, text in wanted.items() if values[key] != text]


def _result(future: "Future[Any]", topic: str) -> Any:  # noqa: ANN401 - whatever the future holds
    """Wait for an answer about a topic.

    Raises
    ------
    TopicError
        The cluster refused.
    """
    try:
        return future.result(timeout=TIMEOUT_S)
    except KafkaException as error:
        what, advice = f"the cluster refused topic {topic}", "look at its rights and at the broker's log"
        raise TopicError(what, why=error.args[0].str(), next_step=advice) from None
