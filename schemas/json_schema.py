"""JSON Schema (Draft 2020-12) of every message, generated from the structs and their docstrings.

msgspec generates types, ranges and defaults. This module adds the descriptions of the fields, from the
``Attributes`` sections, and the rule of `schemas.events.Rate`, which spans two fields.
"""

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from schemas.audit import AuditRecord
from schemas.catalog import Title
from schemas.dead_letters import DeadLetter
from schemas.events import EVENT_TYPES, Event
from schemas.experiment_results import ExperimentResult
from schemas.experiments import Experiment
from schemas.fields import SCHEMA_VERSION
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, TitleInsight
from schemas.pages import Alert, Home, Trending
from schemas.rules import BusinessRule
from schemas.versions import ModelSwitch, ModelVersion, SwitchMarker

__all__ = ["MESSAGES", "Document", "bundle", "components", "documents", "field_docs"]

Document = dict[str, Any]
"""A JSON document."""

MESSAGES: Final[dict[str, type[Struct]]] = {
    **EVENT_TYPES,
    "title": Title,
    "home": Home,
    "alert": Alert,
    "trending": Trending,
    "dead_letter": DeadLetter,
    "experiment": Experiment,
    "experiment_result": ExperimentResult,
    "title_insight": TitleInsight,
    "facet_demand": FacetDemand,
    "search_demand": SearchDemand,
    "cohort_demand": CohortDemand,
    "rule": BusinessRule,
    "audit": AuditRecord,
    "model_version": ModelVersion,
    "model_switch": ModelSwitch,
    "switch_marker": SwitchMarker,
}
"""All messages with a contract, by the name of its file."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_THUMB_OR_STARS: Final = [
    {"required": ["thumb"], "properties": {"thumb": {"type": "string"}}},
    {"required": ["stars"], "properties": {"stars": {"type": "number"}}},
]


def documents() -> dict[str, Document]:
    """Return all JSON Schema documents by file name: one per message, and one for all events.

    Examples
    --------
    >>> documents()["play.v1.schema.json"]["required"]
    ['type', 'event_id', 'viewer_id', 'event_time_ms', 'title_id']
    """
    files = {_file(name): bundle(name, [kind]) for name, kind in MESSAGES.items()}
    return {**files, _file("event"): bundle("event", list(get_args(Event)))}


def bundle(name: str, kinds: list[type[Struct]]) -> Document:
    """Return one self-contained document that accepts any of the given structs.

    Parameters
    ----------
    name
        Name of the contract, for the ``$id``.
    kinds
        The structs, at least one.

    Returns
    -------
    dict
        The document, with all referenced structs in its ``$defs``.
    """
    definitions = components(kinds, "#/$defs/{name}")
    head = {"$schema": _DIALECT, "$id": f"urn:nearline:schema:{name}:v{SCHEMA_VERSION}"}
    if len(kinds) == 1:
        body = definitions.pop(kinds[0].__name__)
    else:
        body = {"title": "Event", "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]}
    return {**head, **body, **({"$defs": definitions} if definitions else {})}


def components(kinds: list[type[Struct]], ref_template: str) -> dict[str, Document]:
    """Return the schemas of structs and of all structs that they reference, by name.

    Parameters
    ----------
    kinds
        The structs.
    ref_template
        Template of a reference, with ``{name}`` for the name.

    Returns
    -------
    dict
        Name to schema, sorted by name.
    """
    _, found = msgspec.json.schema_components(kinds, ref_template=ref_template)
    documented = {kind.__name__: kind for kind in _reachable(kinds)}
    for name, schema in found.items():
        schema["description"] = _summary(schema.get("description", ""))
        docs = field_docs(documented[name]) if name in documented else {}
        for key, text in docs.items():
            schema["properties"][key]["description"] = text
    if "Rate" in found:
        found["Rate"]["oneOf"] = _THUMB_OR_STARS
    return dict(sorted(found.items()))


@cache
def field_docs(kind: type[Struct]) -> Mapping[str, str]:
    """Return the descriptions of a struct's fields, from its docstring and those of its bases.

    Parameters
    ----------
    kind
        A struct with a numpy-style docstring.

    Returns
    -------
    dict
        Field to its description on one line.

    Examples
    --------
    >>> field_docs(EVENT_TYPES["browse"])["dwell_s"]
    'Duration in seconds.'
    """
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        section = inspect.cleandoc(base.__doc__ or "").partition("Attributes\n----------\n")[2]
        name = ""
        for line in section.partition("\n\n")[0].splitlines():
            if line.startswith(" "):
                docs[name] = f"{docs[name]} {line.strip()}".strip()
            else:
                name = line
                docs[name] = ""
    return docs


def _reachable(kinds: list[type[Struct]]) -> list[type[Struct]]:
    """Return the given structs and all structs in their fields, recursively."""
    found: list[type[Struct]] = []
    todo: list[object] = list(kinds)
    while todo:
        item = todo.pop()
        if isinstance(item, type) and issubclass(item, Struct) and item not in found:
            found.append(item)
            todo += [field.type for field in msgspec.structs.fields(item)]
        todo += get_args(item)
    return found


def _summary(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _file(name: str) -> str:
    return f"{name}.v{SCHEMA_VERSION}.schema.json"
