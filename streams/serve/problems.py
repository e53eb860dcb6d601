"""Errors as problem documents (RFC 9457): `application/problem+json` with type, title, status and detail.

The title of a problem is the reason phrase of its status (RFC 9110).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["MEDIA_TYPE", "SCHEMA", "STATUSES", "Problem", "ProblemKind", "install", "respond", "title_of"]

DEFECT: Final = "this is a defect of nearline; its log has the traceback"
MEDIA_TYPE: Final = "application/problem+json"


class ProblemKind(StrEnum):
    """What went wrong; a problem's type is `urn:nearline:problem:` and this value."""

    INVALID = "invalid"
    INVALID_EVENT = "invalid-event"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    METHOD = "method-not-allowed"
    TIMEOUT = "request-timeout"
    TOO_LARGE = "too-large"
    MEDIA_TYPE = "unsupported-media-type"
    MISDIRECTED = "misdirected"
    TOO_MANY = "too-many-requests"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


STATUSES: Final[Mapping[ProblemKind, HTTPStatus]] = {
    ProblemKind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemKind.INVALID_EVENT: HTTPStatus.UNPROCESSABLE_ENTITY,
    ProblemKind.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    ProblemKind.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ProblemKind.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ProblemKind.METHOD: HTTPStatus.METHOD_NOT_ALLOWED,
    ProblemKind.TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    ProblemKind.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ProblemKind.MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ProblemKind.MISDIRECTED: HTTPStatus.MISDIRECTED_REQUEST,
    ProblemKind.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    ProblemKind.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
    ProblemKind.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Status of every kind."""
_RENAMED: Final = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Reason phrases that RFC 9110 has changed; :mod:`http` has them from Python 3.13."""

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [f"urn:nearline:problem:{kind}" for kind in ProblemKind]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was wrong and what to do; free of values."},
        "reason": {"type": "string", "description": "Of an event: why, out of the closed set."},
        "field": {"type": ["string", "null"], "description": "The offending field."},
    },
}
"""JSON Schema of a problem."""

_BY_STATUS: Final = {int(status): kind for kind, status in reversed(tuple(STATUSES.items()))}


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A request that cannot be answered as it was meant.

    Parameters
    ----------
    kind
        What went wrong; gives type, title and status.
    detail
        One sentence for people: what was wrong, and what to do.
    headers
        More headers of the response.
    members
        More members of the document.

    Examples
    --------
    >>> problem = Problem(ProblemKind.NOT_FOUND, "no such title")
    >>> problem.status, problem.title, problem.document()["type"]
    (404, 'Not Found', 'urn:nearline:problem:not-found')
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: str | None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.members = kind, detail, members
        self.status, self.title = int(STATUSES[kind]), title_of(kind)
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the document."""
        head = {"type": f"urn:nearline:problem:{self.kind}", "title": self.title, "status": self.status}
        return {**head, "detail": self.detail, **self.members}


def title_of(kind: ProblemKind) -> str:
    """Return the reason phrase of a kind's status.

    Examples
    --------
    >>> [title_of(kind) for kind in (ProblemKind.INVALID, ProblemKind.MISDIRECTED, ProblemKind.UNAVAILABLE)]
    ['Unprocessable Content', 'Misdirected Request', 'Service Unavailable']
    """
    status = STATUSES[kind]
    return _RENAMED.get(status, status.phrase)


def respond(problem: Problem) -> Response:
    """Return a problem as a response."""
    body = msgspec.json.encode(problem.document())
    return Response(body, problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI, render: Callable[[Request, Problem], Response] = lambda _, p: respond(p)) -> None:
    """Answer every error of an application with a problem.

    Parameters
    ----------
    app
        The application.
    render
        Makes the response of a problem. Default: its document.
    """

    def problem(request: Request, error: Exception) -> Response:
        return render(request, _problem_of(request, error))

    for kind in (Problem, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, problem)


def _problem_of(request: Request, error: Exception) -> Problem:
    """Return an exception as a problem."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        details = {404: "there is nothing at this address; /openapi.json lists what there is"}
        detail = details.get(error.status_code) or f"{request.method} is not possible here"
        kind = _BY_STATUS.get(error.status_code, ProblemKind.INVALID)
        return Problem(kind, detail, headers=error.headers)
    return Problem(ProblemKind.INTERNAL, DEFECT)


def _invalid(error: RequestValidationError) -> Problem:
    """Name the first invalid parameter, never its value."""
    first = (error.errors() or [{"loc": ("",), "msg": "not valid"}])[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    return Problem(ProblemKind.INVALID, str(first["msg"]), field=field)
