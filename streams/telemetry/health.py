"""Whether a worker lives and is ready, and its metrics, over HTTP; in threads of its own.

=========  ===========================================================================================
path       answer
=========  ===========================================================================================
/livez     200 while the event loop turns; 503 when it has not for `STILL_S` seconds: restart the worker
/readyz    200 when every assigned partition is restored and the replica of all titles has caught up; 503
           before, with a line for each that is not: how far it is, and how long it will take
/metrics   Prometheus' text format
=========  ===========================================================================================

It listens on loopback unless told otherwise, because it asks for no password; it says nothing about a viewer.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Lock, Thread
from typing import Any

from streams.errors import SettingsError
from streams.telemetry.metrics import Metrics

__all__ = ["STILL_S", "Health"]

STILL_S = 30.0
"""Seconds without a turn of the event loop after which the worker is not alive: no batch is as long."""

BEAT_S = 1.0
"""Seconds between two signs of life."""

PATIENCE_S = 5.0
"""Longest that a client may take to send its request."""

FRESH_S = 0.2
"""Seconds for which one text of metrics serves everybody: writing it takes milliseconds from the batches, and
eight clients that asked without end took nine tenths of them (measured)."""

CLIENTS = 64
"""Clients that are answered at the same time; more are hung up on, before each of them holds a thread."""


class _Server(ThreadingHTTPServer):
    """Answers `CLIENTS` at the same time and hangs up on the others."""

    daemon_threads = True
    request_queue_size = CLIENTS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._places = BoundedSemaphore(CLIENTS)
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Give a client a thread, if there is a place."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


class Health:
    r"""The HTTP server of a worker.

    Parameters
    ----------
    host, port
        Where it listens; port 0 takes any free one.
    waiting
        A line for each thing that the worker has to wait for; none when it is ready.
    metrics
        What /metrics shows.
    clock
        Seconds that never go backwards.

    Attributes
    ----------
    port
        Where it listens, once started.

    Examples
    --------
    >>> from urllib.request import urlopen
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
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host, self.port = host, port
        self._waiting, self._metrics, self._clock = waiting, metrics, clock
        self._beat = clock()
        self._text, self._written = b"", float("-inf")
        self._writing = Lock()
        self._server: ThreadingHTTPServer | None = None

    def beat(self) -> None:
        """Give a sign of life."""
        self._beat = self._clock()

    async def beat_forever(self) -> None:
        """Give signs of life for as long as the event loop turns."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Return status, content type and body for a path."""
        plain = "text/plain; charset=utf-8"
        match path.partition("?")[0]:
            case "/livez":
                alive = self._clock() - self._beat < STILL_S
                return (200, plain, b"alive\n") if alive else (503, plain, b"the event loop stands still\n")
            case "/readyz":
                lines = self._waiting()
                body = "".join(f"{line}\n" for line in lines or ["ready"])
                return 503 if lines else 200, plain, body.encode()
            case "/metrics":
                return 200, "text/plain; version=0.0.4; charset=utf-8", self._exposition()
            case _:
                return 404, plain, b"try /livez, /readyz or /metrics\n"

    def _exposition(self) -> bytes:
        """Return the metrics, at most `FRESH_S` old."""
        with self._writing:
            if self._clock() - self._written >= FRESH_S:
                self._text, self._written = self._metrics.exposition(), self._clock()
            return self._text

    def start(self) -> None:
        """Listen.

        Raises
        ------
        SettingsError
            The address cannot be used.
        """
        try:
            self._server = _Server((self.host, self.port), self._handler())
        except OSError as error:
            what = f"cannot listen on {self.host}:{self.port}"
            advice = "choose another port (NEARLINE_HTTP_PORT; 0 takes any free one)"
            raise SettingsError(what, why=error.strerror or "", next_step=advice) from error
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            """Answers GET and logs nothing."""

            timeout = PATIENCE_S

            def do_GET(self) -> None:
                """Send the answer."""
                status, kind, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing: probes come every few seconds."""

        return Handler
