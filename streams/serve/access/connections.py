"""Connections: how long a client may take over a request, and how many connections it may hold.

uvicorn bounds open connections, and closes a connection that is silent *after* a response. Nothing in it ends
a connection that never sends a request, and 503 for everybody is its answer to too many. Here

* a connection has :data:`HEADERS_S` to send the headers of its next request;
* where an address, or the server, has as many connections as it may, the one that is idle longest is closed
  for the new one. A connection is idle while it has no request in progress;
* probes are answered beyond the bound, too, where every connection has a request in progress.

A reverse proxy has the connections of many clients, so one that is listed may hold any number.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import ClassVar, Final, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEADERS_S", "PROBES", "ConnectionLimits", "LimitedProtocol", "limited"]

HEADERS_S: Final = 10.0
"""Seconds for the headers of a request, from connecting or from the last response: twice uvicorn's
keep-alive, so that a request which begins just before that ends has 5 s."""
PROBES: Final = frozenset({b"/livez", b"/readyz"})
"""Paths that are answered however many connections are open."""


class Connection(Protocol):
    """What is counted: something that can be closed."""

    def close(self) -> None:
        """Close it."""


@dataclass(slots=True)
class _Client:
    """Connections of one address."""

    open: int = 0
    idle: dict[Connection, None] = field(default_factory=dict)


class ConnectionLimits:
    """Open connections, by address; the one that is idle longest is closed for a new one.

    Parameters
    ----------
    most
        Connections of all addresses.
    per_address
        Connections of one address.
    proxies
        Networks of reverse proxies, which may hold any number.
    on_close
        Called with the reason of each connection that is closed: `headers`, `address` or `all`.
    """

    def __init__(
        self,
        most: int,
        per_address: int,
        proxies: Collection[str] = (),
        *,
        on_close: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._most, self._per_address = most, per_address
        self._proxies = [ip_network(one) for one in proxies]
        self.on_close = on_close
        self._clients: dict[str, _Client] = {}
        self._open = 0
        self._idle: dict[Connection, str] = {}

    def __len__(self) -> int:
        """Return the number of open connections."""
        return self._open

    @property
    def overloaded(self) -> bool:
        """Whether more requests are in progress than there may be connections."""
        return self._open - len(self._idle) > self._most

    def open(self, connection: Connection, address: str) -> None:
        """Count a new connection, which is idle; close another one, or this one, where there are too many."""
        client = self._clients.setdefault(address, _Client())
        client.open += 1
        self._open += 1
        self.rest(connection, address)
        if client.open > self._per_address and not self._is_proxy(address):
            self._close(next(iter(client.idle)), "address")
        elif self._open > self._most:
            self._close(next(iter(self._idle)), "all")

    def work(self, connection: Connection, address: str) -> None:
        """Note that a connection has a request in progress."""
        self._idle.pop(connection, None)
        self._clients[address].idle.pop(connection, None)

    def rest(self, connection: Connection, address: str) -> None:
        """Note that a connection has no request in progress."""
        self._idle[connection] = address
        self._clients[address].idle[connection] = None

    def closed(self, connection: Connection, address: str) -> None:
        """Forget a connection."""
        client = self._clients[address]
        self.work(connection, address)
        client.open -= 1
        self._open -= 1
        if not client.open:
            del self._clients[address]

    def _close(self, connection: Connection, why: str) -> None:
        self.work(connection, self._idle[connection])  # it is not chosen again before it is gone
        self.on_close(why)
        connection.close()

    def _is_proxy(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._proxies)
        except ValueError:
            return False


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit for headers, under :class:`ConnectionLimits`."""

    limits: ClassVar[ConnectionLimits]
    _address = ""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._await_headers()
        self.limits.open(self, self._address)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._end_deadline()
        self.limits.closed(self, self._address)
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Begin a request; one of a probe is answered beyond the bound of connections."""
        self._end_deadline()
        self.limits.work(self, self._address)
        # uvicorn answers 503 if as many connections are open as this: always at 0, never at None
        self.limit_concurrency = 0 if self.limits.overloaded and self.url not in PROBES else None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless it is here."""
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last and not self.transport.is_closing():
            self._await_headers()
            self.limits.rest(self, self._address)

    def close(self) -> None:
        """Close the connection."""
        self.transport.close()

    def _await_headers(self) -> None:
        self._end_deadline()
        self._deadline = self.loop.call_later(HEADERS_S, self._too_late)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self.limits.on_close("headers")
        self.close()


def limited(limits: ConnectionLimits) -> type[LimitedProtocol]:
    """Return the protocol under some limits, for :class:`uvicorn.Config`."""

    class Limited(LimitedProtocol):
        pass

    Limited.limits = limits
    return Limited
