"""The AsyncAPI 3 document: topics, keys, messages and writers, for tools of other languages.

Operations are those of nearline: it *receives* what others send. Internal topics are left out.
"""

from typing import Final

from msgspec import Struct

from schemas.events import EVENT_TYPES
from schemas.fields import SCHEMA_VERSION
from schemas.insights import CohortDemand, FacetDemand, SearchDemand
from schemas.json_schema import MESSAGES, Document, components
from schemas.topics import TOPICS, TopicSpec

__all__ = ["document"]

_BINDING: Final = "0.5.0"
_RECEIVED: Final = frozenset({"Event", "Title", "Experiment", "BusinessRule"})
_STRUCTS: Final[dict[str, list[type[Struct]]]] = {
    "Event": list(EVENT_TYPES.values()),
    "Demand": [FacetDemand, SearchDemand, CohortDemand],
    **{kind.__name__: [kind] for name, kind in MESSAGES.items() if name not in EVENT_TYPES},
}


def document() -> Document:
    """Return the AsyncAPI document of all public topics with a struct in the value.

    Examples
    --------
    >>> sorted(document()["channels"])
    ['audit_v1', 'catalog_titles_v1', 'experiments_results_v1', 'experiments_v1', 'insights_demand_v1',
      'insights_titles_v1', 'recs_alerts_v1', 'recs_home_v1', 'rules_v1', 'trending_v1',
      'viewing_dead-letters_v1', 'viewing_events_v1']
    """
    specs = {_slug(spec): spec for spec in TOPICS.values() if not spec.internal and spec.value in _STRUCTS}
    kinds = [kind for spec in specs.values() for kind in _STRUCTS[spec.value]]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "nearline",
            "version": f"{SCHEMA_VERSION}.0.0",
            "description": "Viewing events in, refreshed home pages out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {slug: _channel(spec) for slug, spec in specs.items()},
        "operations": {_verb(spec) + "_" + slug: _operation(slug, spec) for slug, spec in specs.items()},
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "schemas": components(kinds, "#/components/schemas/{name}"),
        },
    }


def _channel(spec: TopicSpec) -> Document:
    settings = spec.settings()
    kept = {name: int(settings[name]) for name in ("retention.ms", "delete.retention.ms") if name in settings}
    names = [kind.__name__ for kind in _STRUCTS[spec.value]]
    return {
        "address": spec.name,
        "description": f"Key: {spec.key}. Written by: {spec.written_by}. Partitioner: murmur2.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": spec.name,
                "partitions": spec.partitions,
                "topicConfiguration": {"cleanup.policy": [spec.cleanup], **kept},
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(slug: str, spec: TopicSpec) -> Document:
    return {"action": _verb(spec), "channel": {"$ref": f"#/channels/{slug}"}}


def _message(kind: type[Struct]) -> Document:
    return {
        "name": kind.__name__,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": _BINDING}},
    }


def _verb(spec: TopicSpec) -> str:
    return "receive" if spec.value in _RECEIVED else "send"


def _slug(spec: TopicSpec) -> str:
    return spec.name.replace(".", "_")
