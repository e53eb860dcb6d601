"""What a worker logs while all is well, and while its broker is away."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from streams.config.settings import Settings
from streams.ops.runs.worker_process import ServeProcess, WorkerProcess, make_topics
from tests.integration.proxy import Routed
from tests.waiting import until

HEALTHY_S = 12.0
"""Longer than the intervals of Faust's alarms (2.5 s) and of the watchdog (1 s, as the worker is told)."""
AWAY_S = 20.0


class Quiet(WorkerProcess):
    """A worker whose lines and readiness a test reads."""

    def lines(self, *levels: str) -> list[dict[str, Any]]:
        """Return the lines of some levels."""
        every = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in every if line["level"] in levels]

    def readiness(self) -> tuple[int, str]:
        """Return status and text of /readyz."""
        try:
            place = self.metrics_address.replace("/metrics", "/readyz")
            with urllib.request.urlopen(place, timeout=20) as answer:  # noqa: S310 - http on loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:  # it does not listen yet, or has no core to answer
            return 0, ""


class QuietServer(Quiet, ServeProcess):
    """A server whose lines and readiness a test reads."""


@pytest.mark.slow
def test_one_line_when_the_broker_goes_and_one_when_it_is_back(
    routed: Routed, topic_prefix: str, tmp_path: Path
) -> None:
    """A healthy worker has no error to tell; in an outage it is not ready, and says so once."""
    settings = Settings.load(brokers=routed.direct, topic_prefix=topic_prefix, group=f"{topic_prefix}n")
    make_topics(settings)
    settings = settings.model_copy(update={"brokers": routed.through})
    with Quiet(settings, tmp_path, {"NEARLINE_WATCHDOG_S": "12"}) as worker:
        worker.wait_ready()
        time.sleep(HEALTHY_S)
        assert worker.lines("error", "critical") == []
        before = len(worker.lines("warning", "error", "critical"))
        with routed.proxy.down():
            gone = time.monotonic()
            until(lambda: worker.readiness()[0] == 503, worker)
            assert "no Kafka broker answers at" in worker.readiness()[1]
            time.sleep(max(0.0, AWAY_S - (time.monotonic() - gone)))
        until(lambda: worker.readiness()[0] == 200, worker)
        said = worker.lines("warning", "error", "critical")[before:]
        assert worker.stop() == 0
    events = [line["event"] for line in said]
    assert [events.count(name) for name in ("broker_gone", "broker_back")] == [1, 1], said
    assert len(said) <= 4, said  # and one of each driver


@pytest.mark.slow
def test_a_server_says_the_same_of_an_outage(routed: Routed, topic_prefix: str, tmp_path: Path) -> None:
    """One line each, not ready with the reason; a probe that asks about reads alone stays ready."""
    settings = Settings.load(brokers=routed.direct, topic_prefix=topic_prefix)
    make_topics(settings)
    settings = settings.model_copy(update={"brokers": routed.through})
    with QuietServer(settings, tmp_path) as server:
        until(lambda: server.readiness()[0] == 200, server)
        with routed.proxy.down():
            until(lambda: server.readiness()[0] == 503, server)
            assert "no Kafka broker answers at" in server.readiness()[1]
            with urllib.request.urlopen(f"{server.address}/readyz?reads=true", timeout=20) as answer:  # noqa: S310
                assert answer.status == 200
            time.sleep(5.0)
        until(lambda: server.readiness()[0] == 200, server)
        said = server.lines("warning", "error", "critical")
        assert server.stop() == 0
    events = [line["event"] for line in said]
    assert [events.count(name) for name in ("broker_gone", "broker_back")] == [1, 1], said
    assert len(said) <= 4, said  # and one of each driver
