"""`nearline topics split` on a real Kafka: 2 partitions become 4, then 8, and nothing is lost or doubled."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_event, decode_home
from schemas.partitioner import partition_for
from streams.cli import main
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, Origin, pack_applied, unpack_applied
from streams.engine.topic_check import TopicCheck
from streams.errors import PartitionsChangedError, TopicError
from streams.kafka.clients import Message, producer
from streams.kafka.produce import EventProducer
from streams.kafka.topics import require_topics
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from streams.ops.split import target
from streams.ops.split.copier import Copier
from streams.ops.split.runs import SplitReport, split
from streams.stages.titles.step import titles_spec
from streams.stages.wire.partition_rows import LEARNED, PENDING_PAGE, SENT
from tests.integration import oracle
from tests.waiting import until

EVENTS = 600
"""Before, between and behind the splits, each."""
VARIABLES = {"NEARLINE_LIST_PER_EVENT": "true", "NEARLINE_MODEL__REWARD__QUANTILE_FROM": "1000000000"}
"""A page for each event that asks for one; quantiles of watch times are of one partition, so none."""


class Generations:
    """One installation under one prefix after the other."""

    def __init__(self, brokers: str, prefix: str, folder: Path) -> None:
        self._brokers, self._prefix, self.folder = brokers, prefix, folder
        self.world = World(seed=9, viewers=60, titles=120, rate=1_000.0)
        self.number = 0
        make_topics(self.settings(), partitions=2)
        with EventProducer(self.settings()) as producer:
            producer.send_titles(self.world.titles)

    def settings(self, number: int | None = None) -> Settings:
        """Return the settings of a generation, of the present one unless given."""
        which = self.number if number is None else number
        prefix = f"{self._prefix}g{which}."
        model = {"reward": {"quantile_from": 10**9}}
        return Settings.load(
            brokers=self._brokers, topic_prefix=prefix, group=self._prefix + "n", model=model
        )

    def feed(self) -> None:
        """Produce the next part of the world's events."""
        with EventProducer(self.settings()) as producer:
            producer.send(self.world.take(EVENTS))

    def worker(self) -> WorkerProcess:
        """Return a worker of the present generation, with a folder of its own."""
        return WorkerProcess(self.settings(), self.folder / str(self.number), VARIABLES)

    def split(self, partitions: int) -> SplitReport:
        """Split into a new generation, and go on there."""
        report = split(self.settings(), self.settings(self.number + 1), partitions)
        self.number += 1
        return report


@pytest.fixture
def generations(kafka: KafkaCluster, topic_prefix: str, tmp_path: Path) -> Generations:
    """Give an installation of two partitions."""
    return Generations(kafka.bootstrap_servers, topic_prefix, tmp_path)


def _is_applied(settings: Settings) -> bool:
    """Return whether the last applied records are those of the last events and signals."""
    for source, changelog in ((topics.EVENTS, topics.VIEWER_STATE), (topics.SIGNALS, topics.TITLE_MODEL)):
        ends = {message.partition(): message.offset() for message in oracle.read(settings, source)}
        marks = [m for m in oracle.read(settings, changelog) if m.key() == APPLIED_KEY]
        applied = {mark.partition(): unpack_applied(mark.value() or b"") for mark in marks}
        if any(applied.get(partition, -1) < (end or 0) for partition, end in ends.items()):
            return False
    return True


def _as_of(partitions: int, messages: list[Message]) -> list[Any]:
    """Return events as the records of a log with so many partitions."""
    offsets = Counter[int]()
    found = []
    for message in messages:
        home = partition_for(message.key() or b"", partitions)
        found.append(_Moved(message, home, offsets[home]))
        offsets[home] += 1
    return found


class _Moved:
    """A message in another partition."""

    def __init__(self, message: Message, partition: int, offset: int) -> None:
        self.topic, self.key, self.value = message.topic, message.key, message.value
        self.timestamp = message.timestamp
        self.partition, self.offset = lambda: partition, lambda: offset


@pytest.mark.nightly
def test_a_split_installation_is_that_of_more_partitions(generations: Generations) -> None:
    """Split twice, with events that nobody has applied yet: rows, counters and page numbers of a replay."""
    events, signals, copied = list[Message](), list[Message](), Counter[str]()
    for partitions in (4, 8, 0):
        settings = generations.settings()
        with generations.worker() as worker:
            worker.wait_ready()
            generations.feed()
            until(lambda settings=settings: _is_applied(settings), worker)  # type: ignore[misc]
            assert worker.stop() == 0
        if partitions:
            generations.feed()  # nobody applies these before the split
        known = {message.value() for message in events}
        events += [m for m in oracle.read(settings, topics.EVENTS) if m.value() not in known]
        signals += oracle.read(settings, topics.SIGNALS)[copied[topics.SIGNALS] :]
        if partitions:
            copied = Counter(generations.split(partitions).records)
            assert copied[topics.EVENTS] >= EVENTS
    assert len(events) == 5 * EVENTS
    after = generations.settings().model_copy(update={"list_per_event": True})
    replay = oracle.Replay(after, partitions=8)
    replay.events(_as_of(8, events))
    replay.signals(signals)
    seen = oracle.observed(after)
    assert seen.viewers == replay.facts.viewers
    assert seen.titles == replay.facts.titles
    _check_pages(after, replay, _as_of(8, events))
    _check_signals(after)


def _check_pages(settings: Settings, replay: oracle.Replay, events: list[Any]) -> None:
    """Check that each event that asks for a page has one, and that pages are numbered one by one."""
    numbers: dict[str, list[int]] = {}
    for message in oracle.read(settings, topics.HOME):
        home = decode_home(message.value())
        assert message.partition() == partition_for(home.viewer_id.encode(), 8)
        numbers.setdefault(home.viewer_id, []).append(home.seq)
    viewer_of = {(one.partition(), one.offset()): (one.key() or b"").decode() for one in events}
    expected = Counter(viewer_of[cause] for cause in replay.facts.causes)
    assert {viewer: sorted(seqs) for viewer, seqs in numbers.items()} == {
        viewer: list(range(1, count + 1)) for viewer, count in expected.items()
    }


def _check_signals(settings: Settings) -> None:
    """Check that titles have learned what the partitions have sent, each signal once."""
    sent, learned = Counter[int](), np.zeros(0, np.int64)
    for message in oracle.read(settings, topics.VIEWER_STATE):
        if message.key() == SENT.key:
            sent[message.partition() or 0] = SENT.unpack(message.value())
    for message in oracle.read(settings, topics.TITLE_MODEL):
        if message.key() == LEARNED.key:
            learned = LEARNED.unpack(message.value())
    assert learned.tolist() == [sent[partition] for partition in range(8)]


class _KilledError(Exception):
    """What a killed command leaves behind, without the process."""


@pytest.mark.slow
def test_a_split_that_was_killed_is_repeated_and_nothing_half_done_is_used(
    generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers refuse topics that are being written, the next command begins anew, a third one is refused."""
    generations.feed()
    old, new = generations.settings(), generations.settings(1)
    put, left = Copier.put, [500]

    def failing(self: Copier, *args: Any) -> int:
        left[0] -= 1
        if not left[0]:
            raise _KilledError
        return put(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Copier, "put", failing)
        with pytest.raises(_KilledError):
            split(old, new, 4)
    assert target.condition(new) is target.Condition.BEING_WRITTEN
    spec = titles_spec(new)
    with pytest.raises(TopicError, match="being written"):
        TopicCheck(new, [spec], lambda _: None).start()
    report = split(old, new, 4)
    assert report.events == EVENTS
    check = TopicCheck(new, [spec], lambda _: None)
    check.start()
    check.stop()
    ids = [decode_event(message.value()).event_id for message in oracle.read(new, topics.EVENTS)]
    assert len(set(ids)) == len(ids) == EVENTS
    with pytest.raises(TopicError, match="with records under the prefix"):
        split(old, new, 4)
    with pytest.raises(PartitionsChangedError, match="cannot be split into 6"):
        split(new, generations.settings(2), 6)


@pytest.mark.nightly
def test_a_split_is_refused_while_somebody_writes(
    generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that runs, or a producer that goes on, and what was copied is not used."""
    generations.feed()
    with generations.worker() as worker:
        worker.wait_ready()
        with pytest.raises(TopicError, match="member"):
            generations.split(4)
    prepare = target.prepare

    def late(*args: Any) -> None:
        prepare(*args)
        generations.feed()

    monkeypatch.setattr(target, "prepare", late)
    with pytest.raises(TopicError, match="has grown meanwhile"):
        generations.split(4)
    assert target.condition(generations.settings(1)) is target.Condition.BEING_WRITTEN


def test_positions_and_pending_pages_name_the_copies_of_events(generations: Generations) -> None:
    """A stage that is behind reads on where it was, and a pending page has its event, also an applied one."""
    generations.feed()
    old, new = generations.settings(), generations.settings(1)
    events = {(m.partition(), m.offset()): m for m in oracle.read(old, topics.EVENTS)}
    asked = events[1, 40]
    pending = PENDING_PAGE.row((40, 10**12, 10**12), (asked.key() or b"").decode())
    source = require_topics(old, [topics.EVENTS])[topics.EVENTS].topic_id
    at = {topics.VIEWER_STATE: (90, 80), topics.EXPERIMENT_VIEWERS: (100, 60)}
    client = producer(old)
    for topic, offsets in at.items():
        for partition, offset in enumerate(offsets):
            value = pack_applied(offset, Origin(2, source))
            client.produce(old.topic(topic), key=APPLIED_KEY, value=value, partition=partition)
    client.produce(old.topic(topics.VIEWER_STATE), key=pending[0], value=pending[1], partition=1)
    client.flush(30)
    assert split(old, new, 4).pending_pages == 1
    copies = {(m.partition(), m.offset()): m.value() for m in oracle.read(new, topics.EVENTS)}
    assert len(copies) == len(events) - 91 - 40
    for topic, offsets in at.items():
        for mark in oracle.read(new, topic):
            if mark.key() != APPLIED_KEY or unpack_applied(mark.value() or b"") < 0:
                continue
            partition = mark.partition() or 0
            value = copies[partition, unpack_applied(mark.value() or b"")]
            (place,) = [place for place, message in events.items() if message.value() == value]
            later = [
                o for (p, o), m in events.items()
                if p == partition % 2 and place[1] < o <= offsets[p]
                and partition_for(m.key() or b"", 4) == partition
            ]  # fmt: skip
            assert place[1] <= offsets[partition % 2]
            assert not later
    rows = {m.key(): m for m in oracle.read(new, topics.VIEWER_STATE)}
    moved = rows[pending[0]]
    assert copies[moved.partition(), PENDING_PAGE.unpack(moved.value())[0]] == asked.value()


def test_a_command_splits(generations: Generations, capsys: pytest.CaptureFixture[str]) -> None:
    """What was copied is said, and what comes next."""
    generations.feed()
    old, new = generations.settings(), generations.settings(1)
    words = ["--brokers", old.brokers, "--prefix", old.topic_prefix, "--to-prefix", new.topic_prefix]
    assert main(["topics", "split", *words, "--partitions", "4", "--json", "-"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["events"] == EVENTS
    assert document["records"][topics.CATALOG] == 120
    assert f"NEARLINE_TOPIC_PREFIX={new.topic_prefix}" in said.err.replace("\n", "")
