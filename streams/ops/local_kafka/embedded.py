"""A Kafka cluster inside this process, for demos and quick tests: librdkafka's own stand-in.

It listens on a random loopback port, and other processes may connect. What it does **not** do, so that nobody
takes a green test on it for a proof:

* no isolation: a `read_committed` consumer sees open and aborted transactions;
* no fencing: an old transactional producer can still commit after a new one was initialised;
* no persistence: everything is gone with this process;
* no compaction, no retention by time: it keeps the newest 5 MB of each partition and forgets the rest;
* no CreateTopics request: a *producer's* metadata request for a name creates it, always with 4 partitions.

Faust needs `topic_allow_declare=False` and `topic_disable_leader=True` on it.
"""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from streams.errors import TopicError
from streams.kafka.clients import producer

PARTITIONS = 4
"""Partitions of every topic: librdkafka's fixed default for its stand-in cluster."""


class EmbeddedCluster:
    """An in-process cluster that lives as long as this object.

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
        # acks and retries do not matter here: this producer owns the cluster and never sends a record.
        self._owner = producer("", {"test.mock.num.brokers": nodes, "client.id": "embedded-cluster"})
        brokers = self._owner.list_topics(timeout=10).brokers.values()
        self._bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    @property
    def bootstrap_servers(self) -> str:
        """Addresses that any client can be given, as host:port[,host:port…]."""
        return self._bootstrap

    def create(self, topics: Iterable[str], *, timeout_s: float = 10.0) -> None:
        """Create topics, each with :data:`PARTITIONS` partitions; those that exist are left alone.

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
        """Ask for a topic, which creates it, and say whether every partition has a leader."""
        found = self._owner.list_topics(topic, timeout=10).topics[topic].partitions.values()
        return len(found) == PARTITIONS and all(partition.leader >= 0 for partition in found)

    def close(self) -> None:
        """Stop the cluster and forget its records."""
        del self._owner

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
