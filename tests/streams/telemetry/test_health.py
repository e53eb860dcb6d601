"""What the probes and Prometheus get."""

import asyncio
import socket
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from streams.errors import SettingsError
from streams.telemetry.health import CLIENTS, FRESH_S, STILL_S, Health
from streams.telemetry.metrics import Metrics


class State:
    """A worker's state that a test sets."""

    ready = False
    now = 0.0

    def waiting(self) -> list[str]:
        """Say what is missing."""
        return [] if self.ready else ["viewers partition 2: 5 of 9 left", "table titles: 3 of 4 left"]


@pytest.fixture
def state() -> State:
    """Give a worker that is not ready."""
    return State()


@pytest.fixture
def health(state: State) -> Iterator[Health]:
    """Give a running server on a free port."""
    health = Health("127.0.0.1", 0, state.waiting, Metrics(version="9.9"), clock=lambda: state.now)
    health.start()
    yield health
    health.stop()


def get(health: Health, path: str) -> tuple[int, bytes]:
    """Return status and body."""
    try:
        with urlopen(f"http://127.0.0.1:{health.port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


def test_ready_only_when_restored(health: Health, state: State) -> None:
    """/readyz follows the worker, and says what it still waits for."""
    told = b"viewers partition 2: 5 of 9 left\ntable titles: 3 of 4 left\n"
    assert get(health, "/readyz") == (503, told)
    state.ready = True
    assert get(health, "/readyz") == (200, b"ready\n")


def test_alive_while_the_loop_turns(health: Health, state: State) -> None:
    """/livez fails when the event loop has given no sign of life, and recovers with it."""
    assert get(health, "/livez")[0] == 200
    state.now = STILL_S + 1
    assert get(health, "/livez")[0] == 503
    health.beat()
    assert get(health, "/livez")[0] == 200


def test_metrics_and_the_rest(health: Health) -> None:
    """/metrics is Prometheus' text; another path says which ones there are."""
    assert b'nearline_build_info{version="9.9"} 1.0' in get(health, "/metrics?x=1")[1]
    assert get(health, "/admin") == (404, b"try /livez, /readyz or /metrics\n")


async def test_the_loop_gives_signs_of_life(state: State) -> None:
    """A running loop beats."""
    health = Health("127.0.0.1", 0, list, Metrics(), clock=lambda: state.now)
    state.now = STILL_S + 1
    task = asyncio.create_task(health.beat_forever())
    await asyncio.sleep(0)
    assert health.answer("/livez")[0] == 200
    task.cancel()


def test_taken_port_is_explained() -> None:
    """A port that somebody else has is an error that names the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="NEARLINE_HTTP_PORT"):
            Health("127.0.0.1", taken.getsockname()[1], list, Metrics()).start()


def test_metrics_are_written_once_for_all_who_ask(state: State) -> None:
    """Within a moment everybody gets the same text; then a new one is written."""
    metrics = Metrics()
    health = Health("127.0.0.1", 0, state.waiting, metrics, clock=lambda: state.now)
    first = health.answer("/metrics")
    metrics.lists.inc()
    assert health.answer("/metrics") == first
    state.now += FRESH_S
    assert b"nearline_lists_total 1.0" in health.answer("/metrics")[2]


def test_silent_clients_take_the_places_there_are_and_no_more(health: Health) -> None:
    """One client too many is hung up on at once; when the others have gone, everybody is answered again."""
    silent = [socket.create_connection(("127.0.0.1", health.port)) for _ in range(CLIENTS)]
    one_more = socket.create_connection(("127.0.0.1", health.port), timeout=4)
    assert one_more.recv(1) == b""
    for client in (*silent, one_more):
        client.close()
    while True:
        try:
            assert get(health, "/livez")[0] == 200
        except (OSError, HTTPException):
            continue
        return
