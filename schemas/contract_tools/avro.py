"""Avro schema of all events, for producers that write Avro with a schema registry.

One record for every type of event: what not all types have is nullable. The bounds are those of the JSON
Schema, which a worker checks; Avro cannot say them.
"""

from typing import Any, Final

from schemas.json_schema import Document

__all__ = ["event_schema"]

_TYPES: Final = {"string": "string", "integer": "long", "number": "double", "boolean": "boolean"}


def event_schema(events: Document) -> Document:
    """Return the Avro schema of all events.

    Parameters
    ----------
    events
        Their JSON Schema.

    Examples
    --------
    >>> from schemas.json_schema import documents
    >>> [field["name"] for field in event_schema(documents()["event.v1.schema.json"])["fields"][:5]]
    ['type', 'event_id', 'viewer_id', 'event_time_ms', 'schema_version']
    """
    definitions = events["$defs"]
    kinds = [definitions[one["$ref"].rpartition("/")[2]] for one in events["oneOf"]]
    always = set.intersection(*(set(kind["required"]) for kind in kinds))
    fields: dict[str, Document] = {}
    for kind in kinds:
        for name, schema in kind["properties"].items():
            if name not in fields:
                avro = _type(schema, definitions)
                required = {"name": name, "type": avro}
                optional = {"name": name, "type": ["null", avro], "default": None}
                fields[name] = required if name in always else optional
    types = ", ".join(sorted(kind["properties"]["type"]["enum"][0] for kind in kinds))
    doc = f"A viewing event; type: {types}. Fields that a type does not have are null."
    return {
        "type": "record",
        "name": "Event",
        "namespace": "nearline",
        "doc": doc,
        "fields": list(fields.values()),
    }


def _type(schema: Document, definitions: Document) -> Any:  # noqa: ANN401 - a name or an object
    """Return the Avro type of a field."""
    if "anyOf" in schema:
        return _type(schema["anyOf"][0], definitions)
    if "$ref" in schema:
        return _type(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "enum" in schema:
        return "string"
    if schema["type"] == "array":
        return {"type": "array", "items": _type(schema["items"], definitions)}
    return _TYPES[schema["type"]]
