"""`nearline model`: what it shows, what it refuses, what it writes."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from schemas import topics
from schemas.codec import decode_switch_marker
from schemas.versions import MARKER_KEY, ModelSwitch, ModelVersion
from streams.cli import main
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.errors import SettingsError, VersionError
from streams.kafka.clients import admin, consumer, producer
from streams.ops.backfill import prepare, since_ms
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import make_topics
from streams.ops.versions import of_version
from streams.stages.versions.register import enter, read_register

AT = 1_764_015_300_000
EVENTS = 30


class Desk:
    """An installation with two versions and nobody at work."""

    def __init__(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings, self._capsys = settings, capsys
        for name in ("1", "blue"):
            make_topics(of_version(settings, name))
            enter(settings, ModelVersion(name=name, fingerprint="f", epoch=0, registered_at_ms=AT))
        writer = producer(settings)
        for n in range(EVENTS):
            writer.produce(settings.topic(topics.EVENTS), key=b"v", value=b"{}", partition=n % 3)
        assert writer.flush(10) == 0

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command; return its code and what it said on standard error."""
        where = ["--brokers", self.settings.brokers, "--prefix", self.settings.topic_prefix]
        return main(["model", *words, *where]), self._capsys.readouterr().err

    def json(self, *words: str) -> Any:
        """Run a command that has to do its work, and read its JSON."""
        where = ["--brokers", self.settings.brokers, "--prefix", self.settings.topic_prefix]
        assert main(["model", *words, *where, "--json", "-"]) == 0
        return json.loads(self._capsys.readouterr().out)

    def apply(self, version: str, offset: int, partitions: range = range(4)) -> None:
        """Write applied records as a version's workers do."""
        writer, topic = producer(self.settings), of_version(self.settings, version).topic(topics.VIEWER_STATE)
        for partition in partitions:
            writer.produce(topic, key=APPLIED_KEY, value=pack_applied(offset), partition=partition)
        assert writer.flush(10) == 0

    @contextmanager
    def at_work(self, *versions: str) -> Iterator[None]:
        """Have a member in the groups of some versions."""
        with ExitStack() as stack:
            for version in versions:
                theirs = of_version(self.settings, version)
                member = consumer(theirs, {"group.id": theirs.consumer_group})
                stack.callback(member.close)
                member.subscribe([theirs.topic(topics.EVENTS)])
                while not member.assignment():
                    member.poll(0.2)
            yield


@pytest.fixture
def desk(
    kafka: KafkaCluster,
    topic_prefix: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    """Give an installation of its own."""
    monkeypatch.setenv("NEARLINE_GROUP", f"{topic_prefix}n")
    settings = Settings.load(brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    make_topics(settings)
    return Desk(settings, capsys)


def test_versions_are_listed(desk: Desk) -> None:
    """Role, workers, offsets and lag of each, the live one first."""
    desk.apply("1", 9, range(3))
    with desk.at_work("1"):
        found = desk.json("list")
    assert [(one["version"], one["role"], one["workers"]) for one in found] == [
        ("1", "live", 1),
        ("blue", "shadow", 0),
    ]
    assert [one["applied"] for one in found] == [[9, 9, 9, -1], [-1, -1, -1, -1]]
    assert [one["lag"] for one in found] == [0, EVENTS]
    assert desk.run("list")[0] == 0


def test_a_switch_that_would_leave_a_gap_is_refused(desk: Desk) -> None:
    """Unknown, live already, nobody at work, behind: nothing is written, and the next step is said."""
    for words, told in [
        (["switch", "green"], "NEARLINE_MODEL_VERSION=green"),
        (["switch", "1"], "live already"),
        (["switch", "blue"], "nearline worker"),
    ]:
        code, said = desk.run(*words)
        assert code == 1
        assert told in said
    with desk.at_work("1", "blue"):
        desk.apply("1", 9)
        code, said = desk.run("switch", "blue", "--max-lag", "10")
        assert code == 1
        assert "30 events behind" in said
    assert read_register(desk.settings).switches == {}


def test_a_switch_marks_every_partition(desk: Desk) -> None:
    """Markers behind the last events; the register knows where; both versions are waited for."""
    for name in ("1", "blue"):
        desk.apply(name, 9)
    with desk.at_work("1", "blue"):
        assert desk.run("switch", "blue", "--timeout", "0")[0] == 1
        for name in ("1", "blue"):
            desk.apply(name, 10)
        assert desk.run("switch", "blue")[0] == 1
    register = read_register(desk.settings)
    assert (register.live, register.epoch) == ("blue", 1)
    assert register.last_switch is not None
    assert register.last_switch.cut == (10, 10, 10, 0)
    reader = consumer(desk.settings)
    reader.subscribe([desk.settings.topic(topics.EVENTS)])
    found = []
    while len(found) < EVENTS + 4:
        found += reader.consume(100, 1.0)
    reader.close()
    markers = {m.partition(): (m.offset(), m.value()) for m in found if m.key() == MARKER_KEY}
    assert {partition: offset for partition, (offset, _) in markers.items()} == {0: 10, 1: 10, 2: 10, 3: 0}
    assert {decode_switch_marker(value).version for _, value in markers.values()} == {"blue"}


def test_an_unfinished_switch_is_finished_first(desk: Desk) -> None:
    """A command that was ended between two partitions is repeated before another version is switched to."""
    enter(desk.settings, ModelVersion(name="green", fingerprint="f", epoch=0, registered_at_ms=AT))
    enter(desk.settings, ModelSwitch(epoch=1, version="blue", at_ms=AT))
    code, said = desk.run("switch", "green")
    assert code == 1
    assert "nearline model switch blue" in said
    for name in ("1", "blue"):
        desk.apply(name, 10)
    with desk.at_work("1", "blue"):
        done = desk.json("switch", "blue")
    assert done == {"version": "blue", "former": "1", "epoch": 2, "cut": [10, 10, 10, 0], "done": True}


def test_what_is_needed_is_not_retired(desk: Desk) -> None:
    """The live version, one with workers, one that owes pages; then all its own is gone."""
    assert desk.run("retire", "1", "--yes")[0] == 1
    enter(desk.settings, ModelSwitch(epoch=1, version="blue", at_ms=AT, cut=(10, 10, 10, 0)))
    with desk.at_work("1"):
        code, said = desk.run("retire", "1", "--yes")
        assert (code, "has workers" in said) == (1, True)
    desk.apply("1", 9)
    code, said = desk.run("retire", "1", "--yes")
    assert (code, "partition(s) 0, 1, 2" in said) == (1, True)
    desk.apply("1", 10)
    assert desk.run("retire", "2", "--yes")[0] == 1
    done = desk.json("retire", "1", "--yes")
    assert done == {"version": "1", "deleted": [desk.settings.topic(name) for name in topics.PER_VERSION]}
    assert set(read_register(desk.settings).versions) == {"blue"}
    there = admin(desk.settings).list_topics(timeout=60).topics
    assert of_version(desk.settings, "blue").topic(topics.VIEWER_STATE) in there
    assert desk.settings.topic(topics.EVENTS) in there


def test_nothing_is_retired_unasked(desk: Desk) -> None:
    """Without --yes somebody has to answer."""
    assert desk.run("retire", "blue")[0] == 1
    assert "blue" in read_register(desk.settings).versions


def test_a_backfill_begins_where_it_is_told(desk: Desk) -> None:
    """The entry names the offsets; a version that is there goes on, and is not begun at another time."""
    green = of_version(desk.settings, "green")
    assert prepare(green, None) == {0: 0, 1: 0, 2: 0, 3: 0}
    assert prepare(green, None) == {0: 0, 1: 0, 2: 0, 3: 0}
    with pytest.raises(VersionError, match="exists already"):
        prepare(green, 1)
    late = of_version(desk.settings, "late")
    assert prepare(late, since_ms("0s", 4_000_000_000_000)) == {0: 10, 1: 10, 2: 10, 3: 0}
    assert read_register(desk.settings).versions["late"].starts == (10, 10, 10, 0)
    with pytest.raises(SettingsError, match="version of its own"):
        prepare(desk.settings, None)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--from-topic", "--since", "yesterday"], "2026-11-24T18:00"),
        ([], "--from-topic --version NAME"),
        (["--from-topic", "--ratings", "x"], "--ratings PATH"),
    ],
)
def test_a_wrong_replay_is_code_2(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What to write instead, before anything is asked of a broker."""
    assert main(["replay", *words]) == 2
    assert told in capsys.readouterr().err
