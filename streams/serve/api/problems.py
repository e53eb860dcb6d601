"""Errors as documents, RFC 9457: `application/problem+json` with type, title, status and detail."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from streams.serve.web import html

__all__ = ["MEDIA_TYPE", "SCHEMA", "TITLES", "Problem", "ProblemKind", "install", "respond"]

DEFECT: Final = "this is a defect of nearline; its log has the traceback"
MEDIA_TYPE: Final = "application/problem+json"


class ProblemKind(StrEnum):
    """What went wrong; the type of a problem is `urn:nearline:problem:` and this."""

    INVALID = "invalid"
    INVALID_EVENT = "invalid-event"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not-found"
    METHOD = "method-not-allowed"
    TOO_LARGE = "too-large"
    MEDIA_TYPE = "unsupported-media-type"
    MISDIRECTED = "misdirected"
    TOO_MANY = "too-many-requests"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


TITLES: Final[Mapping[ProblemKind, tuple[int, str]]] = {
    ProblemKind.INVALID: (422, "The request is not valid"),
    ProblemKind.INVALID_EVENT: (422, "The event is not valid"),
    ProblemKind.UNAUTHORIZED: (401, "A token is needed"),
    ProblemKind.FORBIDDEN: (403, "Not from there"),
    ProblemKind.NOT_FOUND: (404, "Not found"),
    ProblemKind.METHOD: (405, "Not with this method"),
    ProblemKind.TOO_LARGE: (413, "The body is too large"),
    ProblemKind.MEDIA_TYPE: (415, "Not in this format"),
    ProblemKind.MISDIRECTED: (421, "Not under this name"),
    ProblemKind.TOO_MANY: (429, "Too many requests"),
    ProblemKind.INTERNAL: (500, "Our fault"),
    ProblemKind.UNAVAILABLE: (503, "Not now"),
}
"""Status and title of every kind."""

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

_BY_STATUS: Final = {status: kind for kind, (status, _) in reversed(tuple(TITLES.items()))}


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A request that is not answered as it was meant.

    Parameters
    ----------
    kind
        What went wrong.
    detail
        One sentence for people: what was wrong, and what to do.
    headers
        More headers of the answer.
    members
        More members of the document.

    Examples
    --------
    >>> problem = Problem(Kind.NOT_FOUND, "no such title")
    >>> problem.status, problem.document()["type"]
    (404, 'urn:nearline:problem:not-found')
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
        self.status, self.title = TITLES[kind]
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the document."""
        head = {"type": f"urn:nearline:problem:{self.kind}", "title": self.title, "status": self.status}
        return {**head, "detail": self.detail, **self.members}


def respond(problem: Problem) -> Response:
    """Return a problem as an answer."""
    body = msgspec.json.encode(problem.document())
    return Response(body, problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let an application answer every error as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)


def _problem(request: Request, error: Exception) -> Response:
    found = error if isinstance(error, Problem) else Problem(ProblemKind.INTERNAL, DEFECT)
    if "text/html" not in request.headers.get("accept", "") or request.url.path.startswith("/v1/"):
        return respond(found)
    if "hx-request" in request.headers:
        answer = html.page("toast.html", text=found.detail, bad=True)
        answer.headers.update({"HX-Retarget": "#toasts", "HX-Reswap": "afterbegin"})
    else:
        answer = html.page("problem.html", problem=found)
    answer.status_code = found.status
    answer.headers.update(found.headers)
    return answer


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    details = {404: "there is nothing at this address; /openapi.json lists what there is"}
    detail = details.get(status) or f"{request.method} is not possible here"
    headers = (error.headers or {}) if isinstance(error, HTTPException) else {}
    return _problem(request, Problem(_BY_STATUS.get(status, ProblemKind.INVALID), detail, headers=headers))


def _invalid(request: Request, error: Exception) -> Response:
    """Name the first parameter at fault, and never its value."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    first = found[0] if found else {"loc": ("",), "msg": "not valid"}
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    return _problem(request, Problem(ProblemKind.INVALID, str(first["msg"]), field=field))


def _unforeseen(request: Request, _: Exception) -> Response:
    return _problem(request, Problem(ProblemKind.INTERNAL, DEFECT))
