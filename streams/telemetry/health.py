"""Liveness, readiness and metrics of a worker over HTTP, on an event loop and in a thread of their own.

=========  ===========================================================================================
path       answer
=========  ===========================================================================================
/livez     200 while the worker's event loop runs; 503 if it was blocked for `BLOCKED_S` s: restart it
/readyz    200 if every assigned partition is restored and the replica of all titles has caught up; 503
           before, with a line for each that is not ready: its progress, and the time that is left
/metrics   Prometheus' text format, or OpenMetrics, with exemplars, for clients that accept it
=========  ===========================================================================================

It listens on loopback by default, because it has no password. No answer contains data of a viewer.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from threading import Lock, Thread
from typing import Protocol

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from streams.errors import SettingsError
from streams.telemetry.metrics import media_type_for

__all__ = ["BLOCKED_S", "Health"]

BLOCKED_S = 30.0
"""Seconds without a heartbeat of the event loop after which the worker is not alive: no batch is as long."""

BEAT_S = 1.0
"""Seconds between two heartbeats."""

REQUEST_S = 5
"""Seconds within which a client has to send its request; after them its connection is closed."""

METRICS_AGE_S = 0.2
"""Maximum age of the text of metrics, which all clients share: to write it takes milliseconds of the batches;
eight clients that asked without a pause took nine tenths of them (measured)."""

CLIENTS = 64
"""Clients that are answered at the same time; further ones get 503."""

STOP_S = 1
"""Seconds that requests in flight get when the worker stops."""


class Exposed(Protocol):
    """What has metrics."""

    def exposition(self, media_type: str) -> bytes:
        """Return all metrics in a format; may block."""


class _TimedProtocol(H11Protocol):
    """uvicorn's HTTP protocol, with a time limit for the first request as for the next ones."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time limit."""
        super().connection_made(transport)
        self._limit()

    def data_received(self, data: bytes) -> None:
        """Start the time limit again while the request is incomplete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:  # the request is not complete
            self._limit()

    def _limit(self) -> None:
        """Close the connection unless more of the request arrives in time."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(REQUEST_S, self.transport.close)


class Health:
    r"""The HTTP server of a worker.

    Parameters
    ----------
    host, port
        Address; port 0 takes any free one.
    waiting
        Returns a line for each thing that is not ready; none if the worker is ready.
    metrics
        Content of /metrics.
    clock
        Monotonic clock, seconds.
    formats
        Returns the format of the metrics for a request's header ``Accept``.

    Attributes
    ----------
    port
        The port that it listens on, once started.
    app
        The Starlette application.

    Examples
    --------
    >>> from urllib.request import urlopen
    >>> from streams.telemetry.metrics import Metrics
    >>> health = Health("127.0.0.1", 0, lambda: [], Metrics())
    >>> health.start()
    >>> urlopen(f"http://127.0.0.1:{health.port}/readyz").read()
    b'ready\n'
    >>> health.stop()
    """

    def __init__(
        self,
        host: str,
        port: int,
        waiting: Callable[[], Sequence[str]],
        metrics: Exposed,
        *,
        clock: Callable[[], float] = time.monotonic,
        formats: Callable[[str], str] = media_type_for,
    ) -> None:
        self.host, self.port, self._formats = host, port, formats
        self._waiting, self._metrics, self._clock = waiting, metrics, clock
        self._beat = clock()
        self._written: dict[str, tuple[float, Response]] = {}
        self._writing = Lock()
        routes = [
            Route("/livez", self._livez),
            Route("/readyz", self._readyz),
            Route("/metrics", self._exposition),
        ]
        self.app = Starlette(routes=routes, exception_handlers={404: self._not_found})
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None

    def beat(self) -> None:
        """Note that the event loop of the worker runs."""
        self._beat = self._clock()

    async def beat_forever(self) -> None:
        """Beat in regular intervals; runs on the event loop of the worker."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def start(self) -> None:
        """Listen.

        Raises
        ------
        SettingsError
            The address cannot be used.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            listening = socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            what = f"cannot listen on {self.host}:{self.port}"
            advice = "choose another port (NEARLINE_HTTP_PORT; 0 takes any free one)"
            raise SettingsError(what, why=error.strerror or "", next_step=advice) from error
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self.app,
            http=_TimedProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level="critical",  # probes come every few seconds
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=CLIENTS + 1,  # uvicorn counts the client that asks
            timeout_keep_alive=REQUEST_S,
            timeout_graceful_shutdown=STOP_S,
        )
        self._server = uvicorn.Server(config)
        run = self._server.run
        self._thread = Thread(target=run, kwargs={"sockets": [listening]}, name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()

    async def _livez(self, _: Request) -> Response:
        """Answer whether the event loop of the worker runs."""
        if self._clock() - self._beat < BLOCKED_S:
            return PlainTextResponse("alive\n")
        return PlainTextResponse("the event loop is blocked\n", 503)

    async def _readyz(self, _: Request) -> Response:
        """Answer whether the worker is ready."""
        lines = self._waiting()
        return PlainTextResponse("".join(f"{line}\n" for line in lines or ["ready"]), 503 if lines else 200)

    def _exposition(self, request: Request) -> Response:
        """Answer with the metrics; in a thread, so that probes do not wait for a slow gauge."""
        media_type = self._formats(request.headers.get("accept", ""))
        with self._writing:
            at, answer = self._written.get(media_type, (float("-inf"), Response()))
            if self._clock() - at >= METRICS_AGE_S:
                answer = Response(self._metrics.exposition(media_type), media_type=media_type)
                self._written[media_type] = self._clock(), answer
        return answer

    def _not_found(self, _: Request, __: Exception) -> Response:
        """Answer with the paths there are."""
        return PlainTextResponse("try /livez, /readyz or /metrics\n", 404)
