"""Signing in with a browser: a form takes a key, and a session cookie replaces it from then on."""

from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from schemas.audit import AuditAction
from streams.ops.access_keys import AccessKey
from streams.serve.access.key_ring import KeyRing
from streams.serve.access.permissions import scopes_of
from streams.serve.access.sessions import LOGIN, SIGNED_IN, session_of
from streams.serve.api.posting import EventPoster
from streams.serve.web import rendering

__all__ = ["router"]

WRONG: Final = (
    "This is no key of this server. Keys are made with `nearline keys add`; the value of "
    "NEARLINE_SERVE__TOKEN where the server runs is one, too."
)

STARTS: Final = ("/", "/console", "/console/insights")
"""Where people begin."""

router = APIRouter(include_in_schema=False)
Next = Annotated[str, Query(alias="next", max_length=2_048)]


@router.get(LOGIN)
def form(request: Request, target: Next = "/") -> Response:
    """Ask for a key, unless there are none or the browser has a session."""
    if request.app.state.keys.is_open or SIGNED_IN.get():
        return RedirectResponse(_own_path(target), 303)
    return rendering.page("login.html", target=_own_path(target), wrong="")


@router.post(LOGIN)
async def sign_in(request: Request) -> Response:
    """Begin a session if there is such a key, and redirect to the page that the browser asked for."""
    fields = parse_qs((await request.body()).decode(errors="replace"))
    target = _own_path(fields.get("next", ["/"])[0])
    keys: KeyRing = request.app.state.keys
    given = fields.get("token", [""])[0].encode(errors="replace")
    address = request.client.host if request.client else ""
    key = keys.admit(address, given)
    if key is None:
        answer: Response = rendering.page("login.html", target=target, wrong=WRONG)
        answer.status_code = 401
        return answer
    poster: EventPoster = request.app.state.poster
    await poster.audit(key.name, AuditAction.SIGN_IN, address or "unknown")
    request.session.update(session_of(key))
    return RedirectResponse(_start_of(key) if target == "/" else target, 303)


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """End the session: the browser drops its cookie."""
    if "session" in request.scope:  # there is none where there are no keys
        request.session.clear()
    return RedirectResponse(LOGIN, 303)


def _start_of(key: AccessKey) -> str:
    """Return the first page that a key opens."""
    opens = (path for path in STARTS if not (scopes_of("GET", path) or frozenset()).isdisjoint(key.scopes))
    return next(opens, "/docs")


def _own_path(path: str) -> str:
    r"""Return a path on this server, `/` for anything else (no open redirect).

    Examples
    --------
    >>> [_own_path(path) for path in ("/watch/ada?q=x", "//x.example", "https://x.example", "/\\x.example")]
    ['/watch/ada?q=x', '/', '/', '/']
    """
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
