"""New topics are waited for until records that are sent at once cannot be lost."""

from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from streams.kafka.clients import KafkaError, KafkaException, TopicPartition
from streams.kafka.topics import await_leaders

LOOKS = 3
"""After so many looks the stand-in's last partition is served."""


class SlowBroker:
    """Stands for a broker that shows itself as the leader of a partition before it serves it."""

    def __init__(self, leader: Callable[[int], int]) -> None:
        self.looks = 0
        self._leader = leader

    def list_topics(self, timeout: float) -> Any:
        """Return two partitions, with the leaders that they have at this look."""
        assert timeout > 0
        self.looks += 1
        leader = self._leader(self.looks)
        parts = {number: SimpleNamespace(leader=leader) for number in range(2)}
        return SimpleNamespace(topics={"new": SimpleNamespace(partitions=parts)})

    def list_offsets(self, asked: dict[TopicPartition, Any], request_timeout: float) -> Any:
        """Refuse for the second partition at the first looks."""
        assert request_timeout > 0
        answers: dict[TopicPartition, Future[Any]] = {}
        for place in asked:
            answers[place] = Future()
            if place.partition == 1 and self.looks < LOOKS:
                answers[place].set_exception(KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION)))
            else:
                answers[place].set_result(SimpleNamespace(offset=0))
        return answers


def test_a_leader_has_to_answer() -> None:
    """A leader that the metadata names may still refuse records: the first of two requests would be lost."""
    broker: Any = SlowBroker(leader=lambda _: 1)
    await_leaders(broker, ["new"])
    assert broker.looks == LOOKS


def test_a_partition_without_a_leader_is_not_asked() -> None:
    """The driver would wait for one until its time is over."""
    broker: Any = SlowBroker(leader=lambda look: 1 if look > LOOKS else -1)
    await_leaders(broker, ["new"])
    assert broker.looks == LOOKS + 1


def test_the_wait_is_bounded() -> None:
    """What comes next says what is missing; here nothing is raised."""
    broker: Any = SlowBroker(leader=lambda _: -1)
    await_leaders(broker, ["new"], timeout_s=0.2)
    assert broker.looks > 0
