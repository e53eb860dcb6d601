"""Writes copies of records into chosen partitions of other topics, in order."""

from collections import Counter
from types import TracebackType
from typing import Any, Self

from streams.config.settings import Settings
from streams.errors import DeliveryError
from streams.kafka.clients import KafkaError, Message, producer
from streams.kafka.produce import CLIENT

__all__ = ["Copier"]

FLUSH_S = 60.0
"""Longest wait for the acknowledgements of what is queued."""
ROOM_S = 0.05
"""Wait for room in the driver's queue."""


class Copier:
    """Copies records; a context manager, whose end waits for all acknowledgements.

    Parameters
    ----------
    settings
        Brokers, and names of the new topics.

    Attributes
    ----------
    copies
        Copies by topic (without prefix) and partition: the next one has this offset, as nobody else writes.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._producer = settings, producer(settings, CLIENT)
        self.copies: Counter[tuple[str, int]] = Counter()
        self._refused: list[KafkaError] = []

    def put(self, topic: str, partition: int, message: Message, value: bytes | None) -> int:
        """Write a copy, with another value; return its offset."""
        kind, at_ms = message.timestamp()
        more: dict[str, Any] = {"timestamp": at_ms} if kind else {}
        self.put_row(topic, partition, message.key(), value, headers=message.headers(), **more)
        return self.copies[topic, partition] - 1

    def put_row(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        **more: Any,  # noqa: ANN401
    ) -> None:
        """Write a record; `more` as `confluent_kafka.Producer.produce` takes it."""
        name = self._settings.topic(topic)
        while True:
            try:
                self._producer.produce(
                    name, key=key, value=value, partition=partition, on_delivery=self._on_delivery, **more
                )
            except BufferError:
                self._producer.poll(ROOM_S)
            else:
                break
        self.copies[topic, partition] += 1
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait for all acknowledgements.

        Raises
        ------
        DeliveryError
            A record was refused, or not acknowledged in time.
        """
        left = self._producer.flush(FLUSH_S)
        if self._refused or left:
            why = self._refused[0].str() if self._refused else f"no answer in {FLUSH_S:g} s"
            what = f"{len(self._refused) or left} copies were not written"
            raise DeliveryError(what, why=why, next_step="check the log of the broker, then repeat the split")

    def _on_delivery(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self._refused.append(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.purge()
