"""Strategies that read the structs: whatever field is added, the laws below hold for it too."""

import string
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import strategies as st
from msgspec import Struct, inspect

from schemas import Availability, Event, Rate

CLEAN = st.characters(min_codepoint=0x20, exclude_categories=("Cs",), exclude_characters="\x7f")
CAPITALS = st.text(string.ascii_uppercase, min_size=2, max_size=2)

Maker = Callable[[type[Struct]], st.SearchStrategy[Any]]


def _text(info: inspect.StrType) -> st.SearchStrategy[str]:
    return st.text(CLEAN, min_size=info.min_length or 0, max_size=min(info.max_length or 32, 32))


def _whole(info: inspect.IntType) -> st.SearchStrategy[int]:
    top = info.le if info.lt is None else info.lt - 1
    return st.integers(min_value=info.ge, max_value=top)


def _real(info: inspect.FloatType) -> st.SearchStrategy[float]:
    low = info.gt if info.ge is None else info.ge
    return st.floats(low, info.le, exclude_min=info.ge is None, allow_nan=False)


def _annotated(info: inspect.Metadata) -> st.SearchStrategy[Any]:
    return CAPITALS if "pattern" in (info.extra_json_schema or {}) else _of(info.type)


MAKERS: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.Metadata: _annotated,
    inspect.UnionType: lambda info: st.one_of([_of(choice) for choice in info.types]),
    inspect.VarTupleType: lambda info: st.lists(
        _of(info.item_type), min_size=info.min_length or 0, max_size=3
    ).map(tuple),
    inspect.EnumType: lambda info: st.sampled_from(list(info.cls)),
    inspect.StructType: lambda info: structs(info.cls),
    inspect.StrType: _text,
    inspect.IntType: _whole,
    inspect.FloatType: _real,
    inspect.NoneType: lambda _: st.none(),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.BytesType: lambda _: st.binary(max_size=32),
}


def _of(info: inspect.Type) -> st.SearchStrategy[Any]:
    return MAKERS[type(info)](info)


def structs(kind: type[Struct]) -> st.SearchStrategy[Any]:
    """Return a strategy of valid structs of one type, over the full range of every field."""
    if kind is Availability:
        return _windows()
    hints = {field.encode_name: field.type for field in inspect.type_info(kind).fields}
    fields = {name: _of(info) for name, info in hints.items()}
    if kind is Rate:
        with_thumb = {**fields, "thumb": _of(hints["thumb"].types[0]), "stars": st.none()}
        with_stars = {**fields, "thumb": st.none(), "stars": st.floats(0.5, 5.0)}
        return st.one_of(st.builds(kind, **with_thumb), st.builds(kind, **with_stars))
    return st.builds(kind, **fields)


def _windows() -> st.SearchStrategy[Availability]:
    times = st.integers(631_152_000_000, 4_102_444_799_999)
    pairs = st.tuples(times, times).map(sorted).filter(lambda pair: pair[0] < pair[1])
    countries = st.lists(CAPITALS, max_size=3).map(tuple)
    return st.builds(
        lambda pair, where: Availability(start_ms=pair[0], end_ms=pair[1], countries=where), pairs, countries
    )


@pytest.fixture(scope="session")
def valid() -> Maker:
    """Give the maker of strategies of valid structs."""
    return structs


@pytest.fixture(scope="session")
def events() -> st.SearchStrategy[Any]:
    """Give a strategy of valid events of every type."""
    return st.one_of([structs(kind) for kind in get_args(Event)])
