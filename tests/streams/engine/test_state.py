"""The store against a dictionary, over restarts, and against damaged files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from streams.engine import state
from streams.engine.state import META_KEY, Store, StoreMemory, wipe
from streams.errors import StateDamagedError, StateError, StateLockedError

KEYS = st.binary(min_size=1, max_size=3).filter(lambda key: key[0] > 0)
ROWS = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=20)), max_size=8)


@pytest.fixture
def memory() -> StoreMemory:
    """Give small shared memory."""
    return StoreMemory(cache_bytes=1 << 20, buffer_bytes=1 << 20)


@pytest.fixture
def store(tmp_path: Path, memory: StoreMemory) -> Iterator[Store]:
    """Give an empty store."""
    store = Store(tmp_path / "0", memory)
    yield store
    store.close()


class Machine(RuleBasedStateMachine):
    """Writes and restarts in any order; after each step the store and a dictionary say the same."""

    folder: Path

    @initialize()
    def begin(self) -> None:
        """Open an empty store beside an empty dictionary."""
        wipe(self.folder)
        self.memory = StoreMemory(cache_bytes=1 << 20, buffer_bytes=1 << 20)
        self.store = Store(self.folder, self.memory)
        self.model: dict[bytes, bytes] = {}
        self.meta = (-1, 0)

    @rule(rows=ROWS, step=st.integers(1, 1000))
    def write(self, rows: list[tuple[bytes, bytes | None]], step: int) -> None:
        """Write a batch; within a batch the last value of a key counts."""
        self.meta = (self.meta[0] + step, self.meta[1] + len(rows) + 1)
        self.store.write(rows, applied=self.meta[0], changelog_position=self.meta[1])
        for key, value in rows:
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value

    @rule(rows=ROWS.map(dict), step=st.integers(1, 1000))
    def ingest(self, rows: dict[bytes, bytes | None], step: int) -> None:
        """Take a file of rows over: newer than all that was written before."""
        self.meta = (self.meta[0] + step, self.meta[1] + len(rows) + 1)
        self.store.ingest(rows, applied=self.meta[0], changelog_position=self.meta[1])
        for key, value in rows.items():
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value

    @rule()
    def restart(self) -> None:
        """Close and open again."""
        self.store.close()
        self.store = Store(self.folder, self.memory)

    @rule(prefix=st.binary(max_size=2).filter(lambda key: key[:1] != b"\0"))
    def scan(self, prefix: bytes) -> None:
        """Rows under a prefix come complete and in order."""
        expected = sorted((k, v) for k, v in self.model.items() if k.startswith(prefix))
        assert list(self.store.scan(prefix)) == expected

    @invariant()
    def same(self) -> None:
        """Every row, and what the rows reach, is as in the dictionary."""
        if hasattr(self, "store"):
            keys = [*self.model, b"never written"]
            assert self.store.get_many(keys) == [self.model.get(key) for key in keys]
            assert [self.store.get(key) for key in keys] == [self.model.get(key) for key in keys]
            assert (self.store.applied, self.store.changelog_position) == self.meta

    def teardown(self) -> None:
        """Give the lock back."""
        if hasattr(self, "store"):
            self.store.close()


def test_store_is_a_dictionary_that_survives(tmp_path: Path) -> None:
    """Any order of writes, deletions, scans and restarts behaves like a dictionary."""
    machine = type("Bound", (Machine,), {"folder": tmp_path / "0"})
    run_state_machine_as_test(machine, settings=settings(max_examples=settings().max_examples // 4))


def test_many_of_nothing(store: Store) -> None:
    """Asking for no rows answers with no rows."""
    assert store.get_many([]) == []


@pytest.mark.parametrize("openings", [1, 2])
def test_databases_share_the_memory_also_when_they_exist(tmp_path: Path, openings: int) -> None:
    """What is read of tables stays in the shared cache, and in no cache of the database's own."""
    for _ in range(openings):
        memory = StoreMemory()
        store = Store(tmp_path / "0", memory)
        store.write([(bytes([n]) * 4, b"row" * 999) for n in range(1, 99)], applied=1, changelog_position=1)
        store._db.flush()
        store.get_many([bytes([n]) * 4 for n in range(1, 99)])
        assert memory.parts["block_cache"]() > 98 * 3_000
        store.close()


def test_second_opener_is_told(tmp_path: Path, store: Store, memory: StoreMemory) -> None:
    """A database that is open cannot be opened again, and the error says what to change."""
    with pytest.raises(StateLockedError, match="NEARLINE_STATE_DIR"):
        Store(tmp_path / "0", memory)
    assert store.get(b"x") is None


def test_newer_layout_is_refused(tmp_path: Path, store: Store, memory: StoreMemory) -> None:
    """A store that a newer version wrote is not guessed at."""
    store._db.put(META_KEY, bytes([9]) + bytes(24))
    store.close()
    with pytest.raises(StateError, match="layout 9"):
        Store(tmp_path / "0", memory)
    wipe(tmp_path / "0")
    store._db = Store(tmp_path / "0", memory)._db


def test_age_counts_from_the_end_of_the_log(tmp_path: Path, memory: StoreMemory) -> None:
    """A store that is being restored does not look fresh before it has caught up."""
    store = Store(tmp_path / "1", memory, now_ms=lambda: 5_000)
    store.write([(b"a", b"1")], applied=-1, changelog_position=10, caught_up=False)
    assert store.written_at_ms == 0
    store.write([], applied=3, changelog_position=20)
    assert store.written_at_ms == 5_000
    store.close()


def flipped(folder: Path) -> None:
    """Flip a byte in the middle of every table file."""
    for table in folder.glob("*.sst"):
        content = bytearray(table.read_bytes())
        content[len(content) // 4] ^= 0xFF
        table.write_bytes(content)


def test_damage_is_noticed_and_healed_by_the_next_opener(tmp_path: Path, memory: StoreMemory) -> None:
    """A flipped byte makes a scan raise, never end early, and the next opener starts from nothing."""
    folder = tmp_path / "2"
    store = Store(folder, memory)
    store.write([(b"k%d" % i, bytes(100)) for i in range(2_000)], applied=7, changelog_position=2_001)
    store.close()
    flipped(folder)
    store = Store(folder, StoreMemory())
    with pytest.raises(StateDamagedError, match="rebuilt from its changelog"):
        list(store.scan())
    store.close()
    healed = Store(folder, StoreMemory())
    assert (healed.applied, healed.changelog_position, list(healed.scan())) == (-1, 0, [])
    healed.close()


def test_unwritable_folder_is_explained(tmp_path: Path, memory: StoreMemory) -> None:
    """A folder that cannot be made is an error that names it."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StateError, match="cannot be read or written"):
        Store(tmp_path / "file" / "0", memory)


def test_the_log_of_what_rocksdb_does_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often tables are written, there are two logs of a bounded size, and the present one."""
    monkeypatch.setattr(state, "LOG_BYTES", 20_000)
    store = Store(tmp_path / "0", StoreMemory())
    for n in range(100):
        store.write([(b"v", b"%d" % n)], applied=n, changelog_position=n)
        store._db.flush()
    store.close()  # or a log may be deleted between its name and its size
    assert sum(file.stat().st_size for file in (tmp_path / "0").glob("LOG*")) < 4 * state.LOG_BYTES
