"""Check events before they are sent: `nearline events check`, from a file or standard input."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from schemas import DecodeError, Event
from schemas.codec import decode_event
from schemas.diagnosis import event_defects, unknown_fields

__all__ = ["EventCheck", "LineFinding"]

AHEAD_MS: Final = 300_000
"""Events so far ahead of this machine's clock are warned of: five minutes, as a worker allows."""
_DECODER: Final = msgspec.json.Decoder()


class LineFinding(NamedTuple):
    """What is wrong with a line."""

    line: int
    severity: str
    """``error``: a worker makes it a dead letter; ``warning``: it is taken, perhaps not as it is meant."""
    reason: str
    field: str | None
    message: str


@dataclass(slots=True)
class EventCheck:
    """Checks events line by line, with the decoder of the workers.

    Parameters
    ----------
    now_ms
        This machine's clock.

    Attributes
    ----------
    events
        Valid events by type.
    reasons
        Findings by severity and reason.
    invalid
        Lines that are no event.

    Examples
    --------
    >>> check = EventCheck(1_800_000_000_000)
    >>> line = b'{"type":"skip","event_id":"e","viewer_id":"ada","event_time_ms":1764015324000}'
    >>> [(found.line, found.field) for found in check.lines([line])], check.invalid
    ([(1, 'title_id')], 1)
    """

    now_ms: int
    events: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    invalid: int = 0
    _seen: set[int] = field(default_factory=set)

    def lines(self, lines: Iterable[bytes]) -> Iterator[LineFinding]:
        """Yield what is wrong with each line; empty lines are passed over."""
        for number, data in enumerate(lines, 1):
            text = data.strip()
            if not text:
                continue
            for severity, reason, name, message in self._line(text):
                self.reasons[severity, reason] += 1
                yield LineFinding(number, severity, reason, name, message)

    def document(self) -> dict[str, Any]:
        """Return the summary under its documented JSON keys."""
        return {
            "valid": self.events.total(),
            "invalid": self.invalid,
            "types": dict(self.events.most_common()),
            "errors": {reason: n for (kind, reason), n in self.reasons.items() if kind == "error"},
            "warnings": {reason: n for (kind, reason), n in self.reasons.items() if kind == "warning"},
        }

    def _line(self, text: bytes) -> Iterator[tuple[str, str, str | None, str]]:
        try:
            event = decode_event(text)
        except DecodeError as error:
            self.invalid += 1
            yield from self._errors(text, error)
        else:
            self.events[str(event.__struct_config__.tag)] += 1
            yield from self._warnings(text, event)

    def _errors(self, text: bytes, error: DecodeError) -> Iterator[tuple[str, str, str | None, str]]:
        """Yield every defect; what only the codec knows (envelope, control characters) by its own words."""
        try:
            found = list(event_defects(_DECODER.decode(text)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = []
        for defect in found:
            yield "error", defect.reason.value, defect.field, defect.message
        if not found:
            yield "error", error.reason.value, error.field, error.message

    def _warnings(self, text: bytes, event: Event) -> Iterator[tuple[str, str, str | None, str]]:
        key = hash((event.viewer_id, event.event_id))
        if key in self._seen:
            yield (
                "warning",
                "repeated_id",
                "event_id",
                "the viewer has an event of this id already",
            )
        self._seen.add(key)
        if event.event_time_ms > self.now_ms + AHEAD_MS:
            yield "warning", "future", "event_time_ms", "the time is ahead of this machine's clock"
        for name, near in unknown_fields(type(event), _DECODER.decode(text)):
            yield "warning", "unknown_field", name, f"this field is ignored; nearest: {near}"
