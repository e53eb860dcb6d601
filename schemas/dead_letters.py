"""The records that could not be used: what was wrong, where they stood, and what they held."""

from typing import Final, Self

from msgspec import Struct

from schemas.errors import DecodeError, Reason
from schemas.fields import MAX_TIME_MS, MIN_TIME_MS, Label, Offset, SchemaVersion, TimeMs
from schemas.pages import Source

__all__ = ["RAW_LIMIT", "DeadLetter"]

RAW_LIMIT: Final = 65_536
"""Bytes of a record's key and of its value that a dead letter repeats. Four times the largest event; base64
makes 88 kB of it, far below a broker's default limit of 1 MB. What is longer is cut: `value_bytes` tells, and
`source` finds the original while the topic keeps it."""


class DeadLetter(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One record that a stage could not use.

    Attributes
    ----------
    reason
        Why, out of the closed set.
    message
        One sentence for people, free of the record's values.
    stage
        Which stage gave up.
    source
        Where the record stands.
    time_ms
        The record's timestamp (UTC, ms since 1970); absent where the record had none that makes sense.
    field
        Path of the offending field; absent when the record as a whole is at fault.
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
        """Write the letter for one rejected record; long keys and values are cut to `RAW_LIMIT` bytes.

        Parameters
        ----------
        error
            What was wrong.
        stage
            Which stage gives up.
        source
            Where the record stands.
        key, value
            The record's raw bytes.
        time_ms
            The record's timestamp, left out when outside of what a message may carry.

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
