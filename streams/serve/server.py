"""The composition root of `nearline serve`: from settings to a running HTTP server."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from typing import Final

import structlog
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from streams.config.settings import Settings
from streams.engine.heaps import use_few_heaps
from streams.errors import SettingsError
from streams.ops.overview import Observer
from streams.serve import problems
from streams.serve.access.connections import ConnectionLimits, limited
from streams.serve.access.key_ring import KeyRing
from streams.serve.access.middleware import AccessControl
from streams.serve.access.permissions import require_scope
from streams.serve.api import experiments, insights, routes
from streams.serve.api.description import describe
from streams.serve.api.posting import EventPoster
from streams.serve.mirror.mirror import Mirror
from streams.serve.web import (
    console,
    console_access,
    console_experiments,
    console_insights,
    console_preview,
    console_rules,
    login,
    viewer_pages,
)
from streams.serve.web.history import MetricsHistory
from streams.serve.web.rendering import STATIC, problem_page
from streams.telemetry.metrics import Metrics

__all__ = ["Server", "build_app", "check_access", "run"]

_LOG = structlog.get_logger(__name__)

BACKLOG: Final = 2_048
"""Connections that wait to be accepted: those of about a second."""
SHORT_CONNECTIONS: Final = 1_000
"""Most connections in addition to the live streams."""
STOP_S: Final = 5
"""Seconds for requests in flight after a signal."""
ABOUT: Final = """Home pages, trending, similar titles, search, insights; takes viewing events.

Stored lists are returned byte for byte as they were published. Errors are problem documents (RFC 9457)."""


def build_app(mirror: Mirror, poster: EventPoster, metrics: Metrics) -> FastAPI:
    """Assemble the application; nothing is started before its lifespan begins."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        mirror.notifier.attach()
        poster.start()
        app.state.history.start()
        try:
            yield
        finally:
            app.state.history.stop()
            mirror.notifier.close()
            poster.stop()

    app = FastAPI(
        title="nearline",
        version=version("nearline"),
        description=ABOUT,
        docs_url=None,  # its page loads scripts from a CDN
        redoc_url=None,
        dependencies=[Depends(require_scope)],
        lifespan=lifespan,
    )
    app.state.mirror, app.state.poster, app.state.metrics = mirror, poster, metrics
    app.state.keys = KeyRing(mirror.settings.serve)
    app.state.history = MetricsHistory(Observer(mirror.settings.serve.workers))
    for router in (
        routes.probes,
        login.router,
        routes.router,
        console.router,
        experiments.router,
        console_experiments.router,
        console_rules.router,
        console_access.router,
        console_preview.router,
        insights.router,
        console_insights.router,
        viewer_pages.router,
    ):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC))
    problems.install(app, problem_page)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign] # FastAPI's documented way
    serve = mirror.settings.serve
    app.add_middleware(routes.StoredPages, mirror=mirror)
    app.add_middleware(AccessControl, settings=serve, keys=app.state.keys, metrics=metrics)
    if serve.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(serve.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", "ce-id"],
            expose_headers=["ETag", routes.SOURCE, routes.EXPIRED],
        )
    return app


def check_access(settings: Settings) -> None:
    """Make sure that a server without keys is reachable from this machine only.

    Raises
    ------
    SettingsError
        It would listen beyond loopback and has neither a file of keys nor a token.
    """
    serve = settings.serve
    if serve.token is None and serve.keys is None and not serve.loopback:
        what = f"the server would answer everybody who can reach {serve.host}"
        advice = (
            "make keys with `nearline keys add` and set NEARLINE_SERVE__KEYS to their file, set "
            "NEARLINE_SERVE__TOKEN (16 characters or more), or listen on 127.0.0.1"
        )
        raise SettingsError(what, why="there are no keys", next_step=advice)


class Server(uvicorn.Server):
    """A uvicorn server that ends live streams before it waits for them, and leaves signals to `run`."""

    def __init__(self, app: FastAPI, mirror: Mirror) -> None:
        self._mirror = mirror
        serve, closed = mirror.settings.serve, mirror.metrics.http_connections_closed
        limits = ConnectionLimits(
            serve.streams + SHORT_CONNECTIONS,
            serve.connections,
            serve.proxies,
            on_close=lambda why: closed.labels(why).inc(),
        )
        config = uvicorn.Config(
            app,
            http=limited(limits),
            log_config=None,
            access_log=False,
            server_header=False,
            # X-Forwarded-For can be forged by anybody else
            proxy_headers=bool(serve.proxies),
            forwarded_allow_ips=list(serve.proxies),
            timeout_graceful_shutdown=STOP_S,
            backlog=BACKLOG,
        )
        super().__init__(config)

    def end(self) -> None:
        """Begin to stop: end live streams, accept no more requests; from any thread."""
        self._mirror.notifier.close()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no signal handlers: `run` has its own."""
        yield


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    SettingsError
        The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        what = f"cannot listen on {host}:{port}"
        advice = "choose another port (--port, NEARLINE_SERVE__PORT; 0 takes any free one)"
        raise SettingsError(what, why=error.strerror or str(error), next_step=advice) from error


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises
    ------
    StreamError
        A setting is wrong, the broker does not answer, a topic is missing, the folder or the port is taken.
    """
    check_access(settings)
    use_few_heaps()
    metrics = Metrics(version=version("nearline"))
    metrics.name(settings.tenant)
    metrics.watch_disk(settings.state_folder)
    with bound(settings.serve.host, settings.serve.port) as listening:
        mirror = Mirror(settings, metrics)
        server = Server(build_app(mirror, EventPoster(settings), metrics), mirror)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.end())
        mirror.start()
        try:
            _LOG.info("serve_starts", host=settings.serve.host, port=listening.getsockname()[1])
            server.run(sockets=[listening])
        finally:
            mirror.stop()
        _LOG.info("serve_stops")
    return 0
