"""Confluent's framing and the headers of CloudEvents are removed, and nothing else."""

import json
from typing import Any

import pytest

from schemas import DecodeError, Reason
from schemas.codec import MAX_EVENT_BYTES, decode_event

BODY = {"type": "play", "viewer_id": "v-1", "event_time_ms": 1_764_015_300_000, "title_id": "t-1"}
BARE = json.dumps(BODY).encode()
NAMED = json.dumps({**BODY, "event_id": "own"}).encode()
FRAME = b"\x00\x00\x00\x00\x2a"


def test_confluent_framing_is_stripped() -> None:
    """A magic byte and a schema id before the JSON change nothing."""
    assert decode_event(FRAME + NAMED) == decode_event(NAMED)


def test_what_is_no_json_behind_the_framing_is_perhaps_avro() -> None:
    """The reason says what to do about it; without framing there is nothing to add."""
    for value, about in ((b"\0\0\0\0\x07\x08play", "registry"), (b"\x08play", "JSON object$")):
        with pytest.raises(DecodeError, match=about) as refusal:
            decode_event(value)
        assert refusal.value.reason is Reason.MALFORMED


def test_ce_id_names_an_event_without_an_id() -> None:
    """A CloudEvents producer need not repeat its envelope's id in the payload, framed or not."""
    headers = [("traceparent", b"00-1"), ("ce_id", b"envelope"), ("ce_id", b"second")]
    assert decode_event(BARE, headers).event_id == "envelope"
    assert decode_event(FRAME + b" \n" + BARE, headers).event_id == "envelope"


def test_the_payloads_own_id_wins() -> None:
    """An id in the payload survives a change of transport, so the envelope's is only a substitute."""
    assert decode_event(NAMED, [("ce_id", b"envelope")]).event_id == "own"


@pytest.mark.parametrize("headers", [(), [("traceparent", b"00-1")], [("ce_id", b"")], [("ce_id", None)]])
def test_without_any_id_the_event_is_refused(headers: Any) -> None:
    """No id is made up: a made-up one would let a repeated event count twice."""
    with pytest.raises(DecodeError) as caught:
        decode_event(BARE, headers)
    assert (caught.value.reason, caught.value.field) == (Reason.MISSING_FIELD, "event_id")


@pytest.mark.parametrize(
    ("ce_id", "reason"),
    [
        (b"\xff", Reason.NOT_UTF8),
        (b"x" * 65, Reason.OUT_OF_RANGE),
        (b"a\nb", Reason.OUT_OF_RANGE),
        (b"x" * 2 * MAX_EVENT_BYTES, Reason.TOO_LARGE),
    ],
)
def test_a_bad_ce_id_is_refused(ce_id: bytes, reason: Reason) -> None:
    """The header's id obeys the rules of the field that it fills."""
    with pytest.raises(DecodeError) as caught:
        decode_event(BARE, [("ce_id", ce_id)])
    assert caught.value.reason is reason


def test_headers_do_not_hide_other_faults() -> None:
    """Other errors are reported also if there is a ce_id."""
    with pytest.raises(DecodeError) as caught:
        decode_event(BARE.replace(b"t-1", b""), [("ce_id", b"e-1")])
    assert caught.value.field == "title_id"
    with pytest.raises(DecodeError) as caught:
        decode_event(None, [("ce_id", b"e-1")])
    assert caught.value.reason is Reason.TOMBSTONE
