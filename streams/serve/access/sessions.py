"""Keys and sessions: a request is authenticated by a key or by the cookie that signing in with one gives.

The cookie names the key, so a session ends when its key is revoked. Starlette's :class:`SessionMiddleware`
signs it (itsdangerous) with `NEARLINE_SERVE__SESSION_SECRET`, else with the token, else with a secret of this
process: servers that share one accept each other's cookies. The file of keys has nothing that could sign a
cookie. Scripts cannot read it (HttpOnly), and requests that other sites cause do not carry it
(SameSite=Strict).
"""

import secrets
from contextvars import ContextVar
from typing import Final
from urllib.parse import quote

from pydantic import SecretStr
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, BaseUser
from starlette.datastructures import Headers
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from streams.config.settings import ServeSettings
from streams.ops.access_keys import AccessKey, Scope
from streams.serve.access.key_ring import KeyRing
from streams.serve.access.permissions import GRANTED
from streams.serve.problems import Problem, ProblemKind, respond

__all__ = [
    "COOKIE", "LASTS_S", "LOGIN", "SAFE", "SIGNED_IN", "KeyBackend", "KeyUser", "SessionCookie", "session_of",
    "unauthorized",
]  # fmt: skip

COOKIE: Final = "nearline"
LOGIN: Final = "/login"
LASTS_S: Final = 12 * 3600
"""Lifetime of a session from signing in: a working day."""
FREE: Final = frozenset({"/livez", "/readyz", LOGIN})
"""Paths without authentication: probes of orchestrators, and the form that asks for a key."""
STATIC_FILES: Final = "/static/"
"""Files of the pages: free, since the form needs them."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
NOBODY: Final = "local"
"""Name of who asks where there are no keys, in the audit log."""
SIGNED_IN: Final = ContextVar("signed_in", default=False)
"""Whether the current request has a session, so that its page offers to sign out."""


class SessionCookie:
    """Session middleware whose cookie is `Secure` where the browser's connection is encrypted.

    Behind a proxy that ends TLS only the browser knows that, so its `Origin` header counts, too.
    """

    def __init__(self, app: ASGIApp, serve: ServeSettings) -> None:
        given = serve.session_secret or serve.token or SecretStr(secrets.token_urlsafe(32))
        self._plain, self._secure = (
            SessionMiddleware(
                app,
                given.get_secret_value(),
                session_cookie=COOKIE,
                max_age=LASTS_S,
                same_site="strict",
                https_only=https_only,
            )
            for https_only in (False, True)
        )

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Read the session of a request, and set its cookie if the session changed."""
        secure = scope["type"] == "http" and (
            scope["scheme"] == "https" or Headers(scope=scope).get("origin", "").startswith("https:")
        )
        await (self._secure if secure else self._plain)(scope, receive, send)


class KeyUser(BaseUser):
    """Who asks.

    Parameters
    ----------
    key
        The key; None for anybody on loopback, where there are no keys.
    by_cookie
        Whether only a session authenticates the request: then another site may have caused it.
    """

    def __init__(self, key: AccessKey | None, *, by_cookie: bool = False) -> None:
        self.key, self.by_cookie = key, by_cookie

    @property
    def is_authenticated(self) -> bool:
        """Whether there is a key."""
        return self.key is not None

    @property
    def display_name(self) -> str:
        """Name of the key."""
        return NOBODY if self.key is None else self.key.name


class KeyBackend(AuthenticationBackend):
    """Accepts a key as a bearer, or a session; paths that are free need neither."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, KeyUser]:
        """Return what a request may do, and who asks.

        Raises
        ------
        AuthenticationError
            It has neither a key nor a session.
        """
        SIGNED_IN.set(False)
        if self._keys.is_open:
            return self._granted(None)
        scheme, _, given = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                key = self._keys.admit(conn.client.host if conn.client else "", given.encode("latin-1"))
            except Problem as problem:
                raise _RefusedError(problem) from None
            if key is not None:
                return self._granted(key)
        # not conn.session: reading it adds `Vary: Cookie` to every response
        key = self._keys.of_session(conn.scope["session"])
        if key is not None:
            SIGNED_IN.set(True)
            return self._granted(key, by_cookie=True)
        path: str = conn.scope["path"]
        if path in FREE or path.startswith(STATIC_FILES):
            return AuthCredentials(), KeyUser(None)
        msg = f"send a key as Authorization: Bearer, or sign in at {LOGIN}"
        raise AuthenticationError(msg)

    def _granted(self, key: AccessKey | None, *, by_cookie: bool = False) -> tuple[AuthCredentials, KeyUser]:
        scopes = tuple(Scope) if key is None else key.scopes
        GRANTED.set(scopes)
        return AuthCredentials(scopes), KeyUser(key, by_cookie=by_cookie)


class _RefusedError(AuthenticationError):
    """A request that is refused before its key is looked at."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def session_of(key: AccessKey) -> dict[str, str]:
    """Return the session of a key."""
    return {"name": key.name, "key": key.sha256}


def unauthorized(conn: HTTPConnection, error: AuthenticationError) -> Response:
    """Redirect a browser to the form; answer other clients with 401, or why they are refused."""
    if isinstance(error, _RefusedError):
        return respond(error.problem)
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
