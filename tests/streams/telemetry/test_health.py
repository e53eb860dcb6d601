"""What the probes and Prometheus get."""

import asyncio
import socket
from collections.abc import Iterator
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from starlette.testclient import TestClient

from streams.errors import SettingsError
from streams.telemetry.health import BLOCKED_S, CLIENTS, METRICS_AGE_S, REQUEST_S, Health
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
    lines = b"viewers partition 2: 5 of 9 left\ntable titles: 3 of 4 left\n"
    assert get(health, "/readyz") == (503, lines)
    state.ready = True
    assert get(health, "/readyz") == (200, b"ready\n")


def test_alive_while_the_loop_turns(health: Health, state: State) -> None:
    """/livez fails when the event loop has not beaten for too long, and recovers with it."""
    assert get(health, "/livez")[0] == 200
    state.now = BLOCKED_S + 1
    assert get(health, "/livez")[0] == 503
    health.beat()
    assert get(health, "/livez")[0] == 200


def test_metrics_and_the_rest(health: Health) -> None:
    """/metrics is Prometheus' text; another path says which ones there are."""
    assert b'nearline_build_info{version="9.9"} 1.0' in get(health, "/metrics?x=1")[1]
    assert get(health, "/admin") == (404, b"try /livez, /readyz or /metrics\n")


async def test_the_loop_beats(state: State) -> None:
    """A running loop beats."""
    health = Health("127.0.0.1", 0, list, Metrics(), clock=lambda: state.now)
    state.now = BLOCKED_S + 1
    task = asyncio.create_task(health.beat_forever())
    await asyncio.sleep(0)
    task.cancel()
    assert TestClient(health.app).get("/livez").status_code == 200


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
    client = TestClient(health.app)
    first = client.get("/metrics").content
    metrics.lists.inc()
    assert client.get("/metrics").content == first
    state.now += METRICS_AGE_S
    assert b"nearline_lists_total 1.0" in client.get("/metrics").content


def test_silent_clients_take_the_places_there_are_and_no_more(health: Health) -> None:
    """One client too many gets 503 at once; when the others have gone, everybody is answered again."""
    silent = [socket.create_connection(("127.0.0.1", health.port)) for _ in range(CLIENTS)]
    assert get(health, "/livez")[0] == 503
    for client in silent:
        client.close()
    while True:
        try:
            if get(health, "/livez")[0] == 200:
                return
        except (OSError, HTTPException):
            continue


def test_a_client_that_does_not_finish_its_request_is_hung_up_on(
    health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it sends nothing or half a line, its place is free again."""
    assert REQUEST_S == 5
    monkeypatch.setattr("streams.telemetry.health.REQUEST_S", 0.1)
    for sent in (b"", b"GET /liv"):
        with socket.create_connection(("127.0.0.1", health.port), timeout=10) as client:
            client.sendall(sent)
            assert client.recv(1) == b""


def test_probes_are_answered_while_the_event_loop_of_the_worker_is_blocked(state: State) -> None:
    """The server has a thread and an event loop of its own."""
    state.ready = True

    async def blocked() -> int:
        health = Health("127.0.0.1", 0, state.waiting, Metrics())
        health.start()
        try:
            return get(health, "/readyz")[0]  # blocks this loop until it is answered
        finally:
            health.stop()

    assert asyncio.run(blocked()) == 200
