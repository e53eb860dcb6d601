"""Each way of breaking a contract is noticed, and growing it is not one of them."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.contract_tools.compatibility import breaks
from schemas.json_schema import Document, documents

HOME = documents()["home.v1.schema.json"]
PLAY = documents()["play.v1.schema.json"]


def changed(base: Document, change: Callable[[Any], object]) -> list[str]:
    """Return the breaks that a change makes."""
    new = copy.deepcopy(base)
    change(new)
    return breaks(base, new)


def test_a_schema_is_compatible_with_itself() -> None:
    """Nothing is found where nothing changed."""
    for schema in documents().values():
        assert breaks(schema, schema) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["properties"].update(extra={"type": "string"}),
        lambda new: new["properties"]["title_id"].update(maxLength=128),
        lambda new: new["properties"]["event_time_ms"].pop("minimum"),
        lambda new: new["properties"]["title_id"].update(description="Other words."),
        lambda new: new.setdefault("$defs", {}).update(More={"type": "object"}),
    ],
)
def test_growing_is_compatible(change: Callable[[Any], object]) -> None:
    """New optional fields, wider limits, better words and new definitions break nobody."""
    assert changed(PLAY, change) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda new: new["properties"].pop("autoplay"), "autoplay: the field is gone"),
        (lambda new: new["required"].append("session_id"), "session_id: became required"),
        (lambda new: new["required"].remove("title_id"), "title_id: is no longer promised"),
        (lambda new: new["properties"]["title_id"].update(type="integer"), "title_id: the type changed"),
        (lambda new: new["properties"]["title_id"].update(maxLength=32), "title_id: maxLength was lowered"),
        (lambda new: new["properties"]["title_id"].update(minLength=2), "title_id: minLength was raised"),
        (lambda new: new["properties"]["title_id"].update(pattern="^t"), "title_id: the pattern changed"),
        (lambda new: new["properties"]["row"]["anyOf"].pop(), "row: fewer types are allowed"),
        (lambda new: new["properties"]["row"]["anyOf"][0].update(maximum=5), "row: maximum was lowered"),
    ],
)
def test_a_break_of_an_event_is_found(change: Callable[[Any], object], words: str) -> None:
    """Each rule that producers rely on is watched."""
    assert changed(PLAY, change) == [words]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda new: new["$defs"].pop("Source"), "Source: the definition is gone"),
        (lambda new: new["$defs"]["RowKind"]["enum"].pop(), "RowKind: fewer values are allowed"),
        (lambda new: new["$defs"]["Item"]["properties"].pop("arm"), "Item.arm: the field is gone"),
        (lambda new: new["$defs"]["Item"]["required"].append("arm"), "Item.arm: became required"),
        (lambda new: new["properties"]["rows"].update(maxItems=3), "rows: maxItems was lowered"),
        (lambda new: new["properties"]["rows"].update(items={}), "rows[...]: the type changed"),
    ],
)
def test_a_break_inside_a_page_is_found(change: Callable[[Any], object], words: str) -> None:
    """Nested structs, enums and list items are watched like the outermost fields."""
    assert changed(HOME, change) == [words]
