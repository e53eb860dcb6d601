"""Breaking changes between two versions of a schema.

Messages of existing producers must stay valid, and fields that consumers rely on must stay present. So,
within a version, a schema may gain optional fields, types and wider limits. It may not lose a field, require
more, allow less, or make a required field optional.
"""

from collections.abc import Iterator
from typing import Final

from schemas.json_schema import Document

__all__ = ["breaks"]

_FLOORS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_CEILINGS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaks(old: Document, new: Document) -> list[str]:
    """Return the breaking changes of a newer schema.

    Parameters
    ----------
    old
        The released JSON Schema document.
    new
        The document that would replace it.

    Returns
    -------
    list of str
        One sentence per change, with the path; empty if the newer schema is compatible.

    Examples
    --------
    >>> old = {"properties": {"a": {"type": "string"}}, "required": []}
    >>> breaks(old, {"properties": {}, "required": []})
    ['a: the field is gone']
    >>> breaks(old, {"properties": {"a": {"type": "string"}}, "required": ["a"]})
    ['a: became required']
    """
    found = list(_node(old, new, ""))
    for name, definition in old.get("$defs", {}).items():
        if name in new.get("$defs", {}):
            found += _node(definition, new["$defs"][name], name)
        else:
            found.append(f"{name}: the definition is gone")
    return found


def _node(old: Document, new: Document, path: str) -> Iterator[str]:
    yield from _fields(old, new, path)
    yield from _limits(old, new, path)
    if old.get("$ref") != new.get("$ref") or old.get("type") != new.get("type"):
        yield f"{path}: the type changed"
    if old.get("not") != new.get("not") or old.get("pattern") != new.get("pattern"):
        yield f"{path}: the pattern changed"
    allowed: list[object] = new.get("enum") or old.get("enum") or []
    if ("enum" in new and "enum" not in old) or any(value not in allowed for value in old.get("enum", [])):
        yield f"{path}: fewer values are allowed"
    if "items" in old:
        yield from _node(old["items"], new.get("items", {}), f"{path}[...]")
    choices = new.get("anyOf", [])
    if len(choices) < len(old.get("anyOf", ())):
        yield f"{path}: fewer types are allowed"
    for before, after in zip(old.get("anyOf", ()), choices, strict=False):
        yield from _node(before, after, path)


def _fields(old: Document, new: Document, path: str) -> Iterator[str]:
    was, now = set(old.get("required", ())), set(new.get("required", ()))
    for name, schema in old.get("properties", {}).items():
        place = f"{path}.{name}" if path else name
        if name in new.get("properties", {}):
            yield from _node(schema, new["properties"][name], place)
        else:
            yield f"{place}: the field is gone"
    yield from (f"{path}.{name}".lstrip(".") + ": became required" for name in sorted(now - was))
    yield from (f"{path}.{name}".lstrip(".") + ": is no longer promised" for name in sorted(was - now))


def _limits(old: Document, new: Document, path: str) -> Iterator[str]:
    for word in _FLOORS:
        if word in new and (word not in old or new[word] > old[word]):
            yield f"{path}: {word} was raised"
    for word in _CEILINGS:
        if word in new and (word not in old or new[word] < old[word]):
            yield f"{path}: {word} was lowered"
