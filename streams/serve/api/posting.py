"""Events that came in over HTTP, put on their topic: answered once the brokers have them.

The bytes go on as they came. A repeated event is produced again and counted once: the viewers stage knows the
ids that it has had, so a client that saw no answer just repeats.
"""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any, Final

from schemas import topics
from streams.config.settings import Settings
from streams.kafka.clients import KafkaError, producer
from streams.serve.api.problems import Problem, ProblemKind

__all__ = ["EventPoster"]

WAITING: Final = 10_000
"""Events that wait for the brokers at most; more are refused, so that memory is bounded."""
CLIENT: Final[Mapping[str, Any]] = {
    # a batch is sent after 2 ms at the latest: what a single event waits for company
    "linger.ms": 2,
    "compression.type": "lz4",
    "queue.buffering.max.messages": WAITING,
    # a client that has waited for 10 s has given up, and repeats
    "message.timeout.ms": 10_000,
}
POLL_S: Final = 0.1
RETRY: Final = {"Retry-After": "1"}


class EventPoster:
    """A producer whose answers are awaited; lives in the server's event loop.

    Parameters
    ----------
    settings
        Where Kafka is, and the prefix of topic names.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(topics.EVENTS)
        self._producer = producer(settings, CLIENT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="posting", daemon=True)

    def start(self) -> None:
        """Begin to take answers."""
        self._thread.start()

    def stop(self) -> None:
        """Wait for what is under way, a second at most."""
        self._producer.flush(1.0)
        self._stop.set()
        self._thread.join()

    async def put(self, viewer_id: str, value: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Produce an event and wait until the brokers have it.

        Raises
        ------
        Problem
            They did not take it, or too many wait.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def told(error: KafkaError | None, _: object) -> None:
            loop.call_soon_threadsafe(_settle, answer, error.str() if error else "")

        try:
            self._producer.produce(
                self._topic, value, viewer_id.encode(), on_delivery=told, headers=dict(headers or {})
            )
        except BufferError:
            raise Problem(
                ProblemKind.UNAVAILABLE, "too many events wait for the broker; repeat", headers=RETRY
            ) from None
        if why := await answer:
            raise Problem(
                ProblemKind.UNAVAILABLE, f"the broker did not take the event ({why}); repeat", headers=RETRY
            )

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(POLL_S)


def _settle(answer: "asyncio.Future[str]", why: str) -> None:
    """Hand an answer over, unless whoever waited for it has left."""
    if not answer.done():
        answer.set_result(why)
