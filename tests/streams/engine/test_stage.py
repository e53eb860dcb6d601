"""The order of effects, without a broker: redelivery, crashes between effects, full queues, owners."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_dead_letter
from streams.engine.applied import APPLIED_KEY, Origin, pack_applied
from streams.engine.partition import Partition
from streams.engine.poison_marker import PoisonMarker
from streams.engine.state import wipe
from streams.errors import OutcomeInDoubtError, SourceRecreatedError, StepFailedError
from streams.kafka.clients import KafkaError
from tests.streams.doubles import DeferringStep, Fold, Log, Producer, fold_spec, record, worker_context
from tests.streams.engine.lives import expected, fill, live, lives, state

PLACES = ["in_restore", "mid_produce", "before_commit", "after_commit", "after_store"]


class Crash(BaseException):
    """The end of a process, as far as a test can have it."""


class CrashAt:
    """Crashes at the n-th passage of a place."""

    def __init__(self, place: str = "", hit: int = 1) -> None:
        self._place, self._hit = place, hit

    def __call__(self, place: str) -> None:
        """Count down."""
        if place == self._place:
            self._hit -= 1
            if self._hit == 0:
                raise Crash


@pytest.fixture
def log() -> Log:
    """Give an empty log."""
    return Log()


@pytest.fixture
def partition(log: Log, tmp_path: Path) -> Iterator[Partition]:
    """Give an open partition whose source has nine events."""
    fill(log, 9)
    partition = Partition(fold_spec(), 0, worker_context(log, tmp_path))
    partition.open()
    yield partition
    partition.close()


def test_effects_of_a_batch(partition: Partition, log: Log) -> None:
    """Rows come first, outputs with them, the applied record last; then the store has it too."""
    partition.process([record(0, b"v0", b"e0"), record(1, b"v1", b"e1")])
    keys = [key for key, _ in log.records("log")]
    assert keys == [b"v0", b"v1", APPLIED_KEY]
    assert log.records("log")[-1] == (APPLIED_KEY, pack_applied(1, Origin(1)))
    assert log.records("out") == [(b"v0", b"e0"), (b"v1", b"e1")]
    assert (partition.applied, partition.position) == (1, 2)
    assert partition._store is not None
    assert (partition._store.applied, partition._store.changelog_position) == (1, 3)


def test_redelivered_records_are_dropped(partition: Partition, log: Log) -> None:
    """A record at or below the applied offset has no second effect, alone or at the head of a batch."""
    batch = [record(offset, b"v", b"e%d" % offset) for offset in range(5)]
    partition.process(batch[:3])
    partition.process(batch[1:3])
    partition.process(batch[2:])
    assert [value for _, value in log.records("out")] == [b"e0", b"e1", b"e2", b"e3", b"e4"]
    assert state(log)[b"v"][0] == 5


@pytest.mark.parametrize("step", [Fold, DeferringStep])
@given(
    crashes=st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 4)), max_size=5),
    events=st.integers(0, 30),
    batch=st.integers(1, 7),
    lost_disk=st.sets(st.integers(0, 5)),
)
def test_crashes_change_nothing(
    step: type[Fold], crashes: list[tuple[str, int]], events: int, batch: int, lost_disk: set[int]
) -> None:
    """Whatever ends where, and whatever disk is lost: the log reads as if nothing had happened.

    Deferred output is neither lost nor flushed twice; every other life flushes only after its batches.
    """
    spec = replace(fold_spec(), make_step=lambda _, store: step(store))
    log = Log()
    fill(log, events)
    with TemporaryDirectory() as folder:
        for life, crash in enumerate([*crashes, ("", 1)]):
            if life in lost_disk:
                wipe(Path(folder) / "fold" / "0")
            DeferringStep.due = life % 2 == 0 or life == len(crashes)
            partition = Partition(spec, 0, worker_context(log, Path(folder), CrashAt(*crash)))
            try:
                live(partition, log, batch)
            except Crash:
                partition.close()
    assert state(log) == expected(log.records("in"))
    assert [value for _, value in log.records("out")] == [value for _, value in log.records("in")]


def test_second_owner_fences_the_first(partition: Partition, log: Log, tmp_path: Path) -> None:
    """Once another worker has opened the partition, the first can commit nothing more."""
    second = Partition(fold_spec(), 0, worker_context(log, tmp_path / "other"))
    second.open()
    with pytest.raises(OutcomeInDoubtError, match="the next one reads the outcome") as fenced:
        partition.process([record(0, b"v0", b"e0")])
    assert "transactional id group.fold.0" in str(fenced.value)
    assert "another deployment" in str(fenced.value)
    assert "NEARLINE_GROUP" in str(fenced.value)
    second.process([record(0, b"v0", b"e0")])
    second.close()
    assert log.records("out") == [(b"v0", b"e0")]


def test_full_queue_waits_and_keeps_order(partition: Partition, log: Log) -> None:
    """Messages that find no room are sent again, once, behind those that did."""
    log.room = 4
    partition.process([record(offset, b"v%d" % offset, b"e%d" % offset) for offset in range(9)])
    assert [value for _, value in log.records("out")] == [b"e%d" % offset for offset in range(9)]
    assert len(state(log)) == 9


def test_doubtful_commit_writes_nothing(partition: Partition, log: Log) -> None:
    """When nobody can say whether a transaction is committed, the store stays as it was."""
    assert partition._transactions is not None
    producer = partition._transactions._producer
    assert isinstance(producer, Producer)
    producer.fail_commit = KafkaError(KafkaError._TIMED_OUT)
    with pytest.raises(OutcomeInDoubtError):
        partition.process([record(0, b"v0", b"e0")])
    assert partition._store is not None
    assert (partition.applied, partition._store.get(b"v0"), log.records("out")) == (-1, None, [])


def test_failed_transaction_accuses_no_record(partition: Partition, log: Log, tmp_path: Path) -> None:
    """Messages that a transaction refuses because it has failed are nobody's fault: no marker is left."""
    assert partition._transactions is not None
    producer = partition._transactions._producer
    assert isinstance(producer, Producer)
    producer.fail_produce = KafkaError(KafkaError._STATE)
    for records in ([record(0, b"v0", b"e0")], [record(n, b"v%d" % n, b"e") for n in range(9)]):
        with pytest.raises(OutcomeInDoubtError):
            partition.process(records)
    assert not list(tmp_path.rglob("*.poison"))
    assert not log.records("dead")


def test_what_a_broker_finds_too_large_is_isolated(log: Log, tmp_path: Path) -> None:
    """A topic's limit may be below the producer's: nothing is committed, and a record is to blame."""
    fill(log, 3)
    partition = Partition(fold_spec(), 0, worker_context(log, tmp_path))
    partition.open()
    assert partition._transactions is not None
    producer = partition._transactions._producer
    assert isinstance(producer, Producer)
    producer.fail_delivery = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    with pytest.raises(StepFailedError, match="refused messages for log as too large") as failure:
        partition.process([record(n, b"v%d" % n, b"e%d" % n) for n in range(3)])
    assert "max.message.bytes" in failure.value.next_step
    partition.close()
    marker = PoisonMarker.load(tmp_path / "fold" / "0.poison")
    assert marker is not None
    assert (marker.first, marker.last, log.records("out")) == (0, 2, [])


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b'{"first": 1}', b'{"first": "a"}', b"\xff"])
def test_unreadable_marker_is_none(log: Log, tmp_path: Path, content: bytes) -> None:
    """A power loss can leave an empty file: the partition opens, and isolation begins anew if need be."""
    fill(log, 3)
    (tmp_path / "fold").mkdir()
    (tmp_path / "fold" / "0.poison").write_bytes(content)
    partition = Partition(fold_spec(), 0, worker_context(log, tmp_path))
    partition.open()
    partition.process([record(n, b"v%d" % n, b"e%d" % n) for n in range(3)])
    assert partition.applied == 2
    partition.close()


def test_poison_ends_in_the_dead_letters(log: Log, tmp_path: Path) -> None:
    """A record on which the step raises costs two restarts and nothing else; its letter holds no secret."""
    fill(log, 6)
    log.append("in", 0, b"v1", b"poison")
    fill(log, 6)
    assert lives(log, tmp_path) == 2
    (_, letter), *others = log.records("dead")
    found = decode_dead_letter(letter)
    assert (others, found.reason, found.source.offset, found.value) == ([], "step_failed", 6, b"poison")
    assert "ValueError" in found.message
    assert "secret" not in found.message
    assert state(log) == expected(log.records("in"), without=b"poison")
    assert not list(tmp_path.glob("**/*.poison"))


def test_unsendable_output_is_isolated_like_poison(log: Log, tmp_path: Path) -> None:
    """A record whose output is larger than any broker takes becomes a dead letter, the rest goes on."""
    fill(log, 3)
    log.append("in", 0, b"v1", bytes(1_000_001))
    fill(log, 3)
    assert lives(log, tmp_path) == 2
    assert len(log.records("dead")) == 1
    assert Counter(len(value or b"") for _, value in log.records("out")) == {2: 6}


def test_recreated_source_is_refused(partition: Partition, log: Log, tmp_path: Path) -> None:
    """State that reaches beyond the source's end stops the worker instead of skipping new events."""
    partition.process([record(offset, b"v", b"e") for offset in range(9)])
    log.topics["in", 0] = log.topics["in", 0][:4]
    other = Partition(fold_spec(), 0, worker_context(log, tmp_path / "other"))
    with pytest.raises(SourceRecreatedError, match="NEARLINE_GROUP"):
        other.open()
    other.close()
