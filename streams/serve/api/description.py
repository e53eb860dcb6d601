"""The OpenAPI document: FastAPI's description of the routes, with our contracts as schemas."""

from typing import Any, Final, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas import Event
from schemas.catalog import Title
from schemas.experiment_results import ExperimentResult
from schemas.insights import TitleInsight, TopTitles, Wanted
from schemas.json_schema import components
from schemas.pages import Home, Trending
from streams.serve.api.lists import ColdHome, Experiments, SearchResults, Similar
from streams.serve.problems import MEDIA_TYPE, SCHEMA, STATUSES, ProblemKind, title_of

__all__ = ["accepts", "answers", "describe", "lists", "stream", "tables"]

Part = dict[str, Any]
_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (
    ProblemKind.INVALID,
    ProblemKind.UNAUTHORIZED,
    ProblemKind.FORBIDDEN,
    ProblemKind.NOT_FOUND,
    ProblemKind.TOO_LARGE,
    ProblemKind.MISDIRECTED,
    ProblemKind.TOO_MANY,
    ProblemKind.UNAVAILABLE,
)
"""Problems that any route can respond with."""
_DOCUMENTS: Final = (
    Home, ColdHome, Trending, Title, Similar, SearchResults, TitleInsight, TopTitles, Wanted,
    Experiments, ExperimentResult,
)  # fmt: skip
"""Documents in responses."""
_ACCEPTED: Final = {
    "type": "object",
    "required": ["event_id"],
    "properties": {
        "event_id": {"type": "string", "description": "The id under which it counts, once."},
        "known": {"type": "boolean", "description": "Of a `forget`: whether the viewer had a page."},
    },
}


def answers(
    *names: str, kinds: tuple[ProblemKind, ...] = (ProblemKind.MEDIA_TYPE,), status: int = 202
) -> Any:  # noqa: ANN401
    """Describe the responses of a route: a document of one of the named schemas, or a problem."""
    refs = [{"$ref": _REF.format(name=name)} for name in names]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    good: Part = {"description": "As asked.", "content": {"application/json": {"schema": schema}}}
    return {status: good} | _problems(*_ALWAYS, *kinds)


def lists(*names: str) -> Any:  # noqa: ANN401
    """Describe the responses of a list: the document, 304 if the client has it, or a problem."""
    found = answers(*names, kinds=(), status=200)
    return found | {304: {"description": "The client has it: If-None-Match names its ETag."}}


def tables(name: str, *, cached: bool = False) -> Any:  # noqa: ANN401
    """Describe the responses of insights: a document, the same as CSV, or a problem."""
    found = lists(name) if cached else answers(name, kinds=(), status=200)
    found[200]["content"]["text/csv"] = {"schema": {"type": "string"}}
    return found


def stream() -> Any:  # noqa: ANN401
    """Describe the responses of a live stream."""
    text = "Server-sent events `home`; the data of each is a Home."
    good: Part = {"description": text, "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    return {200: good} | _problems(*_ALWAYS)


def accepts() -> Part:
    """Describe the request body of an event."""
    schema = {"$ref": _REF.format(name="Event")}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def describe(app: FastAPI) -> Part:
    """Return the OpenAPI document; made once and kept by the application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        events = get_args(Event)
        made = document.get("components", {}).get("schemas", {})
        document["components"] = {
            "schemas": {name: schema for name, schema in made.items() if "enum" in schema}  # of parameters
            | components([*events, *_DOCUMENTS], _REF)
            | {
                "Event": {"oneOf": [{"$ref": _REF.format(name=kind.__name__)} for kind in events]},
                "Accepted": _ACCEPTED,
                "Problem": SCHEMA,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        }
        document["security"] = [{}, {"token": []}]
        app.openapi_schema = document
    return app.openapi_schema


def _problems(*kinds: ProblemKind) -> dict[int, Part]:
    """Describe problems by their status."""
    found: dict[int, Part] = {}
    for kind in kinds:
        status = STATUSES[kind]
        schema = {"$ref": _REF.format(name="Problem")}
        found[status] = {"description": title_of(kind), "content": {MEDIA_TYPE: {"schema": schema}}}
    return found
