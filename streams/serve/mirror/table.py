"""A compacted topic on the local disk: the newest value of every key, byte for byte.

Each partition has a database (:class:`streams.engine.state.Store`) that stores its position, so a restart
continues there. The topic is read from its beginning only if the database cannot be used: the topic was
created anew, the database is damaged, or it is so old that it may have missed tombstones.

A stored value is a header (offset, timestamp, CRC-32 of the bytes; for ETags) and the record's bytes.
"""

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from schemas.partitioner import partition_for
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.changelog import unusable
from streams.engine.state import Store, StoreMemory, wipe
from streams.engine.table_reader import TableReader
from streams.engine.table_records import UnusableRecords, take_each
from streams.errors import StateDamagedError
from streams.kafka.clients import Message
from streams.kafka.topics import TopicInfo

__all__ = ["Change", "Stored", "Table", "take_changes"]

_LOG = structlog.get_logger(__name__)

_HEADER = struct.Struct("<qqI")
WAIT_S = 0.01
"""Seconds in which changes are gathered into one write: latency that every new page gets."""
REPLAY_ROWS = 5_000
"""Stored rows in one call of `on_change` when a table is opened."""

Change = tuple[bytes, bytes | None]
"""A key and its newest value; None where it was deleted."""


class Stored(NamedTuple):
    """A record's bytes and their position."""

    value: bytes
    partition: int
    offset: int
    time_ms: int
    """The record's timestamp (UTC, ms)."""
    crc: int

    @property
    def etag(self) -> str:
        """Strong validator, the same on every server for the same record.

        Examples
        --------
        >>> Stored(b"{}", 2, 41, 0, 0xBEEF).etag
        '"2-41-0000beef"'
        """
        return f'"{self.partition}-{self.offset}-{self.crc:08x}"'


class Table:
    """The newest value of every key of a topic.

    Parameters
    ----------
    settings
        Cluster and prefix.
    name
        The topic, without the prefix.
    facts
        Its partitions and id, as the cluster reports them.
    folder
        Folder of all tables; this one gets a subfolder.
    memory
        Shared by all tables.
    delete_retention_s
        How long the topic keeps tombstones, in seconds.
    on_change
        Called with changes after they were stored, from the reader's thread.
    replay
        Whether ``on_change`` gets the rows that are stored already, too, when the table is opened.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        facts: TopicInfo,
        folder: Path,
        memory: StoreMemory,
        *,
        delete_retention_s: float,
        on_change: Callable[[Sequence[Change]], None] = lambda _: None,
        replay: bool = False,
    ) -> None:
        topic = settings.topic(name)
        self._folder = folder / f"{topic}-{facts.topic_id.hex()[:16]}"
        self._others = [path for path in folder.glob(f"{topic}-*") if path != self._folder]
        self._memory, self._retention_s = memory, delete_retention_s
        self._on_change, self._replay = on_change, replay
        self._stores: dict[int, Store] = {}
        self._partitions = facts.partitions
        parts = range(facts.partitions)
        self._reader = TableReader(settings, topic, parts, self._take, begin=self._open, wait_s=WAIT_S)

    @property
    def caught_up(self) -> bool:
        """Whether each partition was read to its end."""
        return self._reader.caught_up

    @property
    def progress(self) -> str:
        """Progress of the first read, as text."""
        return str(self._reader.read_progress)

    @property
    def remaining(self) -> int:
        """Upper bound of the records left in the first read."""
        return self._reader.read_progress.remaining

    def start(self) -> None:
        """Start reading; the folder of an earlier topic of this name is removed."""
        for path in self._others:
            shutil.rmtree(path, ignore_errors=True)
        self._reader.start()

    def stop(self) -> None:
        """Stop reading and close the databases."""
        self._reader.stop()
        for store in self._stores.values():
            store.close()
        self._stores.clear()

    def get(self, key: bytes) -> Stored | None:
        """Return the newest record of a key, None if there is none.

        The partition that murmur2 gives is searched first, then the others: producers of a catalog may
        partition differently.
        """
        home = partition_for(key, self._partitions)
        for partition in (home, *(p for p in range(self._partitions) if p != home)):
            store = self._stores.get(partition)
            row = store.get(key) if store else None
            if row is not None:
                return _unpacked(row, partition)
        return None

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the newest values of many keys, in their order."""
        found: list[bytes | None] = [None] * len(keys)
        for store in list(self._stores.values()):
            for n, row in enumerate(store.get_many(keys)):
                if row is not None:
                    found[n] = row[_HEADER.size :]
        return found

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every key and value."""
        for store in list(self._stores.values()):
            yield from ((key, row[_HEADER.size :]) for key, row in store.scan())

    def _open(self, partition: int, low: int, high: int) -> int:
        """Open a partition's database and return the offset to read from; called by the reader's thread."""
        path = self._folder / str(partition)
        store = self._usable(path, low, high)
        self._stores[partition] = store
        rows: list[Change] = []
        for key, row in store.scan() if self._replay else ():
            rows.append((key, row[_HEADER.size :]))
            if len(rows) == REPLAY_ROWS:
                self._on_change(rows)
                rows = []
        self._on_change(rows)
        return max(low, store.changelog_position)

    def _usable(self, path: Path, low: int, high: int) -> Store:
        try:
            store = Store(path, self._memory)
            why = unusable(store, low, high, delete_retention_s=self._retention_s, now_ms=now_ms())
            if why is None:
                return store
            store.close()
        except StateDamagedError as error:
            why = str(error)
        _LOG.error("table_wiped", table=self._folder.name, partition=path.name, why=why)
        wipe(path)
        return Store(path, self._memory)

    def _take(self, messages: list[Message]) -> None:
        """Store messages, one write for each partition, then report the changes."""
        parts: dict[int, dict[bytes, bytes | None]] = {}
        last: dict[int, int] = {}
        for message in messages:
            partition, key, value = message.partition() or 0, message.key(), message.value()
            last[partition] = message.offset() or 0
            rows = parts.setdefault(partition, {})
            if key and key[0]:  # keys that begin with NUL are not rows
                header = _HEADER.pack(last[partition], message.timestamp()[1], zlib.crc32(value or b""))
                rows[key] = None if value is None else header + value
        for partition, rows in parts.items():
            end = last[partition]
            self._stores[partition].write(
                rows.items(), applied=end, changelog_position=end + 1, caught_up=self.caught_up
            )
            self._on_change([(key, row and row[_HEADER.size :]) for key, row in rows.items()])


def take_changes(
    topic: str, changes: Sequence[Change], take: Callable[[Change], None], unusable: UnusableRecords
) -> None:
    """Apply changes of a table (its name without the prefix), each by itself.

    Parameters
    ----------
    topic
        The table.
    changes
        In order.
    take
        Applies one; raises on a bad one.
    unusable
        Receives bad ones.
    """

    def take_some(some: Sequence[Change]) -> None:
        for change in some:
            take(change)

    take_each(
        changes,
        take_some,
        lambda change, error: unusable.add(topic, change[0], error),
        lambda taken: unusable.discard(topic, (key for key, _ in taken)),
    )


def _unpacked(row: bytes, partition: int) -> Stored:
    offset, time_ms, crc = _HEADER.unpack_from(row)
    return Stored(row[_HEADER.size :], partition, offset, time_ms, crc)
