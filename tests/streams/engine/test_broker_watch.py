"""What is said of a broker that is away, and how often."""

import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from streams.config.settings import Settings
from streams.engine import broker_watch
from streams.engine.broker_watch import BrokerWatch
from streams.kafka.clients import KafkaError, KafkaException
from streams.telemetry.driver_logs import driver_logs
from tests.waiting import until


class Client:
    """Stands in for an admin client whose broker a test takes away."""

    away = False

    def list_topics(self, topic: str, timeout: float) -> None:
        """Answer, or not."""
        assert (topic, timeout) == ("in", broker_watch.ANSWER_S)
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def _fail(error: BaseException) -> None:
    """Stand in for the end of the process."""
    raise error


def watching(client: Client, clock: Callable[[], float] = time.monotonic) -> BrokerWatch:
    """Return a watch that asks a double."""
    watch = BrokerWatch(Settings(brokers="127.0.0.1:1"), "in", die=_fail, clock=clock)
    watch._client = client  # type: ignore[assignment]
    return watch


def test_an_outage_is_said_once_then_every_half_minute_then_over() -> None:
    """A minute and a half without a broker are four lines; the worker is not ready, and says why."""
    now, client = [0.0], Client()
    watch = watching(client, lambda: now[0])
    with capture_logs() as lines:
        for second in range(100):
            now[0], client.away = second, 3 <= second < 93
            watch.check()
            assert bool(watch.waiting()) == client.away == driver_logs.outage
            if second == 60:
                (line,) = watch.waiting()
    assert line.startswith("no Kafka broker answers at 127.0.0.1:1, for 58 s: ")
    assert "Connection refused" in line
    assert [(one["event"], one["log_level"]) for one in lines] == [
        ("broker_gone", "error"),
        ("broker_still_gone", "error"),
        ("broker_still_gone", "error"),
        ("broker_back", "warning"),
    ]


def test_an_outage_is_noticed_within_five_seconds() -> None:
    """What the runbook promises: the pause before a question, and the wait for its answer."""
    assert broker_watch.PAUSE_S + broker_watch.ANSWER_S < 5


def test_a_watch_that_fails_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness would not change any more."""
    monkeypatch.setattr(broker_watch, "PAUSE_S", 0.01)
    deaths: list[BaseException] = []
    watch = BrokerWatch(Settings(brokers="127.0.0.1:1"), "in", deaths.append)
    watch._client = object()  # type: ignore[assignment]
    watch.start()
    until(lambda: deaths)
    assert isinstance(deaths[0], AttributeError)


def test_the_thread_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that is started notices by itself, and lets the drivers speak again when it is stopped."""
    monkeypatch.setattr(broker_watch, "PAUSE_S", 0.01)
    client = Client()
    watch = watching(client)
    watch.start()
    assert not watch.waiting()
    client.away = True
    until(watch.waiting)
    client.away = False
    until(lambda: not watch.waiting())
    client.away = True
    until(lambda: driver_logs.outage)
    watch.stop()
    until(lambda: not driver_logs.outage)
