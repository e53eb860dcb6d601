"""The composition root of `nearline serve`: settings in, a running HTTP server out."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import version
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles

from streams.config.settings import Settings
from streams.errors import SettingsError
from streams.ops.overview import Observer
from streams.serve.access import login
from streams.serve.access.gate import AccessControl
from streams.serve.access.rates import RateLimits
from streams.serve.api import experiments, impressions, insights, probes, problems
from streams.serve.api import routes as api
from streams.serve.api.description import describe
from streams.serve.api.posting import EventPoster
from streams.serve.api.stored_pages import StoredPages
from streams.serve.mirror.mirror import Mirror
from streams.serve.web import console, pages
from streams.serve.web.html import STATIC
from streams.telemetry.metrics import Metrics

__all__ = ["Server", "build_app", "check_access", "run"]

_LOG = structlog.get_logger(__name__)

BACKLOG: Final = 2_048
"""Connections that wait to be accepted: a second's worth."""
OTHERS: Final = 1_000
"""Connections beside the live streams."""
STOP_S: Final = 5
"""Seconds that requests under way get after a signal."""
ABOUT: Final = """Home pages, trending, similar titles, search, insights, and a place for events.

Lists are what the topics hold, byte for byte. Errors are problem documents (RFC 9457)."""


def build_app(mirror: Mirror, poster: EventPoster, metrics: Metrics) -> FastAPI:
    """Put the application together; nothing is started before its lifespan begins."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        mirror.hub.attach()
        poster.start()
        try:
            yield
        finally:
            mirror.hub.end()
            poster.stop()

    app = FastAPI(
        title="nearline",
        version=version("nearline"),
        description=ABOUT,
        docs_url=None,  # they fetch their scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.mirror, app.state.poster, app.state.metrics = mirror, poster, metrics
    token = mirror.settings.serve.token
    app.state.sessions = login.Sessions(token.get_secret_value().encode()) if token else None
    app.state.tries = RateLimits(login.TRIES_PER_S)
    app.state.observer = Observer(mirror.settings.serve.workers)
    app.include_router(probes.router)
    app.include_router(login.router)
    app.include_router(api.router)
    app.include_router(console.router)
    app.include_router(experiments.api)
    app.include_router(experiments.router)
    app.include_router(impressions.router)
    app.include_router(insights.router)
    app.include_router(insights.console)
    app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    problems.install(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign] # FastAPI's documented way
    serve = mirror.settings.serve
    app.add_middleware(StoredPages, mirror=mirror)
    app.add_middleware(AccessControl, settings=serve, metrics=metrics)
    if serve.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(serve.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", "ce-id"],
            expose_headers=["ETag", api.SOURCE],
        )
    return app


def check_access(settings: Settings) -> None:
    """Make sure that nobody else reaches a server without a token.

    Raises
    ------
    SettingsError
        It would listen beyond loopback, and has none.
    """
    serve = settings.serve
    if serve.token is None and not serve.loopback:
        what = f"the server would answer everybody who reaches {serve.host}"
        advice = "set NEARLINE_SERVE__TOKEN (16 characters or more), or listen on 127.0.0.1"
        raise SettingsError(what, why="there is no token", next_step=advice)


class Server(uvicorn.Server):
    """A uvicorn that leaves signals to us, and lets live streams end before it waits for them."""

    def __init__(self, app: FastAPI, mirror: Mirror) -> None:
        self._mirror = mirror
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # who comes through a proxy has the proxy's address: nobody can invent one
            timeout_graceful_shutdown=STOP_S,
            limit_concurrency=mirror.settings.serve.streams + OTHERS,
            backlog=BACKLOG,
        )
        super().__init__(config)

    def end(self) -> None:
        """Begin to stop: let live streams end, take no more requests; from any thread."""
        self._mirror.hub.end()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: `run` has its own handlers."""
        yield


def bound(host: str, port: int) -> socket.socket:
    """Listen.

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
