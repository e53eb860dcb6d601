"""Everything that is wrong with a JSON message: for tools of producers, and for definitions written by hand.

The codec stops at the first defect, which is enough for a worker: the record is a dead letter. Whoever writes
messages wants all of them, and what is allowed instead. `defects` checks field by field; what it finds is in
the codec's words, with the allowed values of enumerations and the nearest one.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Struct

from schemas.codec import diagnose
from schemas.errors import Reason
from schemas.events import EVENT_TYPES
from schemas.fields import MAX_TIME_MS, MIN_TIME_MS

__all__ = ["Defect", "defects", "event_defects", "foreign_fields", "unknown_fields"]


class Defect(NamedTuple):
    """One defect of a message."""

    reason: Reason
    field: str | None
    """Path of the field; None: the message as a whole."""
    message: str
    """What is expected, and what is nearest to what is there."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def event_defects(document: object) -> Iterator[Defect]:
    """Yield the defects of a viewing event.

    Examples
    --------
    >>> event = {"type": "stopp", "event_id": "e"}
    >>> [str(defect) for defect in event_defects(event)]
    ['type: expected a type of event; nearest: stop']
    >>> event |= {"type": "rate", "viewer_id": "ada", "event_time_ms": 1764015324, "titleId": 7}
    >>> event["thumb"] = "upp"
    >>> for defect in event_defects(event):
    ...     print(defect)
    event_time_ms: expected `int` >= 631152000000; these are seconds: 1764015324000
    title_id: expected the required field; there is a field titleId
    thumb: expected one of up, down, double_up; nearest: up
    """
    if not isinstance(document, dict):
        yield Defect(Reason.WRONG_TYPE, None, "expected one JSON object")
        return
    name = document.get("type")
    kind = EVENT_TYPES.get(name) if isinstance(name, str) else None
    if kind is not None:
        yield from defects(kind, document)
    elif name is None:
        yield Defect(Reason.MISSING_FIELD, "type", "expected the required field")
    else:
        near = _nearest(name, EVENT_TYPES)
        yield Defect(Reason.UNKNOWN_TYPE, "type", f"expected a type of event{near}")


def defects(kind: type[Struct], document: Mapping[str, Any], path: str = "") -> Iterator[Defect]:
    """Yield the defects of a message, field by field, then those between fields.

    Parameters
    ----------
    kind
        Its struct.
    document
        The message, as `json.loads` gives it.
    path
        Path of a part of a message.
    """
    found = False
    for field in msgspec.structs.fields(kind):
        place = f"{path}.{field.name}" if path else field.name
        if field.name in document:
            for defect in _of_value(field.type, document[field.name], place):
                found = True
                yield defect
        elif field.required:
            found = True
            near = get_close_matches(_plain(field.name), {_plain(name): name for name in document}, n=1)
            there = next((name for name in document if near and _plain(name) == near[0]), None)
            hint = f"; there is a field {there}" if there and there not in _names(kind) else ""
            yield Defect(Reason.MISSING_FIELD, place, f"expected the required field{hint}")
    if not found:
        yield from _converted(kind, document, path)


def unknown_fields(kind: type[Struct], document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields that the contract ignores although they resemble one of its own, and that one.

    Examples
    --------
    >>> list(unknown_fields(EVENT_TYPES["stop"], {"watchd_s": 1, "our_own": 2}))
    [('watchd_s', 'watched_s')]
    """
    names = {_plain(name): name for name in _names(kind)}
    for name in document:
        if name not in names.values():
            near = get_close_matches(_plain(name), names, n=1, cutoff=0.8)
            if near and names[near[0]] not in document:
                yield name, names[near[0]]


def foreign_fields(kind: type[Struct], document: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of all fields that the contract does not have, those of nested structs included.

    Examples
    --------
    >>> from schemas.rules import BusinessRule
    >>> list(foreign_fields(BusinessRule, {"rule_id": "r", "kinds": "pin", "tags": {"genres": []}}))
    ['kinds', 'tags.genres']
    """
    own = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in document.items():
        place = f"{path}.{name}" if path else name
        if name not in own:
            yield place
        elif (struct := _inner(own[name], Struct)) is not None:
            parts = value if isinstance(value, list) else [value]
            for n, part in enumerate(parts):
                if isinstance(part, dict):
                    within = f"{place}[{n}]" if isinstance(value, list) else place
                    yield from foreign_fields(struct, part, within)


def _names(kind: type[Struct]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(kind)} | {"type"}


def _plain(name: str) -> str:
    """Reduce a name to lower case without marks, as `titleId` and `title_id` have in common."""
    return name.replace("_", "").replace("-", "").lower()


def _of_value(kind: Any, value: Any, path: str) -> Iterator[Defect]:  # noqa: ANN401 - any type of a field
    struct = _inner(kind, Struct)
    if struct is not None and isinstance(value, dict):
        yield from defects(struct, value, path)
    elif struct is not None and isinstance(value, list) and value:
        for n, item in enumerate(value):
            yield from _of_value(struct, item, f"{path}[{n}]")
    else:
        yield from _converted(kind, value, path)


def _converted(kind: Any, value: Any, path: str) -> Iterator[Defect]:  # noqa: ANN401 - any type of a field
    """Convert a value as the codec does; yield what it says."""
    if isinstance(value, dict) and "type" not in value and getattr(kind, "__struct_config__", None):
        tag = kind.__struct_config__.tag
        value = {"type": tag, **value} if tag else value
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = diagnose(error, b"")
        mark = "." if path and found.field and not found.field.startswith("[") else ""
        within = f"{path}{mark}{found.field or ''}" or None
        yield Defect(found.reason, within, _explained(kind, value, within or "", found.message))


def _explained(kind: Any, value: Any, path: str, message: str) -> str:  # noqa: ANN401 - any type of a field
    """Add what is allowed and what is nearest to the codec's message."""
    words = _inner(kind, StrEnum)
    if words is not None and "allowed values" in message:
        return f"expected one of {', '.join(words)}{_nearest(value, words)}"
    if path.endswith("_ms") and isinstance(value, int):
        for unit, factor in (("seconds", 1_000.0), ("microseconds", 1e-3), ("nanoseconds", 1e-6)):
            if MIN_TIME_MS <= value * factor < MAX_TIME_MS:
                return f"{message}; these are {unit}: {int(value * factor)}"
    return message


def _nearest(value: object, words: Iterable[str]) -> str:
    near = get_close_matches(str(value).lower(), list(words), n=1, cutoff=0.5)
    return f"; nearest: {near[0]}" if near else ""


def _inner(kind: Any, wanted: type) -> Any:  # noqa: ANN401 - any type of a field
    """Return the wanted class within a type: itself, or in an optional, annotated or tuple type.

    Examples
    --------
    >>> from schemas.events import Thumb
    >>> _inner(Thumb | None, StrEnum).__name__, _inner(int, StrEnum)
    ('Thumb', None)
    """
    if isinstance(kind, type) and get_origin(kind) is None:
        return kind if issubclass(kind, wanted) else None
    return next((found for part in get_args(kind) if (found := _inner(part, wanted)) is not None), None)
