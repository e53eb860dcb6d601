"""Reads events that are written in Avro: as the JSON of the contract, by the schema in a registry.

Confluent's serializers put the byte 0x00 and the number of a schema before the value. The registry says what
the number stands for: of JSON Schema, the value behind it is our JSON and stays as it is; of Avro, it becomes
the JSON object of the same fields, without those that are null. Everything behind this module knows JSON
only. A number stands for the same schema for ever, so a log that is read again gives the same events.

Off unless NEARLINE_SCHEMA_REGISTRY__URL is set. This is the only module that imports fastavro and Confluent's
client of a registry (``pip install 'nearline[avro]'``).
"""

import json
from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import msgspec

from schemas.codec import MAX_EVENT_BYTES
from schemas.errors import DecodeError, Reason
from streams.config.settings import Settings
from streams.errors import SchemaRegistryError, SettingsError

__all__ = ["AvroReader", "ToJson", "json_values"]

ToJson = Callable[[bytes | None], bytes | None]
"""From the value of a record to the same value as JSON; what is JSON already, or cannot be read, stays."""

_FRAME: Final = 5
"""Bytes of Confluent's framing: 0x00, and the number of the schema, big-endian."""
_PATIENCE: Final = {"timeout": 5, "max.retries": 5, "retries.wait.ms": 500, "retries.max.wait.ms": 4_000}
"""A registry that restarts is waited for: 37 s at most, less than the worker's watchdog has."""
_NOT_FOUND: Final = 404


def json_values(settings: Settings) -> ToJson:
    """Return what turns values of events into JSON: nothing has to be done without a registry.

    Raises
    ------
    SettingsError
        A registry is set, and the packages for it are not installed; or a property of it is wrong.
    """
    if not settings.schema_registry:
        return _unchanged
    return _reader(tuple(sorted(settings.schema_registry.items())))


class AvroReader:
    """Turns values of Confluent's Avro serializer into JSON.

    Parameters
    ----------
    client
        Confluent's `SchemaRegistryClient`, or what answers like it.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - the driver's package is optional
        self._client = client
        self._schemas: dict[int, Any] = {}  # by number: the parsed schema, None for one that is not Avro

    def __call__(self, value: bytes | None) -> bytes | None:
        """Return a value as JSON.

        Raises
        ------
        DecodeError
            The registry knows no schema of this number, or the bytes are not of it.
        SchemaRegistryError
            The registry does not answer, or refuses to.
        """
        if value is None or not _FRAME < len(value) <= MAX_EVENT_BYTES or value[0] != 0:
            return value
        number = int.from_bytes(value[1:_FRAME], "big")
        if number not in self._schemas:
            self._schemas[number] = self._fetch(number)
        schema = self._schemas[number]
        return value if schema is None else _decoded(value, schema)

    def _fetch(self, number: int) -> Any:  # noqa: ANN401 - a schema is any JSON
        """Return the parsed schema of a number."""
        try:
            found = self._client.get_schema(number)
            return _parsed(self._client, found, {}) if (found.schema_type or "AVRO") == "AVRO" else None
        except Exception as error:  # of the driver, of its HTTP client, or of the schema's parser
            if getattr(error, "http_status_code", None) != _NOT_FOUND:
                what, step = "the schema registry does not answer", "check NEARLINE_SCHEMA_REGISTRY__URL"
                raise SchemaRegistryError(what, why=str(error), next_step=step) from error
        raise DecodeError(Reason.MALFORMED, None, "expected the number of a schema in the registry")


def _unchanged(value: bytes | None) -> bytes | None:
    return value


@lru_cache(maxsize=8)
def _reader(properties: tuple[tuple[str, str], ...]) -> AvroReader:
    """Return the reader of a registry; all partitions of a process share it."""
    try:
        import fastavro  # noqa: F401, PLC0415 - optional
        from confluent_kafka.schema_registry import SchemaRegistryClient  # noqa: PLC0415 - optional
    except ImportError as error:
        what = "events in Avro need two more packages"
        raise SettingsError(what, why=str(error), next_step="pip install 'nearline[avro]'") from None
    try:
        return AvroReader(SchemaRegistryClient({**_PATIENCE, **dict(properties)}))
    except (ValueError, TypeError) as error:
        what, step = "NEARLINE_SCHEMA_REGISTRY is not usable", "give properties of Confluent's client"
        raise SettingsError(what, why=str(error), next_step=step) from None


def _parsed(client: Any, schema: Any, named: dict[str, Any]) -> Any:  # noqa: ANN401 - the driver's types
    """Parse a schema, and before it those that it refers to."""
    from fastavro import parse_schema  # noqa: PLC0415 - optional

    for one in schema.references or ():
        _parsed(client, client.get_version(one.subject, one.version).schema, named)
    return parse_schema(json.loads(schema.schema_str, object_hook=_without_logical_type), named_schemas=named)


def _without_logical_type(part: dict[str, Any]) -> dict[str, Any]:
    """Drop what would make a time of a number: the contract's times are milliseconds."""
    return {name: value for name, value in part.items() if name != "logicalType"}


def _decoded(value: bytes, schema: Any) -> bytes:  # noqa: ANN401 - fastavro's type is not public
    """Return a framed value in Avro as JSON."""
    from fastavro import schemaless_reader  # noqa: PLC0415 - optional

    stream = BytesIO(value)
    stream.seek(_FRAME)
    try:
        found = schemaless_reader(stream, schema, None)
        if isinstance(found, dict) and stream.tell() == len(value):
            return msgspec.json.encode({name: part for name, part in found.items() if part is not None})
    except Exception:  # noqa: BLE001, S110 - whatever the bytes: the error would hold values of the record
        pass
    raise DecodeError(Reason.MALFORMED, None, "expected Avro of the schema that the record names")
