"""What can go wrong with a message, and whose fault it was.

::

    SchemaError                    root: catch this for "anything about messages"
    ├── DecodeError                the producer's fault: the record goes to the dead letters
    ├── EncodeError                our fault: a value that the wire cannot carry was about to be written
    └── ContractError              the maintainer's fault: a contract file differs from the code

No error text ever contains a value of the record: what somebody watched or searched for is personal data, and
error texts end up in logs. They name the path (``rows[...].items[...].score``) and what was expected there.
"""

from enum import StrEnum

__all__ = ["ContractError", "DecodeError", "EncodeError", "Reason", "SchemaError"]


class Reason(StrEnum):
    """Every reason for which a record ends in the dead-letter topic; the set is closed.

    The first eleven come from the codec and mean that the bytes are not a message of this system. The others
    are decided by whoever knows more than the bytes: the record's key, its partition, the models.

    Examples
    --------
    >>> Reason("too_large") is Reason.TOO_LARGE
    True
    """

    EMPTY = "empty"
    """A value of no bytes. Producer: send a JSON object."""
    TOMBSTONE = "tombstone"
    """No value at all, on a topic where deleting means nothing. Producer: to forget a viewer use `nearline
    forget`."""
    TOO_LARGE = "too_large"
    """More bytes than the codec parses; see the limits in `schemas.codec`."""
    NOT_UTF8 = "not_utf8"
    """Bytes that are not UTF-8. Producer: encode as UTF-8, without a byte order mark."""
    MALFORMED = "malformed"
    """Not JSON: truncated, NaN or Infinity, a lone surrogate, nesting too deep. Producer: use a JSON
    library."""
    WRONG_TYPE = "wrong_type"
    """JSON, but a field has another type than the contract says (also a list where an object should be)."""
    OUT_OF_RANGE = "out_of_range"
    """The right type, but too small, too large, too long, or not among the allowed values."""
    MISSING_FIELD = "missing_field"
    """A required field is absent."""
    UNKNOWN_TYPE = "unknown_type"
    """The `type` of the event is none that this version knows. Operator: upgrade the worker, then replay."""
    SCHEMA_VERSION = "schema_version"
    """`schema_version` is newer than this version knows. Operator: upgrade the worker, then replay."""
    KEY_MISSING = "key_missing"
    """The record has no key, so it sits in a partition of chance. Producer: key = viewer id in UTF-8."""
    KEY_MISMATCH = "key_mismatch"
    """The record's key is not the viewer id (or title id) inside it."""
    PARTITION_MISMATCH = "partition_mismatch"
    """The key belongs in another partition. Producer: set `partitioner=murmur2_random`; see `nearline
    doctor`."""
    UNKNOWN_TITLE = "unknown_title"
    """The title is not in the catalogue. Not used by default: titles are learned from events, catalogue or
    not."""
    STEP_FAILED = "step_failed"
    """The record was valid and our own code failed on it. Ours to fix: the message names the exception's
    type."""


class SchemaError(Exception):
    """Root of all errors of this package; never raised itself."""


class DecodeError(SchemaError):
    """The bytes are not a message of this system: a dead letter names the field; the producer corrects it.

    The consumer does not retry: it writes a dead letter and goes on. The operator looks at `reason` and
    `field` in the dead-letter topic and talks to the producer's owner.

    Parameters
    ----------
    reason
        Why, out of the closed set.
    field
        Path of the offending field as in ``artwork[...].uri``; None when the record as a whole is at fault.
    message
        One sentence for people, free of values.

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
    """A struct holds what JSON cannot carry (a lone surrogate, NaN, infinity): a defect of ours, report it.

    The operator reports a defect: nothing that came in through the codec can cause it.
    """


class ContractError(SchemaError):
    """A contract file differs from the code: run ``python -m schemas.contract_tools --write`` and review."""
