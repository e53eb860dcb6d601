"""What every request passes first: names, tokens, sizes and rates; and the headers that every answer gets.

* Without a token the server listens on loopback only, and answers under loopback's names only: a page from
  elsewhere that has rebound its own name to 127.0.0.1 gets nothing.
* With a token every request shows it, as `Authorization: Bearer` or, in browsers, as the password of a Basic
  login; only the probes are free.
* A request that changes something and comes from another origin is refused, unless that origin is listed.
"""

import base64
import binascii
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.codec import MAX_EVENT_BYTES
from streams.metrics import Metrics
from streams.serve.problems import Kind, Problem, respond
from streams.serve.settings import ServeSettings

__all__ = ["Gate", "Rates"]

FREE: Final = frozenset({"/livez", "/readyz"})
"""Paths that orchestrators ask, which have no token."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
ADDRESSES: Final = 10_000
"""Addresses whose rate is remembered; the one that was quiet longest is forgotten."""
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


class Rates:
    """Token buckets by address: a second's worth is saved up at most.

    Parameters
    ----------
    per_s
        Requests per second; 0 allows any.
    clock
        Seconds that never go backwards.

    Examples
    --------
    >>> rates = Rates(2.0, clock=iter([0.0, 0.0, 0.0, 0.5]).__next__)
    >>> [rates.allows("a") for _ in range(4)]
    [True, True, False, True]
    """

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._clock = per_s, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Take one request of an address; False when it has none left."""
        if not self._per_s:
            return True
        now, full = self._clock(), max(1.0, self._per_s)
        left, then = self._buckets.pop(address, (full, now))
        left = min(full, left + (now - then) * self._per_s)
        allowed = left >= 1.0
        self._buckets[address] = (left - allowed, now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return allowed


class Gate:
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
        self._rates = Rates(settings.rate)

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

        refusal = self._refusal(scope)
        try:
            if refusal is not None:
                await respond(refusal)(scope, receive, dressed)
            else:
                await self._app(scope, _measured(receive), dressed)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.http_requests.labels(route, str(status[0])).inc()
            if "/stream/" not in route:  # lasts as long as its reader likes
                self._metrics.http_seconds.labels(route).observe(time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> Problem | None:
        """Say why a request goes no further, None when it does."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._token and _name(host) not in self._names:
            return Problem(Kind.MISDIRECTED, "without a token only loopback's own names are answered")
        address = (scope.get("client") or ("",))[0]
        if not self._rates.allows(address):
            return Problem(Kind.TOO_MANY, "slow down", headers={"Retry-After": "1"})
        if self._token and scope["path"] not in FREE and not self._shown(headers.get(b"authorization", b"")):
            asked = 'Bearer realm="nearline", Basic realm="nearline"'
            detail = "send the token as Authorization: Bearer, or as the password of a login"
            return Problem(Kind.UNAUTHORIZED, detail, headers={"WWW-Authenticate": asked})
        origin = headers.get(b"origin", b"").decode("latin-1")
        foreign = origin and urlsplit(origin).netloc != host and origin not in self._origins
        if scope["method"] not in SAFE and foreign:
            return Problem(Kind.FORBIDDEN, "this origin may not change anything (NEARLINE_SERVE__ORIGINS)")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_EVENT_BYTES:
            return Problem(Kind.TOO_LARGE, f"{MAX_EVENT_BYTES} bytes are the most")
        return None

    def _shown(self, given: bytes) -> bool:
        """Say whether a header shows the token; takes the same time however much of it is right."""
        scheme, _, rest = given.partition(b" ")
        if scheme.lower() == b"basic":
            try:
                rest = base64.b64decode(rest, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != b"bearer":
            return False
        return hmac.compare_digest(rest, self._token)


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
            raise Problem(Kind.TOO_LARGE, f"{MAX_EVENT_BYTES} bytes are the most")
        return message

    return measured
