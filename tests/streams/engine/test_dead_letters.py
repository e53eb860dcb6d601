"""What a dead letter says, and what it must not say."""

from schemas.codec import decode_dead_letter, encode
from schemas.errors import DecodeError, Reason
from streams.engine.dead_letters import invalid_record_letter, poison_letter
from tests.streams.doubles import record


def test_rejected_record_can_be_found_again() -> None:
    """The letter has reason, field, place and the raw bytes, and survives the wire."""
    letter = invalid_record_letter(
        record(7, b"v1", b"{"), DecodeError(Reason.MALFORMED, "title_id", "not JSON"), stage="s"
    )
    back = decode_dead_letter(encode(letter))
    assert (back.reason, back.field, back.stage) == ("malformed", "title_id", "s")
    assert (back.source.topic, back.source.partition, back.source.offset) == ("in", 0, 7)
    assert (back.key, back.value, back.value_bytes) == (b"v1", b"{", 1)


def test_condemned_record_names_the_type_only() -> None:
    """An exception's text may hold what somebody watched; its type cannot."""
    letter = poison_letter(record(7, b"v1", None), stage="s", error="KeyError")
    assert (letter.reason, letter.message, letter.value) == (
        Reason.STEP_FAILED,
        "the step raised KeyError",
        None,
    )
