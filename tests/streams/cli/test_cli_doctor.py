"""`nearline doctor`: each mistake on a cluster is found, and a well installation is called well."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import DecodeError, Reason, Title, topics
from schemas.codec import encode
from schemas.dead_letters import DeadLetter
from schemas.pages import Source
from schemas.partitioner import partition_for
from schemas.topics import TOPICS
from streams.cli import main
from streams.config.settings import Settings
from streams.engine.state import Store, StoreMemory
from streams.kafka.clients import NewTopic, Producer, TopicPartition, admin, consumer, producer
from streams.ops.doctor import (
    CLUSTER_CHECKS,
    MACHINE_CHECKS,
    MOST_LAG,
    Installation,
    Status,
    reach_of_the_log,
)
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import PARTITIONS, EmbeddedCluster
from streams.ops.runs.worker_process import free_port
from streams.telemetry.exposition import Exposition
from tests.streams.steps import watch

NAMES = [check.__name__.replace("_", " ") for check in (*MACHINE_CHECKS, *CLUSTER_CHECKS)]


@pytest.fixture
def cluster(
    embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[EmbeddedCluster]:
    """Give a cluster with every topic, and settings that lead there."""
    embedded.create(TOPICS)
    monkeypatch.setenv("NEARLINE_BROKERS", embedded.bootstrap_servers)
    monkeypatch.setenv("NEARLINE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("NEARLINE_HTTP_PORT", str(free_port()))  # whoever else works on this machine
    return embedded


@pytest.fixture
def writer(cluster: EmbeddedCluster) -> Producer:
    """Give a producer for it."""
    return producer(cluster.bootstrap_servers)


def _doctor(capsys: pytest.CaptureFixture[str], code: int) -> dict[str, dict[str, str]]:
    """Run the command and return the findings by check."""
    assert main(["doctor", "--json", "-"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["ok"] is (code == 0)
    assert all(set(one) == {"name", "status", "cause", "next_step"} for one in document["checks"])
    assert all(one["next_step"] for one in document["checks"] if one["status"] in {"warn", "fail"})
    return {one["name"]: one for one in document["checks"]}


def _send(writer: Producer, viewer: str, *, partition: int | None = None, ahead_ms: int = 0) -> None:
    """Produce an event of now, or of later."""
    event = watch(viewer, "t", event_time_ms=int(time.time() * 1000) + ahead_ms)
    home = partition_for(viewer.encode(), PARTITIONS) if partition is None else partition
    writer.produce(topics.EVENTS, key=viewer.encode(), value=encode(event), partition=home)


def test_a_well_installation(writer: Producer, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check is made, in its order, and none fails; nothing is left behind in the state folder."""
    for n in range(50):
        _send(writer, f"v{n}")
    writer.produce(topics.CATALOG, key=b"t", value=encode(Title(title_id="t")))
    assert writer.flush(10) == 0
    found = _doctor(capsys, 0)
    assert list(found) == NAMES
    well = (
        "settings",
        "state folder",
        "broker",
        "topic table",
        "partitioner",
        "clocks",
        "catalog",
        "unusable records",
        "dead letters",
    )
    assert {name: found[name]["status"] for name in well} == dict.fromkeys(well, "ok")
    assert found["lag"]["status"] == "unknown"
    assert "50 events" in found["partitioner"]["cause"]
    assert "embedded" in found["broker"]["cause"]
    assert not Settings.load().state_dir.exists()


def test_no_broker(nowhere: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One failure, and what asks the broker is unknown."""
    monkeypatch.setenv("NEARLINE_BROKERS", nowhere)
    found = _doctor(capsys, 1)
    assert list(found) == NAMES
    assert found["broker"]["status"] == "fail"
    assert "nearline kafka start" in found["broker"]["next_step"]
    assert {found[check.__name__.replace("_", " ")]["status"] for check in CLUSTER_CHECKS[1:]} == {"unknown"}


def test_wrong_settings(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is a finding, with the right spelling."""
    monkeypatch.setenv("NEARLINE_BROKER", "x")
    found = _doctor(capsys, 1)
    assert list(found) == ["settings"]
    assert "NEARLINE_BROKERS" in found["settings"]["next_step"]


def test_missing_topics(
    embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing topics fail by name; what would read them is unknown."""
    embedded.create([topics.EVENTS])
    monkeypatch.setenv("NEARLINE_BROKERS", embedded.bootstrap_servers)
    found = _doctor(capsys, 1)
    assert found["topic table"]["status"] == "fail"
    assert topics.HOME in found["topic table"]["cause"]
    assert topics.EVENTS not in found["topic table"]["cause"]
    assert found["dead letters"]["status"] == "unknown"


def test_a_wrong_partitioner(writer: Producer, capsys: pytest.CaptureFixture[str]) -> None:
    """Viewers astray and records without a key are counted apart."""
    for n in range(20):
        _send(writer, f"v{n}", partition=(partition_for(b"v%d" % n, PARTITIONS) + (n < 3)) % PARTITIONS)
    writer.produce(topics.EVENTS, value=encode(watch("v", "t")), partition=0)
    assert writer.flush(10) == 0
    found = _doctor(capsys, 1)["partitioner"]
    assert found["status"] == "fail"
    assert "21 events 3 are in a wrong partition, 1 have no key" in found["cause"]
    assert "murmur2_random" in found["next_step"]


def test_a_single_record_without_a_key_is_no_broken_producer(
    writer: Producer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two hundred events one has no key: a warning, and code 0."""
    for n in range(200):
        _send(writer, f"v{n}")
    writer.produce(topics.EVENTS, value=encode(watch("v", "t")), partition=0)
    assert writer.flush(10) == 0
    found = _doctor(capsys, 0)["partitioner"]
    assert found["status"] == "warn"
    assert "1 have no key" in found["cause"]


def test_records_that_no_worker_can_use(writer: Producer, capsys: pytest.CaptureFixture[str]) -> None:
    """They fail by key, place and field: what cannot be decoded, and what has faults."""
    writer.produce(topics.CATALOG, key=b"t", value=encode(Title(title_id="t")), partition=0)
    bad = '{"title_id":"x","availability":{"countries":["ÖS"]}}'.encode()
    writer.produce(topics.CATALOG, key=b"x", value=bad, partition=2)
    writer.produce(topics.RULES, key=b"r", value=b'{"rule_id":"r","kind":"exclude"}', partition=0)
    assert writer.flush(10) == 0
    found = _doctor(capsys, 1)["unusable records"]
    assert found["status"] == "fail"
    assert "2 cannot be used" in found["cause"]
    assert "x (catalog.titles.v1-2@0): out_of_range: availability.countries[...]" in found["cause"]
    assert "r (rules.v1-0@0): it matches nothing" in found["cause"]


def test_clocks(writer: Producer, capsys: pytest.CaptureFixture[str]) -> None:
    """Events dated into the future are a warning; records sent in the future a failure."""
    _send(writer, "v1", ahead_ms=3_600_000)
    assert writer.flush(10) == 0
    assert _doctor(capsys, 0)["clocks"]["status"] == "warn"
    installation = Installation(Settings.load(), now_ms=int(time.time() * 1000) - 600_000)
    found = next(check for check in CLUSTER_CHECKS if check.__name__ == "clocks")(installation)
    assert (found.status, "from now" in found.cause) == (Status.FAIL, True)


def test_lag(cluster: EmbeddedCluster, writer: Producer, capsys: pytest.CaptureFixture[str]) -> None:
    """A group that has told its position is behind by what was not read since."""
    for n in range(MOST_LAG + 100):
        writer.produce(topics.EVENTS, key=b"k", value=b"x", partition=n % 2)
    assert writer.flush(30) == 0
    group = consumer(cluster.bootstrap_servers, {"group.id": "nearline"})
    group.commit(offsets=[TopicPartition(topics.EVENTS, 0, 50)], asynchronous=False)
    group.close()
    found = _doctor(capsys, 1)["lag"]
    assert found["status"] == "warn"
    assert f"{MOST_LAG + 50} records behind" in found["cause"]


def test_lag_of_a_worker_that_has_committed_nothing(
    writer: Producer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a ready worker it is known, by the worker's own metrics."""
    lag = Exposition(
        'nearline_consumer_lag_records{stage="viewers",partition="0"} 3\n'
        'nearline_consumer_lag_records{stage="titles",partition="0"} 9\n'
    )
    monkeypatch.setattr("streams.ops.doctor.fetch", lambda _: lag)
    _send(writer, "v1")
    assert writer.flush(10) == 0
    found = _doctor(capsys, 0)["lag"]
    assert found["status"] == "ok"
    assert "the worker here is 3 records behind" in found["cause"]


def test_dead_letters_and_an_old_catalogue(writer: Producer, capsys: pytest.CaptureFixture[str]) -> None:
    """Reasons are counted, most frequent first; what is a day old is no news, and a month's silence is."""
    source = Source(topic=topics.EVENTS, partition=0, offset=1)
    for reason in (Reason.EMPTY, Reason.MALFORMED, Reason.MALFORMED):
        error = DecodeError(reason, None, "bad")
        letter = DeadLetter.of(error, stage="viewers", source=source, key=b"k", value=b"")
        writer.produce(topics.DEAD_LETTERS, key=b"k", value=encode(letter))
    old_ms = int(time.time() * 1000) - 40 * 86_400_000
    writer.produce(topics.DEAD_LETTERS, value=b"old", timestamp=old_ms)
    writer.produce(topics.CATALOG, key=b"t", value=encode(Title(title_id="t")), timestamp=old_ms)
    assert writer.flush(10) == 0
    found = _doctor(capsys, 0)
    assert found["dead letters"]["cause"] == "in the last day: 2 malformed, 1 empty"
    assert (found["catalog"]["status"], "1 titles" in found["catalog"]["cause"]) == ("warn", True)


def test_a_log_that_is_shorter_than_the_absence(
    cluster: EmbeddedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that were deleted before the local state had them are counted."""
    store = Store(tmp_path / "viewers/0", StoreMemory(open_files=-1))
    store.write([(b"v", b"row")], applied=5, changelog_position=0)
    store.close()
    installation = Installation(Settings.load(state_dir=tmp_path, brokers=cluster.bootstrap_servers))
    assert reach_of_the_log(installation).status is Status.OK
    monkeypatch.setattr("streams.ops.doctor.ends", lambda *_: (16, 20))
    found = reach_of_the_log(installation)
    assert (found.status, found.cause[:10]) == (Status.WARN, "10 records")


@pytest.mark.usefixtures("cluster")
def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Checks, findings and next steps are readable without JSON."""
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in NAMES)
    assert "next:" in said


def test_drift_on_kafka(
    kafka: KafkaCluster,
    topic_prefix: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a real broker configurations are compared, with the partitions that the events have."""
    monkeypatch.setenv("NEARLINE_BROKERS", kafka.bootstrap_servers)
    monkeypatch.setenv("NEARLINE_TOPIC_PREFIX", topic_prefix)
    assert main(["topics", "apply", "--partitions", "6"]) == 0
    capsys.readouterr()
    found = _doctor(capsys, 0)
    assert {name: found[name]["status"] for name in ("broker", "topic table")} == {
        "broker": "ok",
        "topic table": "ok",
    }
    client, home = admin(kafka.bootstrap_servers), f"{topic_prefix}{topics.HOME}"
    for future in client.delete_topics([home]).values():
        future.result(30)
    while home in client.list_topics(timeout=60).topics:
        time.sleep(0.1)
    client.create_topics([NewTopic(home, 6)])[home].result(30)
    found = _doctor(capsys, 0)["topic table"]
    assert found["status"] == "warn"
    assert home in found["cause"]
