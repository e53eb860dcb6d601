"""Tokens and sessions: a request is authenticated by the token or by the cookie that signing in gives.

Starlette's :class:`SessionMiddleware` signs the cookie with the token as its key (itsdangerous): any server
with the token accepts it, and another token ends every session. Scripts cannot read the cookie (HttpOnly),
and requests that other sites cause do not carry it (SameSite=Strict).
"""

import hmac
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.datastructures import Headers
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.serve.problems import Problem, ProblemKind, respond

__all__ = [
    "BY_COOKIE", "COOKIE", "LASTS_S", "LOGIN", "SAFE", "SIGNED_IN", "SessionCookie", "TokenBackend",
    "is_token", "unauthorized",
]  # fmt: skip

COOKIE: Final = "nearline"
LOGIN: Final = "/login"
LASTS_S: Final = 12 * 3600
"""Lifetime of a session from signing in: a working day."""
FREE: Final = frozenset({"/livez", "/readyz", LOGIN})
"""Paths without authentication: probes of orchestrators, and the form that asks for the token."""
STATIC_FILES: Final = "/static/"
"""Files of the pages: free, since the form needs them."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
BY_TOKEN: Final = "token"  # noqa: S105 - a name of a scope
BY_COOKIE: Final = "cookie"
"""Scopes of the credentials: how a request was authenticated."""
SIGNED_IN: Final = ContextVar("signed_in", default=False)
"""Whether the current request has a session, so that its page offers to sign out."""


class SessionCookie:
    """Session middleware whose cookie is `Secure` where the browser's connection is encrypted.

    Behind a proxy that ends TLS only the browser knows that, so its `Origin` header counts, too.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._plain, self._secure = (
            SessionMiddleware(
                app, token, session_cookie=COOKIE, max_age=LASTS_S, same_site="strict", https_only=https_only
            )
            for https_only in (False, True)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the session of a request, and set its cookie if the session changed."""
        secure = scope["type"] == "http" and (
            scope["scheme"] == "https" or Headers(scope=scope).get("origin", "").startswith("https:")
        )
        await (self._secure if secure else self._plain)(scope, receive, send)


class TokenBackend(AuthenticationBackend):
    """Accepts the token as a bearer, or a session; paths that are free need neither."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """Return how a request is authenticated; None where it needs no authentication.

        Raises
        ------
        AuthenticationError
            It has neither the token nor a session.
        """
        scheme, _, given = conn.headers.get("authorization", "").partition(" ")
        by_token = scheme.lower() == "bearer" and is_token(given.encode("latin-1"), self._token)
        # not conn.session: reading it adds `Vary: Cookie` to every response
        by_cookie = bool(conn.scope["session"])
        SIGNED_IN.set(by_cookie)
        scopes = [*([BY_TOKEN] if by_token else ()), *([BY_COOKIE] if by_cookie else ())]
        if scopes:
            return AuthCredentials(scopes), SimpleUser("")
        path: str = conn.scope["path"]
        if path in FREE or path.startswith(STATIC_FILES):
            return None
        msg = f"send the token as Authorization: Bearer, or sign in at {LOGIN}"
        raise AuthenticationError(msg)


def is_token(given: bytes, token: str) -> bool:
    """Compare in a time that does not depend on how many bytes are right; an empty token accepts nothing."""
    return bool(token) and hmac.compare_digest(given, token.encode())


def unauthorized(conn: HTTPConnection, error: AuthenticationError) -> Response:
    """Redirect a browser to the form; answer other clients with 401."""
    refusal = Problem(
        ProblemKind.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": 'Bearer realm="nearline"'}
    )
    if "hx-request" in conn.headers:  # the session ended while the page was open: the page reloads
        refusal.headers["HX-Refresh"] = "true"
        return respond(refusal)
    if "text/html" not in conn.headers.get("accept", ""):
        return respond(refusal)
    path, query = conn.scope["path"], conn.scope["query_string"].decode("latin-1")
    path = f"{path}?{query}" if query else path
    target = path if conn.scope["method"] in SAFE else "/"
    return RedirectResponse(f"{LOGIN}?next={quote(target, safe='')}", 303)
