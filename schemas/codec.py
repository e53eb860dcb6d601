"""Convert between bytes and messages. No other module of this package handles bytes.

Decoding never raises anything but `DecodeError`, whatever the bytes. The checks run in this order:

1. The envelope: no value, an empty value, too many bytes. The size is checked before parsing, so that a large
   record cannot occupy a worker. Confluent's framing is removed.
2. The whole value must be UTF-8, also in fields that are ignored.
3. msgspec parses the JSON, checks types and ranges, and ignores unknown fields.
4. Strings must have no control characters. In JSON they can only arrive as escapes (or as DEL), so records
   without a backslash, which is nearly all, skip this check.
5. Countries of events, titles, rules and audiences must be two capital letters.

An envelope may be Confluent's framing or CloudEvents in binary mode. Confluent's serializers put the byte
0x00 and a 4-byte schema id before the JSON; the id is ignored, since the JSON names its own type and version.
The newer form, with the id in the headers, leaves the value unchanged. CloudEvents in binary mode puts its
attributes into headers: an event without ``event_id`` takes ``ce_id``. If both are present, ``event_id`` in
the value wins, because the value survives a change of transport and the headers do not.
"""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import product
from string import ascii_uppercase
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from schemas.audit import AuditRecord
from schemas.catalog import Title
from schemas.dead_letters import DeadLetter
from schemas.errors import DecodeError, EncodeError, Reason
from schemas.events import Event
from schemas.experiment_results import ExperimentResult
from schemas.experiments import Experiment
from schemas.fields import SCHEMA_VERSION
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, TitleInsight
from schemas.pages import Alert, Home, Trending
from schemas.rules import BusinessRule
from schemas.versions import ModelSwitch, ModelVersion, SwitchMarker

__all__ = [
    "MAX_EVENT_BYTES",
    "MAX_LIST_BYTES",
    "MAX_TITLE_BYTES",
    "Headers",
    "check_key",
    "check_title_key",
    "decode_alert",
    "decode_audit",
    "decode_dead_letter",
    "decode_demand",
    "decode_event",
    "decode_experiment",
    "decode_experiment_result",
    "decode_home",
    "decode_model_switch",
    "decode_model_version",
    "decode_rule",
    "decode_switch_marker",
    "decode_title",
    "decode_title_insight",
    "decode_trending",
    "diagnose",
    "encode",
    "leaves",
    "unwrap",
    "with_event_id",
]


Headers = Sequence[tuple[str, bytes]]
"""Headers of a record, in the form of aiokafka and confluent-kafka."""

_FRAMED: Final = (
    "expected one JSON object behind the framing; Avro is read where the worker knows the registry"
)
_FRAME: Final = 5
"""Magic byte 0x00 and a 4-byte big-endian schema id: Confluent's wire format."""


def unwrap(value: bytes | None, limit: int) -> bytes:
    """Check the envelope of a value and remove Confluent's framing.

    Parameters
    ----------
    value
        A record's value.
    limit
        Maximum number of bytes.

    Returns
    -------
    bytes
        The payload, expected to be JSON.

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
    """Add the id of a CloudEvents envelope to an event without one.

    Parameters
    ----------
    value
        A JSON object with at least one member and no ``event_id``, framed or not.
    headers
        The record's headers; the first ``ce_id`` counts.

    Returns
    -------
    bytes or None
        The object with ``event_id`` as its first member; None if the headers have no id.

    Raises
    ------
    DecodeError
        `Reason.NOT_UTF8`, if ``ce_id`` is not UTF-8.

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


MAX_EVENT_BYTES: Final = 16_384
"""The largest possible event in ASCII (preferences with 64 genres, languages and titles) has 13 kB, a typical
one 250 B."""

MAX_TITLE_BYTES: Final = 262_144
"""Enough for 64 artwork variants and 64 trailers with addresses of 1 kB and a dozen tags each; a quarter of a
broker's default limit of 1 MB."""

MAX_LIST_BYTES: Final = 1_048_576
"""A broker's default limit per record. Lists are written by nearline, so all that the broker accepted is
read."""

M = TypeVar("M")

_EVENT: Final[msgspec.json.Decoder[Event]] = msgspec.json.Decoder(Event)
_TITLE: Final = msgspec.json.Decoder(Title)
_HOME: Final = msgspec.json.Decoder(Home)
_ALERT: Final = msgspec.json.Decoder(Alert)
_AUDIT: Final = msgspec.json.Decoder(AuditRecord)
_TRENDING: Final = msgspec.json.Decoder(Trending)
_DEAD_LETTER: Final = msgspec.json.Decoder(DeadLetter)
_VERSION: Final = msgspec.json.Decoder(ModelVersion)
_SWITCH: Final = msgspec.json.Decoder(ModelSwitch)
_EXPERIMENT: Final = msgspec.json.Decoder(Experiment)
_RULE: Final = msgspec.json.Decoder(BusinessRule)
_RESULT: Final = msgspec.json.Decoder(ExperimentResult)
_TITLE_INSIGHT: Final = msgspec.json.Decoder(TitleInsight)
_DEMAND: Final[msgspec.json.Decoder[FacetDemand | SearchDemand | CohortDemand]] = msgspec.json.Decoder(
    FacetDemand | SearchDemand | CohortDemand
)
_MARKER: Final = msgspec.json.Decoder(SwitchMarker)
_ENCODE: Final = msgspec.json.Encoder().encode
_COUNTRIES: Final = frozenset(map("".join, product(ascii_uppercase, repeat=2)))
_TWO_CAPITALS: Final = "expected two capitals, as in ISO 3166-1 alpha-2"
_BACKSLASH: Final = 0x5C
_DEL: Final = 0x7F
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")


# msgspec's messages have the form "Expected `str`, got `int` - at `$.artwork[...].uri`". Some contain the
# value ("Invalid enum value 'x'"), so only the forms below, which contain no value, are passed on.
_PLACE: Final = re.compile(r" - at `\$\.?(.*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `(.*)`$")
_TYPE: Final = re.compile(r"^Expected `[^`]*`(, got `[^`]*`)?$")
_RANGE: Final = re.compile(r"^Expected |^Number out of range$")


class _Envelope(Struct):
    """The version, which decides whether the other fields can be decoded."""

    schema_version: int = 1


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def decode_event(value: bytes | None, headers: Headers = ()) -> Event:
    """Decode a viewing event.

    Parameters
    ----------
    value
        The record's value, at most `MAX_EVENT_BYTES`.
    headers
        The record's headers; used only for an event without an id.

    Returns
    -------
    Event
        One of the structs of `schemas.events`.

    Raises
    ------
    DecodeError
        For any other bytes. No other error is raised.

    Examples
    --------
    >>> event = decode_event(
    ...     b'{"type":"play","event_id":"e1","viewer_id":"v1","event_time_ms":1700000000000,"title_id":"t1"}'
    ... )
    >>> type(event).__name__, event.viewer_id, event.title_id
    ('Play', 'v1', 't1')
    >>> decode_event(b'{"type":"play","event_id":"e1"}')
    Traceback (most recent call last):
    schemas.errors.DecodeError: missing_field: viewer_id: expected the required field
    """
    event = _event_with_headers(value, headers) if headers else _decode(_EVENT, value, MAX_EVENT_BYTES)
    country = event.country
    if country is not None and country not in _COUNTRIES:
        raise DecodeError(Reason.OUT_OF_RANGE, "country", _TWO_CAPITALS)
    return event


def decode_title(value: bytes | None) -> Title:
    """Decode a title of the catalog; raises `DecodeError` like `decode_event`, also for a tombstone.

    Examples
    --------
    >>> decode_title(b'{"title_id":"t1","tags":{"genre":["Drama"]}}').tags.genre
    ('Drama',)
    """
    title = _decode(_TITLE, value, MAX_TITLE_BYTES)
    _check_countries(title.availability.countries, "availability.countries[...]")
    return title


def decode_home(value: bytes | None) -> Home:
    """Decode a home page; raises `DecodeError` like `decode_event`, also for a tombstone ("forget")."""
    return _decode(_HOME, value, MAX_LIST_BYTES)


def decode_alert(value: bytes | None) -> Alert:
    """Decode an alert; raises `DecodeError` like `decode_event`, also for a tombstone."""
    return _decode(_ALERT, value, MAX_LIST_BYTES)


def decode_audit(value: bytes | None) -> AuditRecord:
    """Decode a record of the audit log; raises `DecodeError` like `decode_event`, also for a tombstone."""
    return _decode(_AUDIT, value, MAX_LIST_BYTES)


def decode_trending(value: bytes | None) -> Trending:
    """Decode a trending list; raises `DecodeError` like `decode_event`, also for a tombstone."""
    return _decode(_TRENDING, value, MAX_LIST_BYTES)


def decode_dead_letter(value: bytes | None) -> DeadLetter:
    """Decode a dead letter; raises `DecodeError` like `decode_event`, also for a tombstone."""
    return _decode(_DEAD_LETTER, value, MAX_LIST_BYTES)


def decode_experiment(value: bytes | None) -> Experiment:
    """Decode an experiment; raises `DecodeError` like `decode_event`, also for a tombstone."""
    experiment = _decode(_EXPERIMENT, value, MAX_LIST_BYTES)
    if experiment.audience is not None:
        _check_countries(experiment.audience.countries, "audience.countries[...]")
    return experiment


def decode_experiment_result(value: bytes | None) -> ExperimentResult:
    """Decode the result of an experiment; raises `DecodeError` like `decode_event`, also for a tombstone."""
    return _decode(_RESULT, value, MAX_LIST_BYTES)


def decode_title_insight(value: bytes | None) -> TitleInsight:
    """Decode the insight of a title; raises `DecodeError` like `decode_event`, also for a tombstone."""
    return _decode(_TITLE_INSIGHT, value, MAX_LIST_BYTES)


def decode_demand(value: bytes | None) -> FacetDemand | SearchDemand | CohortDemand:
    """Decode a record of demand; raises `DecodeError` like `decode_event`, also for a tombstone."""
    return _decode(_DEMAND, value, MAX_LIST_BYTES)


def decode_rule(value: bytes | None) -> BusinessRule:
    """Decode a business rule; raises `DecodeError` like `decode_event`, also for a tombstone."""
    rule = _decode(_RULE, value, MAX_LIST_BYTES)
    _check_countries(rule.countries, "countries[...]")
    return rule


def decode_model_version(value: bytes | None) -> ModelVersion:
    """Decode the record of a version; raises `DecodeError` like `decode_event`."""
    return _decode(_VERSION, value, MAX_LIST_BYTES)


def decode_model_switch(value: bytes | None) -> ModelSwitch:
    """Decode the record of a switch; raises `DecodeError` like `decode_event`."""
    return _decode(_SWITCH, value, MAX_LIST_BYTES)


def decode_switch_marker(value: bytes | None) -> SwitchMarker:
    """Decode a switch marker of the event log; raises `DecodeError` like `decode_event`."""
    return _decode(_MARKER, value, MAX_EVENT_BYTES)


def check_title_key(title: Title, key: bytes | None) -> None:
    """Check that the key of a catalog record is the title id: a tombstone names the title by the key alone.

    Raises
    ------
    DecodeError
        `Reason.KEY_MISMATCH`.
    """
    if key != title.title_id.encode():
        raise DecodeError(Reason.KEY_MISMATCH, "title_id", "expected the record's key")


def check_key(event: Event, key: bytes | None) -> None:
    """Check that the key of a record is the viewer id in UTF-8.

    Parameters
    ----------
    event
        The decoded value.
    key
        The record's key.

    Raises
    ------
    DecodeError
        `Reason.KEY_MISSING` or `Reason.KEY_MISMATCH`: the viewer's events would be in several partitions.
    """
    if not key:
        raise DecodeError(Reason.KEY_MISSING, None, "expected the viewer id as the record's key")
    if key != event.viewer_id.encode():
        raise DecodeError(Reason.KEY_MISMATCH, "viewer_id", "expected the record's key")


def encode(message: Struct) -> bytes:
    """Encode a message as compact JSON: fields in the order of the struct, without defaults.

    Parameters
    ----------
    message
        Any struct of this package.

    Returns
    -------
    bytes
        UTF-8. Decoding the result gives an equal message.

    Raises
    ------
    EncodeError
        If it contains a lone surrogate, NaN or an infinity. Ranges are not checked again; the reader checks
        them.

    Examples
    --------
    >>> encode(Title(title_id="t1", maturity=16))
    b'{"title_id":"t1","maturity":16}'
    """
    try:
        data = _ENCODE(message)
    except UnicodeEncodeError:
        data = b""
    if not data:
        msg = f"{type(message).__name__}: a string contains a lone surrogate, which UTF-8 cannot encode"
        raise EncodeError(msg)
    if b":null" in data:  # msgspec writes NaN as null; None is a default and never written
        for path, leaf in leaves(message):
            if isinstance(leaf, float) and not math.isfinite(leaf):
                msg = f"{type(message).__name__}.{path} is not a finite number"
                raise EncodeError(msg)
    return data


def diagnose(error: Exception, payload: bytes) -> DecodeError:
    """Return the reason why a payload could not be decoded.

    Parameters
    ----------
    error
        The error of the parser.
    payload
        The payload. If its version is newer than `SCHEMA_VERSION`, that is the reason.

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
    """Walk a struct and yield every value that is neither a struct nor a tuple, with its path.

    Parameters
    ----------
    value
        A struct, or a value in one.
    path
        Path of `value`.

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


def _decode(decoder: msgspec.json.Decoder[M], value: bytes | None, limit: int) -> M:
    """Decode one message. Errors are raised outside of `except`, since their context would contain values."""
    payload = unwrap(value, limit)
    try:
        if not payload.isascii():
            payload.decode()
        message = decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        failure = diagnose(error, payload)
        if failure.reason is Reason.MALFORMED and payload is not value:
            failure = DecodeError(Reason.MALFORMED, None, _FRAMED)
    else:
        # an int is found 7 times faster than bytes (measured)
        if _BACKSLASH not in payload and _DEL not in payload:
            return message
        path = next((path for path, leaf in leaves(message) if _is_dirty(leaf)), None)
        if path is None:
            return message
        failure = DecodeError(Reason.OUT_OF_RANGE, path, "expected no control characters")
    raise failure


def _check_countries(countries: tuple[str, ...], path: str) -> None:
    """Check countries of a list."""
    if not _COUNTRIES.issuperset(countries):
        raise DecodeError(Reason.OUT_OF_RANGE, path, _TWO_CAPITALS)


def _is_dirty(leaf: object) -> bool:
    return isinstance(leaf, str) and _CONTROL.search(leaf) is not None


def _event_with_headers(value: bytes | None, headers: Headers) -> Event:
    """Decode an event; one without an id gets that of its CloudEvents envelope."""
    try:
        return _decode(_EVENT, value, MAX_EVENT_BYTES)
    except DecodeError as error:
        if value is None or error.field != "event_id" or error.reason is not Reason.MISSING_FIELD:
            raise
        completed = with_event_id(value, headers)
        if completed is None:
            raise
    return _decode(_EVENT, completed, 2 * MAX_EVENT_BYTES)


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
