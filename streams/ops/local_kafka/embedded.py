"""A Kafka cluster inside this process, for demos and fast tests: librdkafka's mock cluster.

It listens on a random loopback port, and other processes may connect. Its limits, because of which a passing
test on it is no proof:

* no isolation: a `read_committed` consumer sees open and aborted transactions;
* no fencing: an old transactional producer can commit after a new one was initialised;
* no persistence: its data end with this process;
* no compaction, no retention by time: it keeps the newest 5 MB of each partition and drops the rest;
* no CreateTopics request: a *producer's* metadata request for a topic creates it, always with 4 partitions.

Faust needs `topic_allow_declare=False` and `topic_disable_leader=True` with it.
"""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from streams.errors import TopicError
from streams.kafka.clients import producer

PARTITIONS = 4
"""Partitions of every topic: the fixed default of librdkafka's mock cluster."""


class EmbeddedCluster:
    """An in-process cluster with the lifetime of this object.

    Parameters
    ----------
    nodes
        Number of brokers, each on a port of its own.

    Examples
    --------
    >>> with EmbeddedCluster() as cluster:
    ...     cluster.create(["viewing.events.v1"])
    ...     cluster.bootstrap_servers
    '127.0.0.1:...'
    """

    def __init__(self, nodes: int = 1) -> None:
        # This producer owns the mock cluster and never sends a record, so its acks and retries do not matter.
        self._owner = producer("", {"test.mock.num.brokers": nodes, "client.id": "embedded-cluster"})
        brokers = self._owner.list_topics(timeout=10).brokers.values()
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    @property
    def bootstrap_servers(self) -> str:
        """Addresses for clients, as host:port[,host:port…]."""
        return self._bootstrap

    def create(self, topics: Iterable[str], *, timeout_s: float = 10.0) -> None:
        """Create topics, each with :data:`PARTITIONS` partitions; existing ones are not changed.

        Raises
        ------
        TopicError
            A topic had no leader after `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        for topic in topics:
            while not self._has_leaders(topic):
                if time.monotonic() > deadline:
                    what = f"the embedded cluster did not create {topic}"
                    raise TopicError(what, why=f"no answer in {timeout_s} s", next_step="restart the process")
                time.sleep(0.02)

    def _has_leaders(self, topic: str) -> bool:
        """Request a topic's metadata, which creates it; return whether every partition has a leader."""
        found = self._owner.list_topics(topic, timeout=10).topics[topic].partitions.values()
        return len(found) == PARTITIONS and all(partition.leader >= 0 for partition in found)

    def close(self) -> None:
        """Stop the cluster and drop its records."""
        del self._owner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
