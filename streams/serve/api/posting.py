"""Events that came in over HTTP, produced to their topic; the response waits for the brokers.

Bytes are produced as they came. A repeated event is produced again and counted once, because the viewers
stage deduplicates by event id; a client that got no response can repeat its request.
"""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas import topics
from schemas.audit import AuditAction, AuditVia
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.kafka.clients import KafkaError, Message, producer
from streams.ops.audit import Operator, record_of
from streams.serve.problems import Problem, ProblemKind

__all__ = ["EventPoster", "Posted"]

QUEUED: Final = 10_000
"""Most events that wait for the brokers; more are refused, so that memory is bounded."""
CLIENT: Final[Mapping[str, Any]] = {
    # a batch is sent after 2 ms: the latency that batching adds to a single event
    "linger.ms": 2,
    "compression.type": "lz4",
    "queue.buffering.max.messages": QUEUED,
    # after 10 s a client has given up and repeats
    "message.timeout.ms": 10_000,
}
POLL_S: Final = 0.1
RETRY: Final = {"Retry-After": "1"}


class Posted(NamedTuple):
    """Place of an event on its topic, and the timestamp of its record (ms)."""

    partition: int
    offset: int
    time_ms: int


class EventPoster:
    """A producer whose delivery reports are awaited in the server's event loop.

    Parameters
    ----------
    settings
        Kafka cluster and prefix of topic names.
    """

    def __init__(self, settings: Settings) -> None:
        self._events, self._audit = settings.topic(topics.EVENTS), settings.topic(topics.AUDIT)
        self._producer = producer(settings, CLIENT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="posting", daemon=True)

    def start(self) -> None:
        """Start polling for delivery reports."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for events in flight, a second at most."""
        self._producer.flush(1.0)
        self._stop.set()
        self._thread.join()

    async def put(self, viewer_id: str, value: bytes, headers: Mapping[str, str] | None = None) -> Posted:
        """Produce an event, wait until the brokers have it, and return its place.

        Raises
        ------
        Problem
            They did not take it, or too many events wait.
        """
        return await self._put(self._events, viewer_id.encode(), value, headers)

    async def audit(self, actor: str, action: AuditAction, subject: str) -> None:
        """Produce a record of what an operator did, and wait until the brokers have it; raises like `put`."""
        await self._put(self._audit, *record_of(Operator(actor, AuditVia.HTTP), action, subject))

    async def _put(
        self, topic: str, key: bytes, value: bytes, headers: Mapping[str, str] | None = None
    ) -> Posted:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Posted | str] = loop.create_future()
        time_ms = now_ms()  # said to the driver, since its delivery reports have no timestamp

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            where = Posted(message.partition() or 0, message.offset() or 0, time_ms)
            loop.call_soon_threadsafe(_resolve, answer, error.str() if error else where)

        try:
            self._producer.produce(
                topic, value, key, on_delivery=on_delivery, headers=dict(headers or {}), timestamp=time_ms
            )
        except BufferError:
            raise Problem(
                ProblemKind.UNAVAILABLE, "too many events wait for the broker; repeat", headers=RETRY
            ) from None
        found = await answer
        if isinstance(found, str):
            raise Problem(
                ProblemKind.UNAVAILABLE, f"the broker did not take the event ({found}); repeat", headers=RETRY
            )
        return found

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(POLL_S)


def _resolve(answer: "asyncio.Future[Posted | str]", found: Posted | str) -> None:
    """Set the result, unless the request was cancelled meanwhile."""
    if not answer.done():
        answer.set_result(found)
