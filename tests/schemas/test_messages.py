"""The structs are what the wire and the hot path need: frozen, untracked, documented, consistent."""

from typing import get_args

import msgspec
import pytest

import schemas
from schemas import (
    Availability,
    DeadLetter,
    DecodeError,
    Event,
    Home,
    Item,
    ItemReason,
    Rate,
    Reason,
    Row,
    RowKind,
    Source,
    Tags,
    Thumb,
    Title,
)
from schemas.codec import decode_dead_letter, encode
from schemas.dead_letters import RAW_LIMIT
from schemas.events import EVENT_TYPES
from schemas.json_schema import MESSAGES, field_docs
from schemas.pages import list_id

SOURCE = Source(topic="viewing.events.v1", partition=3, offset=48213)
STRUCTS = [
    kind for kind in vars(schemas).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
]


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_structs_are_frozen_untracked_and_lean(kind: type[msgspec.Struct]) -> None:
    """No struct can be changed, none burdens the garbage collector, none writes its defaults."""
    config = kind.__struct_config__
    assert config.frozen
    assert not config.gc
    assert config.omit_defaults or not kind.__struct_defaults__


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_every_field_is_documented_and_nothing_else_is(kind: type[msgspec.Struct]) -> None:
    """The Attributes section and the fields are the same set."""
    assert set(field_docs(kind)) == set(kind.__struct_fields__)


def test_types_on_the_wire_are_the_names_in_snake_case() -> None:
    """The events of the contract have the names that the contract gives."""
    expected = "play progress pause stop skip search rate browse impression select preferences my_list"
    assert list(EVENT_TYPES) == [*expected.split(), "identify", "history", "forget"]
    assert set(EVENT_TYPES.values()) == set(get_args(Event))
    assert set(EVENT_TYPES) < set(MESSAGES)


def test_a_rating_is_a_thumb_or_stars() -> None:
    """Exactly one of the two, also for ratings made in Python."""
    common = {"event_id": "e", "viewer_id": "v", "event_time_ms": 1, "title_id": "t"}
    assert Rate(**common, thumb=Thumb.UP).stars is None
    for wrong in ({}, {"thumb": Thumb.UP, "stars": 5.0}):
        with pytest.raises(ValueError, match="exactly one"):
            Rate(**common, **wrong)


def test_a_window_ends_after_it_starts() -> None:
    """An availability that could never hold is refused; open ends are fine."""
    Availability(start_ms=5)
    with pytest.raises(ValueError, match="start_ms"):
        Availability(start_ms=5, end_ms=5)


def test_tag_labels_carry_their_kind() -> None:
    """Equal words of different kinds stay apart."""
    title = Title(title_id="t", tags=Tags(mood=("slow",), pace=("slow",), theme=("war",)))
    assert title.tag_labels() == ["mood:slow", "pace:slow", "theme:war"]


def test_a_page_is_compact_json_in_the_order_of_the_fields() -> None:
    """The exact bytes that the kernel which writes pages by hand has to produce."""
    items = (
        Item(title_id="t1", score=0.5, reason=ItemReason.CO_WATCH),
        Item(title_id="t2", score=0.25, reason=ItemReason.EXPLORE, artwork="a", arm="B", propensity=0.1),
    )
    page = Home(
        viewer_id="v1",
        list_id=list_id(SOURCE.partition, SOURCE.offset, 17),
        seq=17,
        generated_at_ms=1_764_015_300_000,
        expires_at_ms=1_764_101_700_000,
        model_version="m",
        source=SOURCE,
        rows=(Row(kind=RowKind.TOP_PICKS, items=items),),
    )
    assert encode(page) == (
        b'{"viewer_id":"v1","list_id":"3-48213-17","seq":17,"generated_at_ms":1764015300000,'
        b'"expires_at_ms":1764101700000,"model_version":"m",'
        b'"source":{"topic":"viewing.events.v1","partition":3,"offset":48213},'
        b'"rows":[{"kind":"top_picks","items":[{"title_id":"t1","score":0.5,"reason":"co_watch"},'
        b'{"title_id":"t2","score":0.25,"reason":"explore","artwork":"a","arm":"B","propensity":0.1}]}]}'
    )


def test_a_dead_letter_keeps_the_raw_bytes_up_to_a_limit() -> None:
    """Bytes that are no text survive exactly; a record of 2 MB makes a letter that the broker takes."""
    error = DecodeError(Reason.TOO_LARGE, None, "expected less")
    raw = bytes(range(256)) * 8192
    letter = DeadLetter.of(error, stage="viewers", source=SOURCE, key=b"\xff", value=raw, time_ms=-1)
    data = encode(letter)
    back = decode_dead_letter(data)
    assert len(data) < 100_000
    assert (back.key, back.value, back.value_bytes) == (b"\xff", raw[:RAW_LIMIT], 2_097_152)
    assert back.time_ms is None
    assert back.reason is Reason.TOO_LARGE


def test_a_dead_letter_of_a_tombstone_has_no_value() -> None:
    """A missing value differs from an empty one."""
    error = DecodeError(Reason.TOMBSTONE, None, "expected a value")
    made = [DeadLetter.of(error, stage="s", source=SOURCE, key=None, value=value) for value in (None, b"")]
    assert [decode_dead_letter(encode(letter)).value for letter in made] == [None, b""]
