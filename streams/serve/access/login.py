"""Signing in with a browser: a form takes the token, a cookie stands for it.

The cookie holds when it was given and a signature whose key is the token: any server with the token reads it,
another token ends every session. Scripts do not see it (HttpOnly) and requests that other sites cause do not
carry it (SameSite=Strict). Signing out takes it from the browser.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from streams.serve.access.rates import RateLimits
from streams.serve.api.problems import Problem, ProblemKind
from streams.serve.web import html

__all__ = ["COOKIE", "LOGIN", "Sessions", "router"]

COOKIE: Final = "nearline"
LOGIN: Final = "/login"
LASTS_S: Final = 12 * 3600
"""A working day: after it the token is asked for again."""
TRIES_PER_S: Final = 2.0
"""Of one address: enough for fingers, too few to guess 16 characters."""
WRONG: Final = "This is not the token. It is what NEARLINE_SERVE__TOKEN says where the server runs."

router = APIRouter(include_in_schema=False)
Next = Annotated[str, Query(alias="next", max_length=2_048)]


class Sessions:
    """Cookies that stand for a token.

    Parameters
    ----------
    token
        The token; empty where there is none, and no session either.
    clock
        Seconds since 1970.

    Examples
    --------
    >>> sessions = Sessions(b"a token", clock=lambda: 1_000.0)
    >>> sessions.holds(sessions.issue()), sessions.holds("1000.forged")
    (True, False)
    """

    def __init__(self, token: bytes, clock: Callable[[], float] = time.time) -> None:
        self._token, self._clock = token, clock

    def opens(self, given: str) -> bool:
        """Say whether this is the token; takes the same time however much of it is right."""
        return bool(self._token) and hmac.compare_digest(given.encode(errors="replace"), self._token)

    def issue(self) -> str:
        """Return a new cookie."""
        begun = str(int(self._clock()))
        return f"{begun}.{self._sign(begun)}"

    def holds(self, cookie: str) -> bool:
        """Say whether a cookie is ours and not too old."""
        begun, _, signature = cookie.partition(".")
        if not self._token or not hmac.compare_digest(signature.encode(), self._sign(begun).encode()):
            return False
        return 0 <= self._clock() - int(begun) < LASTS_S

    def _sign(self, begun: str) -> str:
        return hmac.new(self._token, f"session {begun}".encode(), hashlib.sha256).hexdigest()


@router.get(LOGIN)
def form(request: Request, to: Next = "/") -> Response:
    """Ask for the token, unless there is none."""
    sessions: Sessions | None = request.app.state.sessions
    if sessions is None or html.SIGNED_IN.get():
        return RedirectResponse(_here(to), 303)
    return html.page("login.html", to=_here(to), wrong="")


@router.post(LOGIN)
async def sign_in(request: Request) -> Response:
    """Take the token, give the cookie and lead back to where the browser was going."""
    said = parse_qs((await request.body()).decode(errors="replace"))
    to = _here(said.get("next", ["/"])[0])
    sessions: Sessions | None = request.app.state.sessions
    tries: RateLimits = request.app.state.tries
    if not tries.allows(request.client.host if request.client else ""):
        raise Problem(ProblemKind.TOO_MANY, "wait a second before the next try", headers={"Retry-After": "1"})
    if sessions is None or not sessions.opens(said.get("token", [""])[0]):
        answer: Response = html.page("login.html", to=to, wrong=WRONG)
        answer.status_code = 401
        return answer
    answer = RedirectResponse(to, 303)
    # behind a proxy that speaks TLS only the browser knows that it does
    secure = request.headers.get("origin", "").startswith("https:") or request.url.scheme == "https"
    answer.set_cookie(
        COOKIE, sessions.issue(), max_age=LASTS_S, httponly=True, samesite="strict", secure=secure
    )
    return answer


@router.post("/logout")
def sign_out() -> Response:
    """Take the cookie from the browser."""
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def _here(path: str) -> str:
    r"""Return a path of this server, whatever was asked for.

    Examples
    --------
    >>> [_here(path) for path in ("/watch/ada?q=x", "//x.example", "https://x.example", "/\\x.example")]
    ['/watch/ada?q=x', '/', '/', '/']
    """
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
