"""The fields of events as rules: type, range and choices, for readers other than msgspec.

The rules are derived from the structs. Only those of simple fields are given: text, whole numbers, numbers,
flags and choices. A reader that meets any other field, or a value outside of its rule, leaves the record to
`schemas.codec`.
"""

from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct
from msgspec.structs import fields

from schemas.events import EVENT_TYPES

__all__ = ["FIELD_RULES", "FieldRule"]


class FieldRule(NamedTuple):
    """What a value of a field may be."""

    kind: Literal["text", "whole", "number", "flag", "choice"]
    low: float = 0.0
    """Least number, or least characters of a text."""
    high: float = 0.0
    """Largest number, or most characters of a text."""
    choices: tuple[str, ...] = ()
    required: bool = False


_LEAST: Final = 1e-300
"""Stands for the least number above 0."""


def _rule_of(kind: Any, *, required: bool) -> FieldRule | None:  # noqa: ANN401 - any type of a field
    """Return the rule of a type; None for one that is not simple."""
    if get_origin(kind) in {Union, UnionType}:
        (kind,) = [one for one in get_args(kind) if one is not NoneType]
    base, *bounds = get_args(kind) if get_origin(kind) is Annotated else (kind,)
    (meta,) = bounds or (Meta(),)
    if base is bool:
        return FieldRule("flag", required=required)
    if isinstance(base, type) and issubclass(base, StrEnum):
        return FieldRule("choice", choices=tuple(base), required=required)
    if base is str and meta.max_length:
        return FieldRule("text", meta.min_length or 0, meta.max_length, required=required)
    if base in {int, float}:
        low = meta.ge if meta.gt is None else max(meta.gt, _LEAST)
        high = meta.le if meta.lt is None else meta.lt - 1
        if low is not None and high is not None and (base is int or meta.lt is None):
            return FieldRule("whole" if base is int else "number", low, high, required=required)
    return None


def _rules_of(event: type[Struct]) -> dict[str, FieldRule]:
    hints, given = (
        get_type_hints(event, include_extras=True),
        {one.name: one.required for one in fields(event)},
    )
    rules = {name: _rule_of(hints[name], required=required) for name, required in given.items()}
    return {name: rule for name, rule in rules.items() if rule is not None}


FIELD_RULES: Final = {name: _rules_of(event) for name, event in EVENT_TYPES.items()}
"""Rules of the simple fields of each type of event."""
