"""What may be wrapped around a message: Confluent's framing, and CloudEvents in binary mode.

Confluent's serializers put 0x00 and a 4-byte schema id before the JSON. The id is ignored: the JSON says
itself what it is. The newer form with the id in headers leaves the value as it is and needs nothing.

CloudEvents in binary mode puts its attributes into headers. An event without ``event_id`` takes ``ce_id`` for
it; where both are there the payload's own wins, because it survives a change of transport and the envelope
does not.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from schemas.errors import DecodeError, Reason

__all__ = ["Headers", "unwrap", "with_event_id"]

Headers = Sequence[tuple[str, bytes]]
"""A record's headers as aiokafka and confluent-kafka hand them out."""

_FRAME: Final = 5
"""Magic byte 0x00 and a 4-byte big-endian schema id: Confluent's wire format."""


def unwrap(value: bytes | None, limit: int) -> bytes:
    """Check the outside of a value and strip Confluent's framing.

    Parameters
    ----------
    value
        A record's value.
    limit
        The most bytes to accept.

    Returns
    -------
    bytes
        What should be JSON.

    Raises
    ------
    DecodeError
        `Reason.TOMBSTONE`, `Reason.EMPTY` or `Reason.TOO_LARGE`.

    Examples
    --------
    >>> unwrap(bytes([0, 0, 0, 0, 7]) + b"{}", 100)
    b'{}'
    """
    if value is None:
        raise DecodeError(Reason.TOMBSTONE, None, "expected a value, got a tombstone")
    if not value:
        raise DecodeError(Reason.EMPTY, None, "expected a value, got no bytes")
    if len(value) > limit:
        raise DecodeError(Reason.TOO_LARGE, None, f"expected at most {limit} bytes, got {len(value)}")
    return value[_FRAME:] if value[0] == 0 else value


def with_event_id(value: bytes, headers: Headers) -> bytes | None:
    """Put the id of a CloudEvents envelope into an event that has none.

    Parameters
    ----------
    value
        A JSON object with at least one member and no ``event_id``, framed or not.
    headers
        The record's headers; of several ``ce_id`` the first counts.

    Returns
    -------
    bytes or None
        The object with ``event_id`` as its first member; None when the headers have no id.

    Raises
    ------
    DecodeError
        `Reason.NOT_UTF8`, when ``ce_id`` is not.

    Examples
    --------
    >>> with_event_id(b'{"type":"play"}', [("ce_id", b"e-1")])
    b'{"event_id":"e-1","type":"play"}'
    """
    ce_id = next((text for name, text in headers if name == "ce_id" and text), None)
    if ce_id is None:
        return None
    try:
        member = msgspec.json.encode(ce_id.decode())
    except UnicodeDecodeError:
        member = b""
    if not member:
        raise DecodeError(Reason.NOT_UTF8, "event_id", "expected UTF-8 in the header ce_id")
    return b'{"event_id":%b,%b' % (member, unwrap(value, len(value)).lstrip()[1:])
