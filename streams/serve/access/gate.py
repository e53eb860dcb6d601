"""What every request passes first: names, tokens, sizes and rates; and the headers that every answer gets.

* Without a token the server listens on loopback only, and answers under loopback's names only: a page from
  elsewhere that has rebound its own name to 127.0.0.1 gets nothing.
* With a token every request shows it, as `Authorization: Bearer`, or a cookie that stands for it
  (:mod:`streams.serve.access.login`): a browser without one is led to the form. The probes, the form and the files
  that it is drawn with are free.
* A request that changes something and comes from another origin is refused, unless that origin is listed; one
  with a cookie has to say where it comes from.
"""

import hmac
import time
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.codec import MAX_EVENT_BYTES
from streams.config.settings import ServeSettings
from streams.serve.access.login import COOKIE, LOGIN, Sessions
from streams.serve.access.rates import RateLimits
from streams.serve.api.problems import Problem, ProblemKind, respond
from streams.serve.web import html
from streams.telemetry.metrics import Metrics

__all__ = ["AccessControl"]

FREE: Final = frozenset({"/livez", "/readyz", LOGIN})
"""Paths that orchestrators ask, which have no token, and where a browser shows it."""
DRAWN: Final = "/static/"
"""Where the files are that pages are drawn with."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)
"""Scripts, styles and pictures come from here only, and nothing inline runs."""


class AccessControl:
    """ASGI middleware in front of the whole application.

    Parameters
    ----------
    app
        What is behind it.
    settings
        Token, origins, rate.
    metrics
        Where requests are counted.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._token = settings.token.get_secret_value().encode() if settings.token else b""
        self._origins = frozenset(settings.origins)
        self._names = LOCAL | {settings.host}
        self._rates = RateLimits(settings.rate)
        self._sessions = Sessions(self._token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), [500]

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        headers: dict[bytes, bytes] = dict(scope["headers"])
        signed_in = bool(self._token) and self._sessions.holds(_cookie(headers.get(b"cookie", b"")))
        html.SIGNED_IN.set(signed_in)
        refusal = self._refusal(scope, headers, signed_in=signed_in)
        try:
            if refusal is not None:
                await _answer(refusal, scope, headers)(scope, receive, dressed)
            else:
                await self._app(scope, _measured(receive), dressed)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.http_requests.labels(route, str(status[0])).inc()
            if "/stream/" not in route:  # lasts as long as its reader likes
                self._metrics.http_seconds.labels(route).observe(time.perf_counter() - began)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes], *, signed_in: bool) -> Problem | None:
        """Say why a request goes no further, None when it does."""
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._token and _name(host) not in self._names:
            return Problem(ProblemKind.MISDIRECTED, "without a token only loopback's own names are answered")
        address = (scope.get("client") or ("",))[0]
        if not self._rates.allows(address):
            return Problem(ProblemKind.TOO_MANY, "slow down", headers={"Retry-After": "1"})
        free = not self._token or scope["path"] in FREE or scope["path"].startswith(DRAWN)
        bearer = self._shown(headers.get(b"authorization", b""))
        if not (free or bearer or signed_in):
            detail = f"send the token as Authorization: Bearer, or sign in at {LOGIN}"
            return Problem(
                ProblemKind.UNAUTHORIZED, detail, headers={"WWW-Authenticate": 'Bearer realm="nearline"'}
            )
        if scope["method"] not in SAFE and self._foreign(headers, host, by_cookie=signed_in and not bearer):
            return Problem(
                ProblemKind.FORBIDDEN, "this origin may not change anything (NEARLINE_SERVE__ORIGINS)"
            )
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_EVENT_BYTES:
            return Problem(ProblemKind.TOO_LARGE, f"{MAX_EVENT_BYTES} bytes are the most")
        return None

    def _foreign(self, headers: dict[bytes, bytes], host: str, *, by_cookie: bool) -> bool:
        """Say whether a request comes from elsewhere; with a cookie it must say that it does not."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        if not origin:
            return by_cookie and headers.get(b"sec-fetch-site") != b"same-origin"
        return urlsplit(origin).netloc != host and origin not in self._origins

    def _shown(self, given: bytes) -> bool:
        """Say whether a header shows the token; takes the same time however much of it is right."""
        scheme, _, rest = given.partition(b" ")
        return scheme.lower() == b"bearer" and bool(self._token) and hmac.compare_digest(rest, self._token)


def _answer(refusal: Problem, scope: Scope, headers: dict[bytes, bytes]) -> Response:
    """Lead a browser that has not signed in to the form; tell others what is wrong."""
    if refusal.kind is not ProblemKind.UNAUTHORIZED:
        return respond(refusal)
    if b"hx-request" in headers:  # the session is over while the page is open: it loads anew
        refusal.headers["HX-Refresh"] = "true"
        return respond(refusal)
    if b"text/html" not in headers.get(b"accept", b""):
        return respond(refusal)
    query = scope["query_string"].decode("latin-1")
    asked = f"{scope['path']}?{query}" if query else scope["path"]
    return RedirectResponse(f"{LOGIN}?next={quote(asked if scope['method'] in SAFE else '/', safe='')}", 303)


def _cookie(given: bytes) -> str:
    """Return our cookie out of those that a browser sends, empty where it is not among them."""
    pairs = (part.strip().partition("=") for part in given.decode("latin-1").split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), "")


def _name(host: str) -> str:
    """Return the name of a Host header, without the port."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _measured(receive: Receive) -> Receive:
    """Refuse a body that turns out too large, where no length was announced."""
    seen = 0

    async def measured() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_EVENT_BYTES:
            raise Problem(ProblemKind.TOO_LARGE, f"{MAX_EVENT_BYTES} bytes are the most")
        return message

    return measured
