"""Connections that never send a request, too many of them, and streams of one address."""

import socket
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from streams.config.settings import ServeSettings
from streams.serve.access import connections as module
from streams.serve.access import middleware
from streams.serve.access.connections import ConnectionLimits
from streams.serve.api.live import require_stream
from streams.serve.mirror.notifier import ChangeNotifier
from streams.serve.problems import Problem
from tests.streams.serve.conftest import listening_server


class Socket:
    """A connection of the limits."""

    def __init__(self, limits: ConnectionLimits, address: str) -> None:
        self.limits, self.address, self.is_open = limits, address, True
        limits.open(self, address)

    def close(self) -> None:
        """Close it, as the transport reports it."""
        self.is_open = False

    def lost(self) -> None:
        """Report that it is gone."""
        self.limits.closed(self, self.address)


def test_an_address_that_has_too_many_loses_the_one_that_is_idle_longest() -> None:
    """Not one with a request in progress, and no other address's; without an idle one, the new one goes."""
    why: list[str] = []
    limits = ConnectionLimits(100, 3, on_close=why.append)
    other = Socket(limits, "b")
    busy, first, second = (Socket(limits, "a") for _ in range(3))
    limits.work(busy, "a")
    third = Socket(limits, "a")
    assert [one.is_open for one in (busy, first, second, third, other)] == [True, False, True, True, True]
    first.lost()
    for one in (second, third):
        limits.work(one, "a")
    fourth = Socket(limits, "a")
    assert not fourth.is_open
    fourth.lost()
    limits.rest(busy, "a")
    fifth = Socket(limits, "a")
    assert fifth.is_open
    assert not busy.is_open
    assert why == ["address"] * 3


def test_a_full_server_closes_the_one_that_is_idle_longest_of_all() -> None:
    """What nobody uses makes room, and is forgotten once it is gone."""
    limits = ConnectionLimits(3, 3)
    sockets = [Socket(limits, str(n)) for n in range(5)]
    assert [one.is_open for one in sockets] == [False, False, True, True, True]
    assert not limits.overloaded
    for one in sockets:
        one.lost()
    assert len(limits) == 0


def test_a_proxy_may_hold_any_number() -> None:
    """It has the connections of many clients."""
    limits = ConnectionLimits(100, 1, ["10.0.0.0/8", "::1"])
    for address, kept in (("10.1.2.3", True), ("::1", True), ("11.0.0.1", False), ("", False)):
        first, _ = Socket(limits, address), Socket(limits, address)
        assert first.is_open is kept


@pytest.mark.parametrize("listed", [True, False])
def test_limits_go_by_the_client_that_a_listed_proxy_names(tmp_path: Path, listed: bool) -> None:
    """Two hundred clients guess a key each: behind a proxy none is throttled, else all are one address."""
    proxies = ["127.0.0.1"] if listed else []
    with listening_server(tmp_path, token="the-key-of-the-house", proxies=proxies) as (address, _):  # noqa: S106
        where, found = urlsplit(address), set()
        client = HTTPConnection(where.hostname or "", where.port, timeout=10)
        for number in range(200):
            guess = {"Authorization": "Bearer guess", "X-Forwarded-For": f"192.0.2.{number}"}
            client.request("GET", "/v1/trending", headers=guess)
            answer = client.getresponse()
            answer.read()
            found.add(answer.status)
        client.close()
    assert found == ({401} if listed else {401, 429})


def test_probes_and_requests_are_answered_beside_idle_connections(tmp_path: Path) -> None:
    """As many as an address may hold, and more: those that never send a request make room."""
    with listening_server(tmp_path, connections=40) as (address, stand):
        where = urlsplit(address)
        assert where.hostname is not None
        assert where.port is not None
        idle = [socket.create_connection((where.hostname, where.port)) for _ in range(120)]
        for path in ("/livez", "/readyz", "/v1/viewers/ada/home"):
            client = HTTPConnection(where.hostname, where.port, timeout=10)
            client.request("GET", path)
            assert client.getresponse().status == 200
            client.close()
        assert b'nearline_http_connections_closed_total{reason="address"}' in stand.metrics.exposition()
        for one in idle:
            one.close()


@pytest.mark.parametrize(
    "sent", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET "]
)
def test_headers_have_a_time_limit(sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is closed that sends nothing, half a request, or half a second one."""
    monkeypatch.setattr(module, "HEADERS_S", 0.2)
    with listening_server(tmp_path) as (address, _):
        where = urlsplit(address)
        assert where.hostname is not None
        with socket.create_connection((where.hostname, where.port or 0), timeout=4) as client:
            client.sendall(sent)
            while client.recv(1_000):  # until the server closes; uvicorn alone never would
                pass


def test_a_body_has_a_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that announces a body and does not send it gets 408."""
    monkeypatch.setattr(middleware, "BODY_S", 0.2)
    with listening_server(tmp_path) as (address, _):
        where = urlsplit(address)
        client = HTTPConnection(where.hostname or "", where.port, timeout=4)
        client.putrequest("POST", "/v1/events")
        client.putheader("Content-Type", "application/json")
        client.putheader("Content-Length", "9")
        client.endheaders()
        assert client.getresponse().status == 408
        client.close()


def test_an_address_cannot_hold_every_stream() -> None:
    """Half of its connections may be streams, so that it can still ask for something."""
    notifier, serve = ChangeNotifier(), ServeSettings(streams=3, connections=4)
    held = [notifier.subscribe(b"ada", "a") for _ in range(2)]
    with pytest.raises(Problem) as refused:
        require_stream(notifier, serve, "a")
    assert refused.value.status == 429
    require_stream(notifier, serve, "b")
    notifier.subscribe(b"ada", "b")
    with pytest.raises(Problem) as refused:
        require_stream(notifier, serve, "c")
    assert refused.value.status == 503
    notifier.unsubscribe(b"ada", held[0], "a")
    require_stream(notifier, serve, "a")
