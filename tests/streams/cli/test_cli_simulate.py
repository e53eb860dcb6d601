"""`nearline simulate`: a catalog and events on the topics, paced, and a clean end."""

import json
import signal
import time
from pathlib import Path

import pytest

from schemas.codec import decode_event
from schemas.topics import CATALOG, EVENTS
from streams.cli import main
from streams.kafka.clients import TopicPartition, consumer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.conftest import Nearline
from tests.waiting import PATIENCE_S, until


def ends(brokers: str, topic: str) -> int:
    """Count the records of a topic."""
    reader = consumer(brokers)
    return sum(reader.get_watermark_offsets(TopicPartition(topic, at), timeout=60)[1] for at in range(4))


def test_catalogue_and_events_are_produced_and_reported(
    embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many as asked for, on both topics, and the JSON says so and nothing else."""
    embedded.create([EVENTS, CATALOG])
    brokers = embedded.bootstrap_servers
    words = ["--brokers", brokers, "--rate", "max", "--events", "3000", "--viewers", "50", "--titles", "60"]
    assert main(["simulate", *words, "--seed", "7", "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["events_per_s"] > 0
    assert document["seconds"] > 0
    expected = {
        "events": 3000,
        "titles": 60,
        "delivered": 3060,
        "failed": 0,
        "seed": 7,
        "viewers": 50,
        "rate": "max",
    }
    assert {key: document[key] for key in expected} == expected
    assert (ends(brokers, EVENTS), ends(brokers, CATALOG)) == (3000, 60)


def test_events_carry_the_present_and_are_never_early(embedded: EmbeddedCluster) -> None:
    """Each event's time is when it went out, between start and end of the run; 100 at 100/s take a second."""
    embedded.create([EVENTS, CATALOG])
    brokers = embedded.bootstrap_servers
    before_ms = time.time_ns() // 1_000_000
    assert (
        main(["simulate", "--brokers", brokers, "--rate", "100/s", "--events", "100", "--titles", "50"]) == 0
    )
    after_ms = time.time_ns() // 1_000_000
    reader = consumer(brokers)
    reader.assign([TopicPartition(EVENTS, at, 0) for at in range(4)])
    times = [decode_event(record.value()).event_time_ms for record in reader.consume(100, timeout=60)]
    assert len(times) == 100
    assert before_ms <= min(times) <= max(times) <= after_ms
    assert max(times) >= before_ms + 990


def test_a_time_limit_ends_the_run(embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """At full speed and with no number of events given, the seconds end it, with code 0."""
    embedded.create([EVENTS, CATALOG])
    words = ["--brokers", embedded.bootstrap_servers, "--rate", "max", "--seconds", "0.2", "--json", "-"]
    assert main(["simulate", *words]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["seconds"] >= 0.2
    assert document["delivered"] == document["events"] + document["titles"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_cleanly_with_a_summary(
    embedded: EmbeddedCluster, nearline: Nearline, tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C: code 0, every event that was counted is on the topic, the JSON is written."""
    embedded.create([EVENTS, CATALOG])
    brokers, log, out = embedded.bootstrap_servers, tmp_path / "log", tmp_path / "out"
    words = ["simulate", "--brokers", brokers, "--rate", "500/s", "--titles", "50", "--json", "-"]
    child = nearline(*words, log=log, out=out)
    until(lambda: ends(brokers, EVENTS) >= 100)
    child.send_signal(number)
    assert child.wait(PATIENCE_S) == 0, log.read_text()
    assert json.loads(out.read_text())["events"] == ends(brokers, EVENTS) >= 100


def test_missing_topics_are_named(embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is produced into the void: the next step is said."""
    assert main(["simulate", "--brokers", embedded.bootstrap_servers]) == 1
    err = capsys.readouterr().err
    assert EVENTS in err
    assert "nearline topics apply" in err


def test_no_broker_is_code_3(nowhere: str) -> None:
    """A closed port is the broker's matter."""
    assert main(["simulate", "--brokers", nowhere]) == 3


def test_a_misspelt_speed_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The message shows how speeds are written."""
    assert main(["simulate", "--rate", "200"]) == 2
    assert "2000/s" in capsys.readouterr().err
