"""A real schema registry, Apicurio with Confluent's interface: takes our schemas, and we read its framing.

The registry comes from Maven Central (110 MB) and runs on loopback, in memory.
"""

import json
import os
import shutil
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    SchemaRegistryError,
)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas import DecodeError, Play, Preferences, topics
from schemas.codec import decode_event, encode
from schemas.contract_tools.contracts import FOLDER
from streams.config.settings import Settings
from streams.kafka.schema_registry import json_values
from streams.ops.runs.worker_process import free_port
from streams.stages.wire.events import EventReader
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.nightly, pytest.mark.slow]

VERSION = "3.0.9"
"""The last that runs on Java 17."""
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
SUBJECT = f"{topics.EVENTS}-value"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
"""The newest that Apicurio's compatibility rules know; ours is 2020-12, of which `play` uses nothing else."""
PLAY = Play(event_id="e1", viewer_id="ada", event_time_ms=1_764_015_324_000, title_id="tide", row=3)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a registry, and give the address of its Confluent interface."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool}")
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    copy = ["dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"]
    fetched = subprocess.run(["mvn", "-q", "-B", "-ntp", *copy], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"Maven has no {ARTIFACT}")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (jar,) = folder.glob("*-runner.jar")
    variables = {
        **os.environ,
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": "h2",
    }
    address, log = f"http://127.0.0.1:{port}/apis/ccompat/v7", folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            ["java", "-Xmx400m", "-jar", str(jar)], cwd=folder, env=variables, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _answers(f"{address}/subjects"):
            assert server.poll() is None, log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
            time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - http, built above
            return bool(answer.status == 200)
    except OSError:
        return False


def _contract(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / f"{name}.v1.schema.json").read_text(encoding="utf-8"))
    return document


@pytest.fixture
def client(registry: str) -> SchemaRegistryClient:
    """Give Confluent's client."""
    return SchemaRegistryClient({"url": registry})


def test_every_schema_of_the_contract_can_be_registered(client: SchemaRegistryClient) -> None:
    """Each under a subject of its own, and the registry gives the same document back."""
    paths = sorted(FOLDER.glob("*.schema.json"))
    assert len(paths) > 20
    for path in paths:
        text = path.read_text(encoding="utf-8")
        number = client.register_schema(path.name, Schema(text, "JSON"))
        assert json.loads(client.get_schema(number).schema_str or "") == json.loads(text)


def test_the_registry_allows_what_the_contract_allows(client: SchemaRegistryClient) -> None:
    """A new optional field and no other type of a field, under FORWARD: readers of today read new events.

    BACKWARD refuses the new field, too, since our documents allow unknown fields: an event of today could
    have one of that name and another type.
    """
    play = _contract("play") | {"$schema": DRAFT_7}
    grown, changed = json.loads(json.dumps(play)), json.loads(json.dumps(play))
    grown["properties"]["quality"] = {"type": "string"}
    changed["properties"]["row"] = {"type": "string"}
    found = {}
    for mode in ("FORWARD", "BACKWARD"):
        client.register_schema(mode, Schema(json.dumps(play), "JSON"))
        client.set_compatibility(mode, mode)
        for name, document in (("same", play), ("grown", grown), ("changed", changed)):
            found[mode, name] = client.test_compatibility(mode, Schema(json.dumps(document), "JSON"))
    assert found == {
        ("FORWARD", "same"): True,
        ("FORWARD", "grown"): True,
        ("FORWARD", "changed"): False,
        ("BACKWARD", "same"): True,
        ("BACKWARD", "grown"): False,
        ("BACKWARD", "changed"): False,
    }
    with pytest.raises(SchemaRegistryError):
        client.register_schema("FORWARD", Schema(json.dumps(changed), "JSON"))
    assert client.register_schema("FORWARD", Schema(json.dumps(grown), "JSON"))


def test_events_of_confluents_serializer_are_read(client: SchemaRegistryClient) -> None:
    """Five bytes of framing with the number of the schema, then our JSON."""
    schema = json.dumps(_contract("play"))
    serialize = JSONSerializer(schema, client, lambda event, _: msgspec.json.decode(encode(event)))
    value = serialize(PLAY, SerializationContext(topics.EVENTS, MessageField.VALUE))
    assert isinstance(value, bytes)
    latest = client.get_latest_version(SUBJECT)
    assert value[:5] == b"\0" + (latest.schema_id or 0).to_bytes(4, "big")
    assert decode_event(value) == PLAY


def test_events_in_avro_are_read_where_the_registry_is_known(
    registry: str, client: SchemaRegistryClient
) -> None:
    """The contract's Avro schema, Confluent's serializer, a worker's reader; JSON of the registry, too."""
    schema = (FOLDER / "event.v1.avsc").read_text(encoding="utf-8")
    serialize = AvroSerializer(client, schema, lambda event, _: msgspec.json.decode(encode(event)))
    context = SerializationContext("avro-events", MessageField.VALUE)
    taste = Preferences(event_id="e2", viewer_id="ada", event_time_ms=PLAY.event_time_ms, genres=("Crime",))
    read = EventReader(Settings.load(schema_registry={"url": registry}))
    for event in (PLAY, taste):
        value = serialize(event, context)
        assert isinstance(value, bytes)
        assert b"{" not in value
        record = SimpleNamespace(value=value, key=b"ada", headers=(), timestamp=PLAY.event_time_ms)
        assert read(record, None) == (event, PLAY.event_time_ms)
        with pytest.raises(DecodeError):  # without the registry it is no JSON
            decode_event(value)
    as_json = JSONSerializer(
        json.dumps(_contract("play")), client, lambda event, _: msgspec.json.decode(encode(event))
    )
    value = as_json(PLAY, SerializationContext("json-events", MessageField.VALUE))
    record = SimpleNamespace(value=value, key=b"ada", headers=(), timestamp=PLAY.event_time_ms)
    assert read(record, None) == (PLAY, PLAY.event_time_ms)
    record.value = b"\0" + (2**31 - 1).to_bytes(4, "big") + b"\x02a"
    with pytest.raises(DecodeError, match="number of a schema"):
        read(record, None)


def test_a_schema_may_refer_to_another(registry: str, client: SchemaRegistryClient) -> None:
    """A record in Avro whose type is a record of another subject."""
    device = {"type": "enum", "name": "nearline.Device", "symbols": ["tv", "phone"]}
    client.register_schema("device", Schema(json.dumps(device), "AVRO"))
    fields = [{"name": name, "type": "string"} for name in ("type", "event_id", "viewer_id", "title_id")]
    fields += [{"name": "event_time_ms", "type": {"type": "long", "logicalType": "timestamp-millis"}}]
    fields += [{"name": "device", "type": "nearline.Device"}]
    play = json.dumps({"type": "record", "name": "Play", "fields": fields})
    schema = Schema(play, "AVRO", [SchemaReference("nearline.Device", "device", 1)])
    serialize = AvroSerializer(client, schema)
    event = Play(
        event_id="e1", viewer_id="ada", event_time_ms=1_764_015_324_000, title_id="tide", device="phone"
    )
    value = serialize(
        {"type": "play", **msgspec.json.decode(encode(event))},
        SerializationContext("plays", MessageField.VALUE),
    )
    to_json = json_values(Settings.load(schema_registry={"url": registry}))
    assert decode_event(to_json(value)) == event
