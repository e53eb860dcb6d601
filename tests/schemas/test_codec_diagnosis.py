"""A parser's complaint becomes a reason, a field and a harmless sentence."""

import msgspec
import pytest

from schemas import Item, Reason, Row, RowKind
from schemas.codec import diagnose, leaves


@pytest.mark.parametrize(
    ("text", "reason", "field"),
    [
        (
            "Object missing required field `uri` - at `$.artwork[...]`",
            Reason.MISSING_FIELD,
            "artwork[...].uri",
        ),
        ("Object missing required field `type`", Reason.MISSING_FIELD, "type"),
        ("Expected `str | null`, got `int` - at `$.row`", Reason.WRONG_TYPE, "row"),
        ("Expected `str` - at `$.type`", Reason.WRONG_TYPE, "type"),
        ("Expected `object`, got `array`", Reason.WRONG_TYPE, None),
        ("Expected `array` of length <= 64 - at `$.tags.genre`", Reason.OUT_OF_RANGE, "tags.genre"),
        ("Number out of range - at `$.watched_s`", Reason.OUT_OF_RANGE, "watched_s"),
        ("Invalid value 'x' - at `$.type`", Reason.UNKNOWN_TYPE, "type"),
        ("Invalid enum value 'x' - at `$.cause`", Reason.OUT_OF_RANGE, "cause"),
        ("Something new about 'x' - at `$.cause`", Reason.OUT_OF_RANGE, "cause"),
    ],
)
def test_each_shape_of_complaint_is_understood(text: str, reason: Reason, field: str | None) -> None:
    """Shapes that quote a value, and shapes not known yet, lose their text."""
    error = diagnose(msgspec.ValidationError(text), b"{}")
    assert (error.reason, error.field) == (reason, field)
    assert "'x'" not in error.message


def test_a_newer_version_explains_everything_else() -> None:
    """Of a message from the future only its version is reported: the rest was not meant for us."""
    error = diagnose(msgspec.ValidationError("Expected `str`, got `int` - at `$.q`"), b'{"schema_version":9}')
    assert error.reason is Reason.SCHEMA_VERSION


def test_leaves_are_every_value_with_its_path() -> None:
    """The walk goes through structs and tuples in the order of the fields."""
    row = Row(kind=RowKind.GENRE, items=(Item(title_id="a", score=1.0), Item(title_id="b", score=2.0)))
    found = [(path, leaf) for path, leaf in leaves(row) if leaf is not None]
    assert found == [
        ("kind", RowKind.GENRE),
        ("items[...].title_id", "a"),
        ("items[...].score", 1.0),
        ("items[...].title_id", "b"),
        ("items[...].score", 2.0),
    ]
