"""Dead letters for people: what could not be used, and sending one again."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from schemas import DecodeError, topics
from schemas.codec import decode_dead_letter
from streams.config.settings import Settings
from streams.kafka import scan as topic_scan
from streams.ops.decoded_rows import when

__all__ = ["NEWEST", "DeadLetterView", "newest", "reasons"]

NEWEST = 100
"""Letters that are shown."""
UNREADABLE = "unreadable"


class DeadLetterView(NamedTuple):
    """A dead letter as it is shown."""

    reason: str
    field: str
    message: str
    stage: str
    source: str
    at: str
    key: str
    value: str
    """The record's value as text; what is no UTF-8 is marked."""
    cut: bool
    """Whether the value is only the beginning of the record's."""


def newest(settings: Settings, most: int = NEWEST) -> list[DeadLetterView]:
    """Return the newest dead letters, newest first.

    Raises
    ------
    StreamError
        The broker does not answer, or there is no such topic.
    """
    found = topic_scan.tail(settings, topics.DEAD_LETTERS, most)
    found.sort(key=lambda message: message.timestamp()[1], reverse=True)
    return [_letter(message.value()) for message in found][:most]


def reasons(letters: Iterable[DeadLetterView]) -> list[tuple[str, int]]:
    """Return how often each reason occurs, the most frequent first."""
    return Counter(letter.reason for letter in letters).most_common()


def _letter(value: bytes | None) -> DeadLetterView:
    try:
        letter = decode_dead_letter(value)
    except DecodeError as error:
        return DeadLetterView(UNREADABLE, "", error.message, "", "", "", "", "", cut=False)
    source, raw = letter.source, letter.value or b""
    return DeadLetterView(
        reason=letter.reason.value,
        field=letter.field or "",
        message=letter.message,
        stage=letter.stage,
        source=f"{source.topic}/{source.partition} at {source.offset}",
        at=when(letter.time_ms or 0) or "",
        key=(letter.key or b"").decode(errors="replace"),
        value=raw.decode(errors="replace"),
        cut=letter.value_bytes > len(raw),
    )
