"""From a parser's complaint to a reason and a field, without repeating any value of the record.

msgspec's messages read ``Expected `str`, got `int` - at `$.artwork[...].uri` ``. Some of them quote the value
(``Invalid enum value 'x'``), so only the shapes known to be free of values are passed on.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from schemas.errors import DecodeError, Reason
from schemas.fields import SCHEMA_VERSION

__all__ = ["diagnose", "leaves"]

_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(.*)`$")
_TYPE: Final = re.compile(r"^Expected `[^`]*`(, got `[^`]*`)?$")
_RANGE: Final = re.compile(r"^Expected |^Number out of range$")


class _Envelope(Struct):
    """The one field that says whether the rest can be understood."""

    schema_version: int = 1


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def diagnose(error: Exception, payload: bytes) -> DecodeError:
    """Say why a payload could not be read.

    Parameters
    ----------
    error
        What the parser raised.
    payload
        What it read, to see whether the message is of a newer version: then nothing else matters.

    Returns
    -------
    DecodeError
        Not raised, so that the caller can raise it without the parser's error as its context.

    Examples
    --------
    >>> diagnose(msgspec.ValidationError("Expected `str`, got `int` - at `$.title_id`"), b"{}")
    DecodeError('wrong_type: title_id: expected `str`, got `int`')
    """
    if isinstance(error, UnicodeDecodeError):
        return DecodeError(Reason.NOT_UTF8, None, "expected UTF-8")
    if isinstance(error, RecursionError):
        return DecodeError(Reason.MALFORMED, None, "expected less nesting")
    if not isinstance(error, msgspec.ValidationError):
        return DecodeError(Reason.MALFORMED, None, "expected one JSON object")
    if _version_of(payload) > SCHEMA_VERSION:
        message = f"expected at most {SCHEMA_VERSION}: the producer is newer than this consumer"
        return DecodeError(Reason.SCHEMA_VERSION, "schema_version", message)
    return _invalid(str(error))


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Walk a struct and give every value that is neither a struct nor a tuple, with its path.

    Parameters
    ----------
    value
        A struct, or what is in one.
    path
        Where `value` stands.

    Yields
    ------
    tuple of (str, object)
        Path and value, in the order of the fields.
    """
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from leaves(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for item in value:
            yield from leaves(item, f"{path}[...]")
    else:
        yield path, value


def _version_of(payload: bytes) -> int:
    try:
        return _ENVELOPE.decode(payload).schema_version
    except (msgspec.MsgspecError, RecursionError):
        return SCHEMA_VERSION


def _invalid(text: str) -> DecodeError:
    place = _PLACE.search(text)
    field = place[1] if place else None
    claim = text[: place.start()] if place else text
    missing = _MISSING.match(claim)
    if missing:
        path = f"{field}.{missing[1]}" if field else missing[1]
        return DecodeError(Reason.MISSING_FIELD, path, "expected the required field")
    if field == "type" and claim.startswith("Invalid value"):
        return DecodeError(Reason.UNKNOWN_TYPE, field, "expected a type that this consumer knows")
    if _TYPE.match(claim):
        return DecodeError(Reason.WRONG_TYPE, field, claim.replace("Expected", "expected", 1))
    if _RANGE.match(claim):
        return DecodeError(Reason.OUT_OF_RANGE, field, claim.replace("Expected", "expected", 1))
    return DecodeError(Reason.OUT_OF_RANGE, field, "expected one of the allowed values")
