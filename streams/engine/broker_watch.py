"""Notices that no broker answers, says so once and every half a minute, and makes the process not ready.

The drivers retry by themselves, so a worker or server survives an outage; but each of its clients notices it
at another time, and none says so in one place. The watch asks for the metadata of one topic every second,
with a client and in a thread of its own. Worst case: the broker goes just after an answer, and the next
question, a second later, fails after `ANSWER_S` seconds.
"""

import time
from collections.abc import Callable
from threading import Event

import structlog

from streams.config.settings import Settings
from streams.engine.repeat import repeat
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import KafkaException, brokers_of, unreachable
from streams.telemetry.driver_logs import driver_logs

__all__ = ["BrokerWatch"]

_LOG = structlog.get_logger(__name__)

PAUSE_S = 1.0
"""Seconds between an answer and the next question, ..."""

ANSWER_S = 3.0
"""... and seconds to wait for the answer: the outage is noticed within 4 s."""

REPEAT_S = 30.0
"""Seconds between two lines about an outage."""


class BrokerWatch:
    """Watches whether a broker answers, in a thread.

    Parameters
    ----------
    settings
        Brokers.
    topic
        Whose metadata are requested; its name on the cluster.
    die
        Ends the process if the watch fails.
    clock
        Monotonic clock, seconds.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        die: Callable[[BaseException], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._die = die
        self._settings, self._topic, self._clock = settings, topic, clock
        self._client = kafka_clients.admin(settings)
        self._answered = clock()
        self._logged_at: float | None = None  # when the outage was logged last; None: there is none
        self._why = ""
        self._stop = Event()

    def start(self) -> None:
        """Begin to watch."""
        repeat(self.check, PAUSE_S, until=self._stop, die=self._die, name="broker")

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        driver_logs.outage = False

    def waiting(self) -> list[str]:
        """Return the outage as a line; none while a broker answers."""
        if self._logged_at is None:
            return []
        where, away_s = brokers_of(self._settings), self._clock() - self._answered
        return [f"no Kafka broker answers at {where}, for {away_s:.0f} s: {self._why}"]

    def check(self) -> None:
        """Ask once, and log what has changed."""
        try:
            self._client.list_topics(self._topic, timeout=ANSWER_S)
        except KafkaException as error:
            self._is_away(error)
        else:
            self._is_there()

    def _is_away(self, error: KafkaException) -> None:
        """Begin an outage, or repeat that it lasts."""
        now = self._clock()
        if self._logged_at is None:
            self._logged_at, self._why = now, error.args[0].str()
            driver_logs.outage = True
            self._why = unreachable(self._settings, error).why  # connects once more, for the cause
            _LOG.error(
                "broker_gone",
                brokers=brokers_of(self._settings),
                why=self._why,
                next="nothing: it retries by itself",
            )
        elif now - self._logged_at >= REPEAT_S:
            self._logged_at = now
            _LOG.error("broker_still_gone", seconds=round(now - self._answered), why=self._why)

    def _is_there(self) -> None:
        """Note the answer, and end an outage."""
        now = self._clock()
        if self._logged_at is not None:
            self._logged_at = None
            _LOG.warning("broker_back", seconds=round(now - self._answered))
            driver_logs.outage = False
        self._answered = now
