r"""Local state: one database per stage and source partition, on disk. The only module that imports rocksdict.

A :class:`Store` holds the rows of one partition. The same atomic writes also store the source offset that the
rows include (*applied*) and the position in the changelog up to which they were written. The store is a cache
of the changelog that survives a restart: a damaged or unusable one is wiped and rebuilt from the changelog,
never repaired. Two partitions never share a database, a lock or a file. They share a bounded block cache and
a bounded set of write buffers (:class:`StoreMemory`).

Writes go to RocksDB's log without fsync. After a power loss the store may be behind the changelog, and the
next start replays the rest. It is never ahead, because the changelog is written first.

Key b"\0meta" holds offset and position, key b"\0identity" what the rows belong to
(:mod:`streams.engine.store_identity`); keys that begin with a NUL byte are never rows.
"""

import shutil
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import rocksdict

from streams.clock import now_ms
from streams.errors import StateDamagedError, StateError, StateLockedError

__all__ = ["Store", "StoreMemory", "is_marked", "wipe"]

META_KEY = b"\0meta"
"""Key of the record with offset and position."""

IDENTITY_KEY = b"\0identity"
"""Key of the record that says what the rows belong to."""

_META = struct.Struct("<Bqqq")
"""Version, applied source offset, changelog position, time of writing (UTC, ms)."""

VERSION = 1
"""Version of the layout; a store of a newer version is refused."""

REWRITTEN_S = 3 * 86_400
"""Seconds after which a table file is written anew, and ..."""

FLUSHED_EVERY_MS = 86_400_000
"""... milliseconds after which rows in memory become a table with the next write. RocksDB looks for old
tables when there is a new one, and in a quiet database there would be none for years. A deletion is in a
table within a day, the old tables are gone a day or two after they are old, and their names with the next
manifest: after a week a deleted row leaves no bytes, as in Kafka (`max.compaction.lag.ms`)."""

WRITE_BUFFER_BYTES = 32 << 20
"""Maximum bytes of one database's write buffer; `StoreMemory` bounds all of them together. The titles stage
writes the same rows again and again, 2 MB a batch, and of a row only the newest version leaves the buffer:
with 870 rows a batch RocksDB's threads take 4 ms of CPU where they take 7.5 with 8 MiB, beside 7 ms of the
write itself."""

LOG_BYTES = 1 << 20
"""Bytes after which RocksDB begins a new log of what it does, and deletes the one before the last. Without a
bound it grows until the process ends: by 40 MB a day where titles are written five times a minute."""

ERASE_EVERY_MS = 600_000
"""Milliseconds between two erasures, so that many in a row cost one rewriting of the tables."""

ERASE_ONE_BY_ONE = 8
"""Keys that are erased one by one; of more, everything between the first and the last is rewritten once."""

_FIRST_ROW = b"\x01"
"""Smallest key of a row."""

_INCOMING = "incoming"
"""File in the folder of a database with rows to ingest; the next one overwrites it."""

_DAMAGED = "DAMAGED"
"""File next to a database that was found corrupt while open: the next open wipes the database first."""


class StoreMemory:
    """Memory that all databases of a process share, so that it does not grow with the number of partitions.

    Parameters
    ----------
    cache_bytes
        Block cache. Default 64 MiB: the step keeps hot rows in its own memory, this caches the others.
    buffer_bytes
        Total of all write buffers. Default 64 MiB: half of it for the titles, 4 MiB for each of 8 partitions.
    open_files
        Table files that one database keeps open. Default 64: far below the common limit of 1,024 per process.
    """

    def __init__(
        self, *, cache_bytes: int = 64 << 20, buffer_bytes: int = 64 << 20, open_files: int = 64
    ) -> None:
        self._cache = rocksdict.Cache(cache_bytes)
        self._buffers = rocksdict.WriteBufferManager(buffer_bytes, allow_stall=False)
        self._open_files = open_files

    @property
    def parts(self) -> Mapping[str, Callable[[], int]]:
        """Return functions that return the bytes in use, by part."""
        return {"write_buffers": self._buffers.get_usage, "block_cache": self._cache.get_usage}

    def options(self) -> rocksdict.Options:
        """Return the options of another database."""
        table = rocksdict.BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_bloom_filter(10, False)  # noqa: FBT003 - rocksdict takes it by position: filters of whole tables
        options = rocksdict.Options(raw_mode=True)
        options.create_if_missing(True)  # noqa: FBT003
        options.set_block_based_table_factory(table)
        options.set_write_buffer_manager(self._buffers)
        options.set_write_buffer_size(WRITE_BUFFER_BYTES)
        options.set_max_open_files(self._open_files)
        options.set_max_file_opening_threads(1)  # it starts 16 even for none: 4 of 6 ms CPU of an opening
        options.set_keep_log_file_num(2)
        options.set_max_log_file_size(LOG_BYTES)
        # a manifest has the first and last key of every table, also of former ones: write a new one with each
        # change of tables, so that a key is gone with the last table that had it
        options.set_max_manifest_file_size(1)
        options.set_compression_type(rocksdict.DBCompressionType.lz4())
        return options


class Store:
    """The state of one source partition.

    Parameters
    ----------
    path
        Folder of the database; created if missing.
    memory
        Memory that the databases of this process share.
    now_ms
        Clock (UTC, ms).
    secondary
        An empty folder: opens the database read-only while another process writes it; needs a memory with
        ``open_files=-1``. None: opens it for writing.

    Attributes
    ----------
    applied
        Source offset of the last record that is part of the rows; -1 before the first.
    changelog_position
        Offset of the first record of the changelog that the rows may not reflect.
    written_at_ms
        Last time at which the store was up to date with its changelog (UTC, ms); 0 if never.
    is_new
        Whether nothing was ever written.

    Raises
    ------
    StateLockedError
        Another store or process has the database open.
    StateError
        The folder cannot be used, or was written by a newer version.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> store = Store(folder / "0", StoreMemory())
    >>> store.write([(b"v1", b"row"), (b"v2", None)], applied=41, changelog_position=7)
    >>> store.get(b"v1"), store.get(b"v2"), store.applied
    (b'row', None, 41)
    >>> store.close()
    """

    def __init__(
        self,
        path: Path,
        memory: StoreMemory,
        *,
        now_ms: Callable[[], int] = now_ms,
        secondary: Path | None = None,
    ) -> None:
        self._path, self._now_ms, self._writable = path, now_ms, secondary is None
        kinds = rocksdict.AccessType
        access = kinds.read_write() if secondary is None else kinds.secondary(str(secondary))
        if self._writable and is_marked(path):
            wipe(path)
        try:
            if self._writable:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._options = memory.options()
            # By name, or a database that exists has what it was made with, and a cache of 8 MB for itself
            families = {"default": self._options}
            self._db = rocksdict.Rdict(str(path), self._options, families, access)
            if self._writable:
                self._db.set_options({"periodic_compaction_seconds": str(REWRITTEN_S)})
        except Exception as error:
            raise self._translated(error) from error
        self.applied, self.changelog_position, self.written_at_ms = -1, 0, 0
        self.is_new = True
        self._to_erase: set[bytes] = set()
        self._erased_at_ms = 0
        self._flushed_at_ms = now_ms()
        self._read_meta()

    @property
    def identity(self) -> bytes | None:
        """Return what the rows belong to, as it was claimed; None if it never was."""
        return self.get(IDENTITY_KEY)

    def claim(self, identity: bytes) -> None:
        """Store what the rows of a new store belong to; before the first row."""
        try:
            self._db.put(IDENTITY_KEY, identity)
        except Exception as error:
            raise self._translated(error) from error

    def get(self, key: bytes) -> bytes | None:
        """Return the row of a key, None if there is none."""
        try:
            row: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._translated(error) from error
        return row

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the rows of many keys, in their order; one call into RocksDB."""
        if not keys:
            return []
        try:
            rows = self._db.get(list(keys))
        except Exception as error:
            raise self._translated(error) from error
        return rows or []

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys begin with `prefix`, ascending by key.

        Raises
        ------
        StateDamagedError
            A file is corrupt. RocksDB's iterators only end there, so their status is checked.
        """
        cursor = self._db.iter()
        cursor.seek(max(prefix, _FIRST_ROW))
        while cursor.valid():
            key = cursor.key()
            if not key.startswith(prefix):
                return
            yield key, cursor.value()
            cursor.next()
        try:
            cursor.status()
        except Exception as error:
            raise self._translated(error) from error

    def write(
        self,
        rows: Iterable[tuple[bytes, bytes | None]],
        *,
        applied: int,
        changelog_position: int,
        caught_up: bool = True,
    ) -> None:
        """Write rows, applied offset and changelog position atomically.

        Parameters
        ----------
        rows
            Keys and values; None deletes.
        applied, changelog_position
            New values of the attributes.
        caught_up
            Whether the rows are now up to date with the changelog; if not, the time of writing is kept.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        put, delete = batch.put, batch.delete
        for key, value in rows:
            if value is None:
                delete(key)
            else:
                put(key, value)
        clock = self._now_ms()
        now = clock if caught_up else self.written_at_ms
        batch.put(META_KEY, _META.pack(VERSION, applied, changelog_position, now))
        try:
            self._db.write(batch)
            if not 0 <= clock - self._flushed_at_ms < FLUSHED_EVERY_MS:
                self._flushed_at_ms = clock
                self._db.flush()
        except Exception as error:
            raise self._translated(error) from error
        self.applied, self.changelog_position, self.written_at_ms = applied, changelog_position, now

    def erase(self, keys: Iterable[bytes]) -> None:
        """Remove what deleted rows left in the files: RocksDB deletes by a mark, and keeps the bytes.

        The tables that may have a key are written anew without it, a second for each 100 MB. So the keys
        are collected, and written out of the tables with the first call that comes :data:`ERASE_EVERY_MS`
        after the last time; the first key at once. Does nothing without a key to erase.

        Parameters
        ----------
        keys
            Keys whose deletion was written.
        """
        self._to_erase.update(keys)
        now = self._now_ms()
        if not self._to_erase or 0 <= now - self._erased_at_ms < ERASE_EVERY_MS:
            return
        self._erased_at_ms = now
        ranges = [(key, key + b"\0") for key in sorted(self._to_erase)]
        if len(ranges) > ERASE_ONE_BY_ONE:
            ranges = [(ranges[0][0], ranges[-1][1])]
        try:
            self._db.flush()
            for first, end in ranges:
                self._db.compact_range(first, end)
            # the manifest of the compaction still names the tables that it replaced; the next one does not
            self._db.put(META_KEY, self._db.get(META_KEY))
            self._db.flush()
        except Exception as error:
            raise self._translated(error) from error
        self._to_erase.clear()

    def ingest(self, rows: Mapping[bytes, bytes | None], *, applied: int, changelog_position: int) -> None:
        """Ingest many rows of a log that is not read to its end yet, as a table file of their own.

        It is as atomic as :meth:`write`, because the file contains the position with its rows, and costs half
        of it: nothing passes RocksDB's log and write buffer.

        Parameters
        ----------
        rows, applied, changelog_position
            As for :meth:`write`.
        """
        meta = _META.pack(VERSION, applied, changelog_position, self.written_at_ms)
        table, file = rocksdict.SstFileWriter(self._options), str(self._path / _INCOMING)
        moved = rocksdict.IngestExternalFileOptions()
        moved.set_move_files(True)
        try:
            table.open(file)
            table[META_KEY] = meta
            for key in sorted(rows):
                value = rows[key]
                if value is None:
                    del table[key]
                else:
                    table[key] = value
            table.finish()
            self._db.ingest_external_file([file], moved)
        except Exception as error:
            raise self._translated(error) from error
        self.applied, self.changelog_position = applied, changelog_position

    def close(self) -> None:
        """Close the database and release its lock; a failure to write its last rows is a `StateError`."""
        try:
            self._db.close()
        except Exception as error:
            raise self._translated(error) from error

    def _read_meta(self) -> None:
        """Read the attributes that the last write stored."""
        meta = self.get(META_KEY)
        if meta is None:
            return
        self.is_new = False
        if meta[0] > VERSION:
            self.close()
            what = f"the state in {self._path} has layout {meta[0]}, this version knows {VERSION}"
            advice = "start that version, or wipe the folder"
            raise StateError(what, why="a newer version wrote it", next_step=advice)
        _, self.applied, self.changelog_position, self.written_at_ms = _META.unpack(meta)

    def _translated(self, error: Exception) -> StateError:
        """Translate a failure of RocksDB, always a plain exception with a text."""
        text = str(error)
        missing = "No such file" in text and (self._path / "CURRENT").exists()
        if missing or text.startswith("Corruption"):
            if not self._writable:
                advice = "stop the worker, run `nearline state rebuild`, and check the disk"
                return StateDamagedError(f"the state in {self._path} is damaged", why=text, next_step=advice)
            (self._path.parent / f"{self._path.name}.{_DAMAGED}").touch()
            what = f"the state in {self._path} is damaged"
            advice = "restart: it is wiped and rebuilt from its changelog; check the disk"
            return StateDamagedError(what, why=text, next_step=advice)
        if "lock file" in text or "lock hold" in text:
            what = f"the state in {self._path} is in use by another worker"
            advice = "give each worker its own folder (NEARLINE_STATE_DIR)"
            return StateLockedError(what, why=text, next_step=advice)
        what = f"the state in {self._path} cannot be read or written"
        advice = "check the owner of the folder and the free space of the disk"
        return StateError(what, why=text, next_step=advice)


def is_marked(path: Path) -> bool:
    """Return whether a database was found damaged while it was open: the next open wipes it first."""
    return (path.parent / f"{path.name}.{_DAMAGED}").exists()


def wipe(path: Path) -> None:
    """Remove a database and its damage mark; its changelog rebuilds it."""
    shutil.rmtree(path, ignore_errors=True)
    (path.parent / f"{path.name}.{_DAMAGED}").unlink(missing_ok=True)
