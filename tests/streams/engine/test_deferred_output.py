"""Deferred output is flushed without a record, once, and never while a poison record is isolated."""

from dataclasses import replace
from pathlib import Path

import pytest

from streams.engine.applied import APPLIED_KEY, Origin, pack_applied
from streams.engine.partition import Partition
from streams.engine.stage import StageSpec
from streams.errors import StepFailedError
from tests.streams.doubles import DeferringStep, Log, fold_spec, record, worker_context
from tests.streams.engine.lives import expected, fill, live, lives, state


@pytest.fixture
def lender(monkeypatch: pytest.MonkeyPatch) -> StageSpec:
    """Give a stage whose step defers every echo; its class attributes are restored after the test."""
    monkeypatch.setattr(DeferringStep, "due", True)
    monkeypatch.setattr(DeferringStep, "poison", False)
    return replace(fold_spec(), make_step=lambda _, store: DeferringStep(store))


@pytest.fixture
def log() -> Log:
    """Give an empty log."""
    return Log()


def test_due_output_is_flushed_without_a_record(log: Log, tmp_path: Path, lender: StageSpec) -> None:
    """In a transaction of its own, which repeats the applied record; then nothing is due any more."""
    fill(log, 2)
    DeferringStep.due = False
    partition = Partition(lender, 0, worker_context(log, tmp_path))
    partition.open()
    assert partition.due_s() is None
    partition.process([record(0, b"v0", b"e0"), record(1, b"v1", b"e1")])
    assert (partition.due_s(), log.records("out")) == (600.0, [])
    before = len(log.records("log"))
    partition.process([])
    assert len(log.records("log")) == before
    DeferringStep.due = True
    partition.process([])
    assert [value for _, value in log.records("out")] == [b"e0", b"e1"]
    assert log.records("log")[before:] == [
        (b"\x01000000", None),
        (b"\x01000001", None),
        (APPLIED_KEY, pack_applied(1, Origin(1))),
    ]
    assert (partition.applied, partition.due_s()) == (1, None)
    assert partition._store is not None
    assert (partition._store.applied, list(partition._store.scan(b"\x01"))) == (1, [])
    partition.close()


def test_output_whose_flush_raises_is_discarded(log: Log, tmp_path: Path, lender: StageSpec) -> None:
    """It costs one restart and the pending output; no record is blamed, not even that of the same batch."""
    fill(log, 6)
    DeferringStep.due = False
    partition = Partition(lender, 0, worker_context(log, tmp_path))
    live(partition, log, 3)
    DeferringStep.due = DeferringStep.poison = True
    log.append("in", 0, b"v0", b"late")
    partition = Partition(lender, 0, worker_context(log, tmp_path))
    with pytest.raises(StepFailedError, match="ValueError") as caught:
        live(partition, log, 3)
    assert "in a flush" in str(caught.value)
    partition.close()
    DeferringStep.poison = False
    partition = Partition(lender, 0, worker_context(log, tmp_path))
    live(partition, log, 3)
    assert (log.records("out"), log.records("dead")) == ([], [])
    assert state(log) == expected(log.records("in"))
    assert not list(tmp_path.glob("**/*.poison"))


def test_nothing_is_flushed_while_a_record_is_suspected(log: Log, tmp_path: Path, lender: StageSpec) -> None:
    """The poison record is isolated; pending output is flushed after the suspected range."""
    fill(log, 3)
    log.append("in", 0, b"v1", b"poison")
    fill(log, 3)
    assert lives(log, tmp_path, lender) == 2
    assert len(log.records("dead")) == 1
    assert [value for _, value in log.records("out")] == [b"e0", b"e1", b"e2"] * 2
    assert state(log) == expected(log.records("in"), without=b"poison")
