"""Signing in with a browser: a form takes the token, and a session cookie replaces it from then on."""

from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from streams.serve.access.rate_limits import RateLimits
from streams.serve.access.sessions import LOGIN, SIGNED_IN, is_token
from streams.serve.problems import Problem, ProblemKind
from streams.serve.web import rendering

__all__ = ["ATTEMPTS_PER_S", "router"]

ATTEMPTS_PER_S: Final = 2.0
"""Attempts of one address: enough for typing, too few to guess 16 characters."""
WRONG: Final = "This is not the token. It is the value of NEARLINE_SERVE__TOKEN where the server runs."

router = APIRouter(include_in_schema=False)
Next = Annotated[str, Query(alias="next", max_length=2_048)]


@router.get(LOGIN)
def form(request: Request, target: Next = "/") -> Response:
    """Ask for the token, unless there is none or the browser has a session."""
    if request.app.state.mirror.settings.serve.token is None or SIGNED_IN.get():
        return RedirectResponse(_own_path(target), 303)
    return rendering.page("login.html", target=_own_path(target), wrong="")


@router.post(LOGIN)
async def sign_in(request: Request) -> Response:
    """Begin a session if the token is right, and redirect to the page that the browser asked for."""
    fields = parse_qs((await request.body()).decode(errors="replace"))
    target = _own_path(fields.get("next", ["/"])[0])
    attempts: RateLimits = request.app.state.sign_in_attempts
    if not attempts.allows(request.client.host if request.client else ""):
        raise Problem(ProblemKind.TOO_MANY, "wait a second before the next try", headers={"Retry-After": "1"})
    token = request.app.state.mirror.settings.serve.token
    given = fields.get("token", [""])[0].encode(errors="replace")
    if token is None or not is_token(given, token.get_secret_value()):
        answer: Response = rendering.page("login.html", target=target, wrong=WRONG)
        answer.status_code = 401
        return answer
    request.session["signed_in"] = True
    return RedirectResponse(target, 303)


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """End the session: the browser drops its cookie."""
    if "session" in request.scope:  # there is none where there is no token
        request.session.clear()
    return RedirectResponse(LOGIN, 303)


def _own_path(path: str) -> str:
    r"""Return a path on this server, `/` for anything else (no open redirect).

    Examples
    --------
    >>> [_own_path(path) for path in ("/watch/ada?q=x", "//x.example", "https://x.example", "/\\x.example")]
    ['/watch/ada?q=x', '/', '/', '/']
    """
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
