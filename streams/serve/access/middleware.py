"""Checks in front of every request, and the headers of every response.

* Without keys the server listens on loopback only, and answers under loopback's names only: a page from
  elsewhere that rebinds its own name to 127.0.0.1 (DNS rebinding) gets nothing.
* With keys every request needs one, as `Authorization: Bearer` or by the session cookie that signing in gives
  (:mod:`streams.serve.access.sessions`). A browser without one is redirected to the sign-in form. The probes,
  the form and its static files need none. What a key opens: :mod:`streams.serve.access.permissions`.
* A request that changes something and comes from another origin is refused, unless that origin is listed. A
  request that is authenticated by the cookie alone must name its origin (protection against CSRF).
"""

import asyncio
import time
from collections.abc import Collection
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.codec import MAX_EVENT_BYTES
from streams.config.settings import ServeSettings
from streams.serve.access.key_ring import KeyRing
from streams.serve.access.rate_limits import RateLimits
from streams.serve.access.sessions import SAFE, KeyBackend, SessionCookie, unauthorized
from streams.serve.problems import Problem, ProblemKind, respond
from streams.telemetry.metrics import Metrics

__all__ = ["AccessControl"]

LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
BODY_S: Final = 10.0
"""Seconds for the body of a request: 16 kB at 2 kB/s, less than any phone has."""
HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)
"""Scripts, styles and images come from this server only; inline scripts do not run."""


class AccessControl:
    """All checks in their order: host, rate, key or session, origin, size; the outermost counts requests.

    Parameters
    ----------
    app
        The application behind the checks.
    settings
        Origins, rate, the secret of sessions.
    keys
        The keys.
    metrics
        Where requests are counted.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, keys: KeyRing, metrics: Metrics) -> None:
        inner: ASGIApp = KeyRateLimit(OriginCheck(BodyLimit(app), settings.origins), settings.rate)
        inner = AuthenticationMiddleware(inner, KeyBackend(keys), on_error=unauthorized)
        if keys.is_open:
            inner = HostCheck(RateLimit(inner, settings.rate), LOCAL | {settings.host})
        else:
            inner = RateLimit(SessionCookie(inner, settings), settings.rate)
        self._app = ResponseHeaders(inner, metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        await self._app(scope, receive, send)


class ResponseHeaders:
    """Adds the security headers to every response, and counts requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.http_requests.labels(route, str(status)).inc()
            if "/stream/" not in route:  # a live stream lasts as long as its client reads
                self._metrics.http_seconds.labels(route).observe(time.perf_counter() - began)


class HostCheck:
    """Starlette's :class:`TrustedHostMiddleware`, answering with 421 as a problem instead of 400 as text."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app, self._names = app, sorted(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trusted = False

        async def trust(*_: object) -> None:
            nonlocal trusted
            trusted = True

        async def discard(_: Message) -> None:
            pass

        await TrustedHostMiddleware(trust, self._names, www_redirect=False)(scope, receive, discard)
        if trusted:
            await self._app(scope, receive, send)
        else:
            refusal = Problem(ProblemKind.MISDIRECTED, "without keys only loopback's own names are answered")
            await respond(refusal)(scope, receive, send)


class RateLimit:
    """Refuses requests of an address beyond its rate."""

    def __init__(self, app: ASGIApp, per_s: float) -> None:
        self._app, self._rates = app, RateLimits(per_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = (scope.get("client") or ("",))[0]
        if scope["type"] == "http" and not self._rates.allows(address):
            await respond(_slow_down("this address"))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class KeyRateLimit:
    """Refuses requests with a key beyond the key's rate, from whatever addresses they come."""

    def __init__(self, app: ASGIApp, per_s: float) -> None:
        self._app = app
        self._rates = lru_cache(maxsize=1_000)(lambda _, own_per_s: RateLimits(own_per_s or per_s))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = scope["user"].key if "user" in scope else None
        if key is not None and not self._rates(key.name, key.rate).allows(key.name):
            await respond(_slow_down(f"key {key.name}"))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _slow_down(who: str) -> Problem:
    return Problem(ProblemKind.TOO_MANY, f"slow down: the rate of {who}", headers={"Retry-After": "1"})


class OriginCheck:
    """Refuses changes that another origin asks for, unless it is listed."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app, self._origins = app, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE and self._foreign(scope):
            detail = "this origin may not change anything (NEARLINE_SERVE__ORIGINS)"
            await respond(Problem(ProblemKind.FORBIDDEN, detail))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _foreign(self, scope: Scope) -> bool:
        """Return whether a request comes from another origin; one by cookie must show that it does not."""
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if not origin:
            return scope["user"].by_cookie and headers.get("sec-fetch-site") != "same-origin"
        return urlsplit(origin).netloc != headers.get("host", "") and origin not in self._origins


class BodyLimit:
    """Refuses bodies that are larger than the largest event, or that take longer than :data:`BODY_S`.

    Their length may be announced or not.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = Problem(ProblemKind.TOO_LARGE, f"{MAX_EVENT_BYTES} bytes are the most")
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_EVENT_BYTES:
            await respond(refusal)(scope, receive, send)
            return
        received, whole = 0, False
        late = Problem(ProblemKind.TIMEOUT, f"the body did not come within {BODY_S:.0f} s")
        until = asyncio.get_running_loop().time() + BODY_S

        async def counted() -> Message:
            nonlocal received, whole
            try:
                async with asyncio.timeout_at(None if whole else until):
                    message = await receive()
            except TimeoutError:
                raise late from None
            whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > MAX_EVENT_BYTES:
                raise refusal
            return message

        await self._app(scope, counted, send)
