"""Dead letters: records that a stage could not process, with the reason, the position and the bytes."""

from typing import Final, Self

from msgspec import Struct

from schemas.errors import DecodeError, Reason
from schemas.fields import MAX_TIME_MS, MIN_TIME_MS, Label, Offset, SchemaVersion, TimeMs
from schemas.pages import Source

__all__ = ["RAW_LIMIT", "DeadLetter"]

RAW_LIMIT: Final = 65_536
"""Maximum number of bytes of the key and of the value that a dead letter contains. Four times the largest
event; 88 kB in base64, far below a broker's default limit of 1 MB. Longer ones are truncated: `value_bytes`
has the full length, and `source` the position of the original, as long as the topic retains it."""


class DeadLetter(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A record that a stage could not process.

    Attributes
    ----------
    reason
        Reason, from a closed set.
    message
        One sentence for people, without values of the record.
    stage
        The stage that rejected the record.
    source
        Position of the record.
    time_ms
        Timestamp of the record (UTC, ms since 1970); absent if it has none within the valid range.
    field
        Path of the invalid field; absent if the record as a whole is invalid.
    key
        The record's key, base64, at most 64 KiB; absent when it had none.
    value
        The record's value, base64, at most 64 KiB; absent when it had none.
    value_bytes
        Length of the whole value in bytes.
    schema_version
        Version of the contract; absent means 1.

    Examples
    --------
    >>> error = DecodeError(Reason.EMPTY, None, "the value has no bytes")
    >>> source = Source(topic="viewing.events.v1", partition=0, offset=7)
    >>> letter = DeadLetter.of(error, stage="viewers", source=source, key=b"v1", value=b"")
    >>> letter.reason, letter.key, letter.value_bytes
    (<Reason.EMPTY: 'empty'>, b'v1', 0)
    """

    reason: Reason
    message: str
    stage: Label
    source: Source
    time_ms: TimeMs | None = None
    field: str | None = None
    key: bytes | None = None
    value: bytes | None = None
    value_bytes: Offset = 0
    schema_version: SchemaVersion = 1

    @classmethod
    def of(
        cls,
        error: DecodeError,
        *,
        stage: str,
        source: Source,
        key: bytes | None,
        value: bytes | None,
        time_ms: int | None = None,
    ) -> Self:
        """Return the dead letter of a rejected record; keys and values are truncated to `RAW_LIMIT` bytes.

        Parameters
        ----------
        error
            Why the record was rejected.
        stage
            The stage that rejects it.
        source
            Position of the record.
        key, value
            The record's raw bytes.
        time_ms
            Timestamp of the record; left out if outside the valid range.

        Returns
        -------
        DeadLetter
            Ready for `schemas.codec.encode`.
        """
        return cls(
            reason=error.reason,
            message=error.message,
            stage=stage,
            source=source,
            time_ms=time_ms if time_ms is not None and MIN_TIME_MS <= time_ms < MAX_TIME_MS else None,
            field=error.field,
            key=None if key is None else key[:RAW_LIMIT],
            value=None if value is None else value[:RAW_LIMIT],
            value_bytes=len(value or b""),
        )
