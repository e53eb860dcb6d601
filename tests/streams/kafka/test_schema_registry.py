"""Events in Avro become the contract's JSON; what a registry cannot answer is nobody's dead letter."""

import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from schemas import DecodeError, Play, Reason
from schemas.codec import MAX_EVENT_BYTES, decode_event, encode
from schemas.contract_tools.contracts import FOLDER
from streams.config.settings import Settings
from streams.errors import SchemaRegistryError, SettingsError
from streams.kafka.schema_registry import AvroReader, json_values

SCHEMA = (FOLDER / "event.v1.avsc").read_text(encoding="utf-8")


class MissingError(Exception):
    """What the driver raises for a number without a schema."""

    http_status_code = 404


class Registry:
    """Answers like Confluent's client: 1 is Avro, 2 JSON Schema; 3 is out of reach."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def get_schema(self, number: int) -> Any:
        """Answer."""
        self.asked.append(number)
        if number == 3:
            msg = "connection refused"
            raise ConnectionError(msg)
        if number > 3:
            raise MissingError
        kind = ("AVRO", "JSON")[number - 1]
        return SimpleNamespace(schema_type=kind, schema_str=SCHEMA, references=[])


def _avro(fields: dict[str, Any], number: int = 1) -> bytes:
    out = BytesIO()
    schemaless_writer(out, parse_schema(json.loads(SCHEMA)), fields)
    return b"\0" + number.to_bytes(4, "big") + out.getvalue()


def _examples() -> list[Path]:
    """Return the contract's valid events."""
    events = {
        name.split(".")[0] for name in json.loads((FOLDER / "event.v1.schema.json").read_text())["$defs"]
    }
    snake = {
        "".join("_" + one.lower() if one.isupper() else one for one in name).lstrip("_") for name in events
    }
    return [
        path for path in sorted((FOLDER / "examples").glob("*.pass.json")) if path.name.split(".")[0] in snake
    ]


def test_every_example_of_an_event_survives_avro() -> None:
    """Written in Avro by the contract's schema and read again, it is the same event."""
    read, examples = AvroReader(Registry()), _examples()
    assert len(examples) > 20
    for path in examples:
        event = decode_event(path.read_bytes())
        value = _avro(json.loads(encode(event)))
        assert decode_event(read(value)) == event, path.name


def test_json_behind_the_framing_stays_and_a_number_is_asked_for_once() -> None:
    """JSON Schema in the registry, and JSON without framing."""
    registry = Registry()
    read = AvroReader(registry)
    plain = encode(Play(event_id="e", viewer_id="v", event_time_ms=10**12, title_id="t"))
    framed = b"\0\0\0\0\x02" + plain
    assert [read(one) for one in (plain, framed, framed, None, b"")] == [plain, framed, framed, None, b""]
    assert registry.asked == [2]


@pytest.mark.parametrize(
    ("value", "about"),
    [
        (_avro({"type": "play", "event_id": "e", "viewer_id": "v", "event_time_ms": 1})[:-3], "Avro"),
        (_avro({"type": "play", "event_id": "e", "viewer_id": "v", "event_time_ms": 1}) + b"\0", "Avro"),
        (b"\0\0\0\0\x01" + b"\xff" * 40, "Avro"),
        (b"\0\0\0\0\x09" + b"\x02", "number of a schema"),
    ],
    ids=["cut", "longer", "other bytes", "unknown number"],
)
def test_what_no_schema_explains_is_a_dead_letter(value: bytes, about: str) -> None:
    """The producer's fault: a reason, and no value in its text."""
    with pytest.raises(DecodeError, match=about) as refusal:
        AvroReader(Registry())(value)
    assert refusal.value.reason is Reason.MALFORMED


def test_a_value_in_avro_has_the_contracts_bounds() -> None:
    """Too large is seen before it is decoded; a field that is missing or out of range has its own reason."""
    read = AvroReader(Registry())
    large = b"\0\0\0\0\x01" + b"x" * MAX_EVENT_BYTES
    early = {"type": "play", "event_id": "e", "viewer_id": "v", "event_time_ms": 1, "title_id": "t"}
    untitled = early | {"event_time_ms": 10**12, "title_id": None}
    for value, reason in (
        (large, Reason.TOO_LARGE),
        (_avro(untitled), Reason.MISSING_FIELD),
        (_avro(early), Reason.OUT_OF_RANGE),
    ):
        with pytest.raises(DecodeError) as refusal:
            decode_event(read(value))
        assert refusal.value.reason is reason


def test_a_registry_that_does_not_answer_is_no_fault_of_the_record() -> None:
    """The worker ends with an error that is no dead letter, and reads the record again."""
    value = _avro({"type": "play", "event_id": "e", "viewer_id": "v", "event_time_ms": 1}, 3)
    with pytest.raises(SchemaRegistryError, match="connection refused"):
        AvroReader(Registry())(value)


def test_without_a_registry_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables set it, with what its client needs; a property that the client does not know is an error."""
    assert json_values(Settings())(b"\0\0\0\0\x01x") == b"\0\0\0\0\x01x"
    monkeypatch.setenv("NEARLINE_SCHEMA_REGISTRY__URL", "http://127.0.0.1:1")
    monkeypatch.setenv("NEARLINE_SCHEMA_REGISTRY__BASIC_AUTH_USER_INFO", "ada:secret")
    assert isinstance(json_values(Settings.load()), AvroReader)
    with pytest.raises(SettingsError, match="SCHEMA_REGISTRY"):
        json_values(Settings.load(schema_registry={"url": "http://127.0.0.1:1", "colour": "red"}))
