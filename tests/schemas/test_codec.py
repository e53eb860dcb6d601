"""The codec is total, exact, quick to refuse, and silent about what it saw."""

import json
import math
import sys
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Alert, DeadLetter, DecodeError, EncodeError, Event, Home, Play, Reason, Title, Trending
from schemas.codec import (
    MAX_EVENT_BYTES,
    MAX_TITLE_BYTES,
    check_key,
    decode_alert,
    decode_dead_letter,
    decode_event,
    decode_home,
    decode_model_switch,
    decode_model_version,
    decode_switch_marker,
    decode_title,
    decode_trending,
    encode,
)
from schemas.versions import ModelSwitch, ModelVersion, SwitchMarker

DECODERS: dict[type, Callable[[bytes | None], Any]] = {
    **dict.fromkeys(get_args(Event), decode_event),
    Title: decode_title,
    Home: decode_home,
    Alert: decode_alert,
    Trending: decode_trending,
    DeadLetter: decode_dead_letter,
    ModelVersion: decode_model_version,
    ModelSwitch: decode_model_switch,
    SwitchMarker: decode_switch_marker,
}
PLAY = {
    "type": "play",
    "event_id": "e-1",
    "viewer_id": "v-1",
    "event_time_ms": 1_764_015_300_000,
    "title_id": "t-1",
}
DEPTH = 1_000
"""Python's own limit of recursion, by which the parser refuses what is nested too deeply."""
KINDS = pytest.mark.parametrize("kind", DECODERS, ids=lambda kind: kind.__name__)


def play(**changes: object) -> bytes:
    """Return a play event with some members changed."""
    return json.dumps({**PLAY, **changes}).encode()


def refusal(value: bytes | None, headers: Any = ()) -> DecodeError:
    """Return the error with which an event is refused."""
    with pytest.raises(DecodeError) as caught:
        decode_event(value, headers)
    return caught.value


@KINDS
def test_every_struct_survives_the_round_trip(kind: type, valid: Any) -> None:
    """What is encoded decodes to an equal struct of the same type, and encodes to the same bytes."""

    @given(valid(kind))
    def law(message: Any) -> None:
        data = encode(message)
        back = DECODERS[kind](data)
        assert type(back) is kind
        assert back == message
        assert encode(back) == data

    law()


@given(st.binary(max_size=200))
def test_random_bytes_are_an_event_or_a_decode_error(value: bytes) -> None:
    """No other exception leaves any decoder, whatever the bytes."""
    for decode in set(DECODERS.values()):
        with pytest.raises(DecodeError):
            decode(value)


def test_mutated_events_are_an_event_or_a_decode_error(events: Any) -> None:
    """Cutting, repeating and overwriting parts of a valid event never raises anything but `DecodeError`."""

    @given(events, st.integers(0, 2000), st.integers(0, 2000), st.binary(max_size=8))
    def law(event: Any, one: int, two: int, junk: bytes) -> None:
        data = encode(event)
        low, high = sorted((one % len(data), two % len(data)))
        for value in (data[:low], data[:low] + junk + data[high:], data[:high] + junk + data[low:]):
            survives(value)

    law()


def survives(value: bytes) -> None:
    """Decode; the outcome must be an event of a known type or an error with a reason of the closed set."""
    outcome: object
    try:
        outcome = decode_event(value)
    except DecodeError as error:
        outcome = error.reason
    assert isinstance(outcome, (*get_args(Event), Reason))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def test_any_json_in_any_field_is_an_event_or_a_decode_error(events: Any) -> None:
    """A field of another type or size, NaN and infinity included, never raises anything but `DecodeError`."""

    @given(events, ANY_JSON, st.integers(0, 30))
    def law(event: Any, junk: object, which: int) -> None:
        body = json.loads(encode(event))
        body[list(body)[which % len(body)]] = junk
        survives(json.dumps(body).encode())

    law()


def test_nothing_non_finite_comes_in(events: Any) -> None:
    """No float of a decoded event is NaN or infinite, however it was written."""

    @given(events, st.sampled_from(["NaN", "Infinity", "-Infinity", "1e400", "-1e400", '"NaN"']))
    def law(event: Any, text: str) -> None:
        for name, value in json.loads(encode(event)).items():
            if isinstance(value, float):
                body = json.dumps({**json.loads(encode(event)), name: "@"}).replace('"@"', text)
                assert refusal(body.encode()).reason in {
                    Reason.MALFORMED,
                    Reason.OUT_OF_RANGE,
                    Reason.WRONG_TYPE,
                }

    law()


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (None, Reason.TOMBSTONE, None),
        (b"", Reason.EMPTY, None),
        (b" ", Reason.MALFORMED, None),
        (b"\x00", Reason.MALFORMED, None),
        (b"\x00\x00\x00\x00\x01", Reason.MALFORMED, None),
        (play()[:-1], Reason.MALFORMED, None),
        (play() + b"{}", Reason.MALFORMED, None),
        (b"\xef\xbb\xbf" + play(), Reason.MALFORMED, None),
        (play().replace(b"t-1", b"t\xff"), Reason.NOT_UTF8, None),
        (play().replace(b"t-1", b"\xed\xa0\x80"), Reason.NOT_UTF8, None),
        (play(unknown="@").replace(b"@", b"\xc0\x80"), Reason.NOT_UTF8, None),
        (play().replace(b"t-1", b"\\ud800"), Reason.MALFORMED, None),
        (play().replace(b"t-1", b"\x00"), Reason.MALFORMED, None),
        (play().replace(b"t-1", b"a\nb"), Reason.MALFORMED, None),
        (play().replace(b"t-1", b"\\u0000"), Reason.OUT_OF_RANGE, "title_id"),
        (play().replace(b"t-1", b"a\\nb"), Reason.OUT_OF_RANGE, "title_id"),
        (play().replace(b"t-1", b"\x7f"), Reason.OUT_OF_RANGE, "title_id"),
        (play(position_s="@").replace(b'"@"', b"NaN"), Reason.MALFORMED, None),
        (play(position_s="@").replace(b'"@"', b"1e400"), Reason.OUT_OF_RANGE, "position_s"),
        (b'{"type":"play","x":' + b"[" * 5000 + b"]" * 5000 + b"}", Reason.MALFORMED, None),
        (b"[" * MAX_EVENT_BYTES, Reason.WRONG_TYPE, None),
        (b"x" * (MAX_EVENT_BYTES + 1), Reason.TOO_LARGE, None),
        (b"x" * 2_000_000, Reason.TOO_LARGE, None),
        (play(type="rewind"), Reason.UNKNOWN_TYPE, "type"),
        (play(type=None), Reason.WRONG_TYPE, "type"),
        (play(schema_version=2), Reason.SCHEMA_VERSION, "schema_version"),
        (play(schema_version=2, type="rewind"), Reason.SCHEMA_VERSION, "schema_version"),
        (play(schema_version=10**30), Reason.SCHEMA_VERSION, "schema_version"),
        (play(schema_version="2"), Reason.WRONG_TYPE, "schema_version"),
        (play(country="de"), Reason.OUT_OF_RANGE, "country"),
        (play(country="ÄÖ"), Reason.OUT_OF_RANGE, "country"),
    ],
)
def test_each_fault_has_its_reason_and_field(value: bytes | None, reason: Reason, field: str | None) -> None:
    """A rejected record has a reason from the closed set, and the invalid field if there is one."""
    sys.setrecursionlimit(DEPTH)  # an earlier law of hypothesis may have left more
    error = refusal(value)
    assert (error.reason, error.field) == (reason, field)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "hunter2"},
        {"viewer_id": "hunter2" * 20},
        {"viewer_id": {"hunter2": 1}},
        {"country": "hunter2"},
        {"title_id": "hunter2\n"},
        {"type": "stop", "watched_s": 1, "position_s": 1, "cause": "hunter2"},
        {"type": "rate", "thumb": "hunter2"},
        {"type": "search", "query": "hunter2", "result_count": -1},
        {"schema_version": 7, "viewer_id": "hunter2"},
    ],
)
def test_an_error_never_repeats_a_value(changes: dict[str, object]) -> None:
    """Neither the text nor the chained exceptions of an error hold what the viewer did."""
    error = refusal(play(**changes))
    assert "hunter2" not in f"{error} {error!r} {error.message}"
    assert error.__cause__ is None
    assert error.__context__ is None


def test_unknown_fields_are_ignored() -> None:
    """A newer producer of the same version may say more than we know."""
    assert decode_event(play(bitrate=8000, cdn={"pop": ["fra"]})) == decode_event(play())


def test_escaped_but_clean_text_is_accepted() -> None:
    """Escapes are not suspicious by themselves: a quote, a slash and an emoji come through."""
    event = decode_event(play(title_id='"\\/🎬'))
    assert isinstance(event, Play)
    assert event.title_id == '"\\/🎬'


def test_of_repeated_members_the_last_wins_save_for_the_type() -> None:
    """Of repeated members the last wins, as JSON readers do it; two types are a contradiction."""
    twice = play().replace(b'"t-1"', b'"t-0","title_id":"t-1"')
    assert decode_event(twice) == decode_event(play())
    assert refusal(play().replace(b"}", b',"type":"pause"}')).field == "type"


def test_a_title_is_larger_than_an_event_may_be() -> None:
    """The cap on titles leaves room for artwork, and still is one."""
    art = [{"id": f"a-{n}", "uri": "https://img.example/" + "x" * 1000} for n in range(64)]
    big = json.dumps({"title_id": "t-1", "artwork": art}).encode()
    assert MAX_EVENT_BYTES < len(big) < MAX_TITLE_BYTES
    assert len(decode_title(big).artwork) == 64
    with pytest.raises(DecodeError, match="too_large"):
        decode_title(b"x" * (MAX_TITLE_BYTES + 1))


@pytest.mark.parametrize(
    ("key", "reason"), [(None, Reason.KEY_MISSING), (b"", Reason.KEY_MISSING), (b"v-2", Reason.KEY_MISMATCH)]
)
def test_a_wrong_key_is_found(key: bytes | None, reason: Reason) -> None:
    """A record whose key is not its viewer would be learned in another viewer's partition."""
    event = decode_event(play())
    check_key(event, b"v-1")
    with pytest.raises(DecodeError) as caught:
        check_key(event, key)
    assert caught.value.reason is reason


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_nothing_non_finite_goes_out(number: float) -> None:
    """A number that JSON cannot carry is our defect, and is stopped before it is on the wire."""
    play_event = Play(event_id="e", viewer_id="v", event_time_ms=1, title_id="t", position_s=number)
    with pytest.raises(EncodeError, match=r"Play\.position_s"):
        encode(play_event)


def test_a_lone_surrogate_does_not_go_out() -> None:
    """A string that UTF-8 cannot carry is stopped, and the error does not repeat it."""
    with pytest.raises(EncodeError, match="Title: a string contains a lone surrogate") as caught:
        encode(Title(title_id="\ud800"))
    assert caught.value.__context__ is None


def test_text_that_looks_like_a_null_goes_out() -> None:
    """The check for NaN looks at numbers, not at text that happens to read `:null`."""
    title = Title(title_id="a:null")
    assert decode_title(encode(title)) == title
