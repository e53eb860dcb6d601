"""Reading a changelog back: to its end by position, whole, and only where it fits the store."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.engine.applied import APPLIED_KEY, newest_applied, pack_applied, unpack_applied
from streams.engine.changelog import Changelog
from streams.engine.state import Store, StoreMemory
from streams.errors import AbandonedError, BrokerUnreachableError, StateError
from streams.kafka.clients import KafkaError
from tests.conftest import Nearline
from tests.streams.doubles import Consumer, Log
from tests.streams.engine.restoring import RECORDS, folded, made_log
from tests.waiting import PATIENCE_S

DAY_MS = 86_400_000


@pytest.fixture
def log() -> Log:
    """Give a changelog with two batches: each ends with its applied record and a marker."""
    log = Log()
    for applied, key in ((4, b"a"), (9, b"b")):
        log.append("log", 0, key, b"row")
        log.append("log", 0, APPLIED_KEY, pack_applied(applied))
        log.topics["log", 0].append(None)
    return log


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an empty store."""
    store = Store(
        tmp_path / "0", StoreMemory(cache_bytes=1 << 20, buffer_bytes=1 << 20), now_ms=lambda: DAY_MS
    )
    yield store
    store.close()


def reader(log: Log) -> Changelog:
    """Return a reader of the log."""
    return Changelog(Consumer(log), "log", 0)  # type: ignore[arg-type]


@pytest.fixture(params=["written", "ingested"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let few rows go through the write buffer, or each chunk be a file of its own."""
    if request.param == "ingested":
        monkeypatch.setattr("streams.engine.changelog.RUN_BYTES", 0)
        monkeypatch.setattr("streams.engine.changelog.SMALL_BYTES", 0)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_replay_ends_behind_the_last_marker(log: Log, store: Store) -> None:
    """The last offset belongs to a marker that nobody is shown; the position is behind it all the same."""
    reader(log).replay(store)
    assert list(store.scan()) == [(b"a", b"row"), (b"b", b"row")]
    assert (store.applied, store.changelog_position, store.written_at_ms) == (9, 6, DAY_MS)


@pytest.mark.usefixtures("way")
def test_replay_goes_on_where_the_store_ends(log: Log, store: Store) -> None:
    """Only what is new is read, and a tombstone deletes."""
    reader(log).replay(store)
    log.append("log", 0, b"a", None)
    log.append("log", 0, APPLIED_KEY, pack_applied(12))
    changelog = reader(log)
    changelog.replay(store)
    assert changelog.read_progress.rows == 1
    assert list(store.scan()) == [(b"b", b"row")]
    assert store.applied == 12


def test_end_of_log_is_a_position(log: Log, store: Store) -> None:
    """News of an end before the position that was the end at the start is not believed."""
    consumer = Consumer(log)
    consumer.early_end = True
    Changelog(consumer, "log", 0).replay(store)  # type: ignore[arg-type]
    assert (store.applied, store.changelog_position) == (9, 6)


def test_abandoned_replay_is_not_fresh(log: Log, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore that is cut short leaves what it wrote, in a store that does not look as new as its log."""
    monkeypatch.setattr("streams.engine.changelog.RUN_BYTES", 0)
    answers = iter([False, True])
    changelog = Changelog(Consumer(log), "log", 0, lambda: next(answers))  # type: ignore[arg-type]
    with pytest.raises(AbandonedError):
        changelog.replay(store)
    assert (store.applied, store.changelog_position, store.written_at_ms) == (4, 4, 0)
    assert list(store.scan()) == [(b"a", b"row"), (b"b", b"row")]
    reader(log).replay(store)
    assert (store.applied, store.changelog_position) == (9, 6)


def test_a_killed_restore_holds_what_it_claims(nearline: Nearline, tmp_path: Path) -> None:
    """Kill -9 in mid-restore, again and again: the rows are always those of the log up to the position."""
    log, seen = made_log(), []
    for kill_at in (30, 60, RECORDS):
        words, said = (str(tmp_path / "0"), str(kill_at)), tmp_path / "said"
        process = nearline(*words, log=said, program="tests.streams.engine.restoring:main")
        assert process.wait(PATIENCE_S) == (-signal.SIGKILL if kill_at < RECORDS else 0), said.read_text()
        store = Store(tmp_path / "0", StoreMemory())
        seen.append(store.changelog_position)
        assert (dict(store.scan()), store.applied) == folded(log, store.changelog_position)
        store.close()
    assert seen == sorted(seen)
    assert 0 < seen[0] < seen[-1] == RECORDS


@pytest.mark.parametrize(
    ("position", "away_ms", "verdict"),
    [
        (0, 100 * DAY_MS, None),
        (6, 100 * DAY_MS, None),
        (5, 100 * DAY_MS, None),
        (3, DAY_MS // 2, None),
        (3, 2 * DAY_MS, "deletions are kept"),
        (7, 0, "the log ends at 6"),
    ],
)
def test_stores_that_cannot_be_brought_up_to_date(
    log: Log, store: Store, position: int, away_ms: int, verdict: str | None
) -> None:
    """Too old is only who missed something; beyond the end is never right; new or current is always."""
    store.write([], applied=0, changelog_position=position)
    why = reader(log).unusable(store, delete_retention_s=86_400, now_ms=DAY_MS + away_ms)
    assert (why is None) if verdict is None else (why is not None and verdict in why)


def test_applied_record_of_another_version_is_refused() -> None:
    """What a newer version wrote is not guessed at."""
    with pytest.raises(StateError, match="start the version that wrote it"):
        unpack_applied(b"\x03" + pack_applied(3)[1:])


class Silent:
    """A consumer whose broker says nothing, or only that it cannot be reached."""

    def __init__(self, *said: Any) -> None:
        self._said = said

    def assign(self, _: Any) -> None:
        """Begin."""

    def consume(self, _number: int, timeout: float) -> list[Any]:
        """Return what there is."""
        time.sleep(timeout / 100)
        return list(self._said)


DOWN = SimpleNamespace(error=lambda: KafkaError(KafkaError._ALL_BROKERS_DOWN), partition=lambda: None)


@pytest.mark.parametrize("said", [(), (DOWN,)])
def test_a_silent_broker_has_a_deadline(said: tuple[Any, ...]) -> None:
    """A start, a hand-over and `forget --wait` end with an error that says what to look at."""
    silent: Any = Silent(*said)
    with pytest.raises(BrokerUnreachableError, match=r"log does not answer: partitions \[0, 2\]") as failure:
        newest_applied(silent, "log", {0: (0, 10), 1: (5, 5), 2: (0, 3)}, silence_s=0.01)
    assert "check the brokers" in failure.value.next_step
