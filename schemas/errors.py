"""Errors about messages.

::

    SchemaError                    root of all errors of this package
    ├── DecodeError                defect of a producer: the record becomes a dead letter
    ├── EncodeError                defect of nearline: a value cannot be written as JSON
    └── ContractError              a contract file differs from the code

Error texts contain no value of a record: watches and searches are personal data, and error texts are logged.
They name the path (``rows[...].items[...].score``) and the expected value.
"""

from enum import StrEnum

__all__ = ["ContractError", "DecodeError", "EncodeError", "Reason", "SchemaError"]


class Reason(StrEnum):
    """Reason why a record is in the dead-letter topic; a closed set.

    The codec decides the first ten from the bytes of the value. The others also need the key, the partition,
    or the models.

    Examples
    --------
    >>> Reason("too_large") is Reason.TOO_LARGE
    True
    """

    EMPTY = "empty"
    """The value has no bytes. Producer: send a JSON object."""
    TOMBSTONE = "tombstone"
    """No value, on a topic without tombstones. Producer: to forget a viewer use `nearline forget`."""
    TOO_LARGE = "too_large"
    """More bytes than the limit; the limits are in `schemas.codec`. Without key and value: a batch of records
    that is too large when it is decompressed."""
    NOT_UTF8 = "not_utf8"
    """Not UTF-8. Producer: encode as UTF-8, without a byte order mark."""
    MALFORMED = "malformed"
    """Not JSON: truncated, NaN or Infinity, a lone surrogate, nesting too deep. Producer: use a JSON
    library."""
    WRONG_TYPE = "wrong_type"
    """JSON, but a field has another type than in the contract, or the value is no object."""
    OUT_OF_RANGE = "out_of_range"
    """The right type, but too small, too large, too long, or none of the allowed values."""
    MISSING_FIELD = "missing_field"
    """A required field is absent."""
    UNKNOWN_TYPE = "unknown_type"
    """The `type` of the event is unknown to this version. Operator: upgrade the worker, then replay."""
    SCHEMA_VERSION = "schema_version"
    """`schema_version` is newer than this version. Operator: upgrade the worker, then replay."""
    KEY_MISSING = "key_missing"
    """The record has no key, so its partition is random. Producer: key = viewer id in UTF-8."""
    KEY_MISMATCH = "key_mismatch"
    """The key differs from the viewer id (or title id) in the value."""
    PARTITION_MISMATCH = "partition_mismatch"
    """The key belongs in another partition. Producer: set `partitioner=murmur2_random`; see `nearline
    doctor`."""
    UNKNOWN_TITLE = "unknown_title"
    """The title is not in the catalog. Not used by default: titles are learned from events without it."""
    STEP_FAILED = "step_failed"
    """The record is valid, but processing it failed. A defect of nearline: the message has the exception
    type."""


class SchemaError(Exception):
    """Root of all errors of this package; not raised itself."""


class DecodeError(SchemaError):
    """The bytes are no valid message: a dead letter names the field; the producer corrects it.

    The consumer does not retry: it writes a dead letter and continues. The operator reads `reason` and
    `field` in the dead-letter topic and contacts the owner of the producer.

    Parameters
    ----------
    reason
        Reason, from a closed set.
    field
        Path of the invalid field, as in ``artwork[...].uri``; None if the record as a whole is invalid.
    message
        One sentence for people, without values.

    Examples
    --------
    >>> error = DecodeError(Reason.OUT_OF_RANGE, "watched_s", "expected `float` >= 0.0")
    >>> str(error)
    'out_of_range: watched_s: expected `float` >= 0.0'
    """

    def __init__(self, reason: Reason, field: str | None, message: str) -> None:
        super().__init__(": ".join(part for part in (reason, field, message) if part))
        self.reason = reason
        self.field = field
        self.message = message


class EncodeError(SchemaError):
    """A struct contains a value that JSON does not allow (a lone surrogate, NaN, infinity): report a defect.

    No decoded message can cause it.
    """


class ContractError(SchemaError):
    """A contract file differs from the code: run ``python -m schemas.contract_tools --write`` and review."""
