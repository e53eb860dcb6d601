"""Which scopes open which route. A route that is not listed is open to nobody; a test compares both lists."""

from collections.abc import Collection
from contextvars import ContextVar
from typing import Final

from fastapi import Request
from starlette.types import Scope as AsgiScope

from schemas import Event, Forget
from streams.ops.access_keys import Scope
from streams.serve.problems import Problem, ProblemKind

__all__ = ["GRANTED", "PERMISSIONS", "is_permitted", "require_event_scope", "require_scope", "scopes_of"]

ANY_KEY: Final = frozenset(Scope)
PAGES: Final = frozenset({Scope.READ_PAGES})
EVENTS: Final = frozenset({Scope.WRITE_EVENTS})
AGGREGATES: Final = frozenset({Scope.READ_INSIGHTS, Scope.OPERATE})
OPERATORS: Final = frozenset({Scope.OPERATE})

ROOT: Final = "GET /"

PERMISSIONS: Final[tuple[tuple[str, frozenset[Scope] | None], ...]] = (
    ("GET /livez", None),
    ("GET /readyz", None),
    ("GET /login", None),
    ("POST /login", None),
    ("POST /logout", None),
    ("GET /metrics", ANY_KEY),  # counts, no viewer or title
    ("GET /docs", ANY_KEY),
    ("GET /art", ANY_KEY),  # drawn from the title's id and tags
    ("GET /face", ANY_KEY),
    ("GET /v1/viewers", PAGES),
    ("GET /v1/titles", PAGES),
    ("GET /v1/trending", PAGES),
    ("GET /v1/stream", PAGES),
    ("POST /v1/events", EVENTS | {Scope.FORGET}),  # by type: `require_event_scope`
    ("GET /v1/insights", frozenset({Scope.READ_INSIGHTS})),
    ("GET /v1/experiments", frozenset({Scope.READ_INSIGHTS})),
    ("GET /console/insights", AGGREGATES),
    ("GET /console/experiments", AGGREGATES),
    ("GET /console/rules", AGGREGATES),
    ("GET /console/titles", AGGREGATES),
    ("GET /console/trending", AGGREGATES),
    ("GET /console", OPERATORS),
    ("POST /console/dead-letters", OPERATORS),
    ("POST /console/experiments", OPERATORS),
    ("POST /console/rules", OPERATORS),
    ("POST /console/preview", OPERATORS),
    ("GET /watch", PAGES),
    ("POST /watch", EVENTS),
    (ROOT, PAGES),
)
"""Method and beginning of a route's path, and the scopes of which a key needs one; None: no key. The first
that fits counts."""

GRANTED: Final[ContextVar[Collection[str]]] = ContextVar("granted", default=frozenset(Scope))
"""Scopes of the current request, so that a page links only what they open."""


def scopes_of(method: str, path: str) -> frozenset[Scope] | None:
    """Return the scopes that open a route, by the path in its definition; None: it needs no key.

    Examples
    --------
    >>> sorted(scopes_of("GET", "/v1/insights/titles/{title_id:path}"))
    [<Scope.READ_INSIGHTS: 'read:insights'>]
    >>> scopes_of("GET", "/livez"), scopes_of("DELETE", "/v1/new"), scopes_of("GET", "/new")
    (None, frozenset(), frozenset())
    """
    asked = f"{method} {path}"
    for begin, scopes in PERMISSIONS:
        if asked == begin or (begin != ROOT and asked.startswith(f"{begin}/")):
            return scopes
    return frozenset()


def is_permitted(scope: AsgiScope, path: str) -> bool:
    """Return whether a request has one of the scopes that open a route."""
    scopes = scopes_of(scope["method"], path)
    return scopes is None or not scopes.isdisjoint(scope["auth"].scopes)


def require_scope(request: Request) -> None:
    """Make sure that a request has one of the scopes that open its route.

    Raises
    ------
    Problem
        It has none: 403.
    """
    path: str = request.scope["route"].path
    if not is_permitted(request.scope, path):
        names = " or ".join(sorted(scopes_of(request.method, path) or ())) or "which no key can have"
        raise Problem(ProblemKind.FORBIDDEN, f"this needs a key with the scope {names}")


def require_event_scope(request: Request, event: Event) -> None:
    """Make sure that a request may post an event of this type.

    Raises
    ------
    Problem
        It has not the scope: 403.
    """
    held = request.auth.scopes
    if isinstance(event, Forget) and Scope.FORGET not in held:
        raise Problem(ProblemKind.FORBIDDEN, f"to have a viewer forgotten needs the scope {Scope.FORGET}")
    if not isinstance(event, Forget) and not {Scope.WRITE_EVENTS, Scope.OPERATE} & {*held}:
        raise Problem(ProblemKind.FORBIDDEN, f"to post this event needs the scope {Scope.WRITE_EVENTS}")
