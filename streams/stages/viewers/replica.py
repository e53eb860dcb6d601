"""Replica of the title model and the catalog's guards in every worker.

A tombstone in the title model says that the titles stage has evicted a title: the replica forgets what was
learned of it and keeps its row, whose number viewers' histories in memory hold, until the next start. A
tombstone in the catalog takes a title off all lists.

A record that cannot be used is passed over (:mod:`streams.engine.table_records`). Of the catalog the last
usable record of the title stays in force, with its guards; if there is none, since compaction has deleted it,
the title is withdrawn: nobody knows for whom it is.
"""

from collections.abc import Sequence
from functools import partial
from threading import Event

import numpy as np

from online_models.artwork.gallery import Gallery
from online_models.catalog.catalog import Catalog
from online_models.learners.segments import Segments
from online_models.page.catalog_index import ViewerSegments
from online_models.ranking.segment_boost import SegmentBoost
from online_models.tables.layout import I8
from online_models.tables.rows import TITLE_ROWS
from online_models.tables.titles import TitleTable
from schemas import DecodeError, Reason, Title, topics
from schemas.codec import check_title_key, decode_title
from streams.config.settings import Settings
from streams.engine.table_reader import TableReader
from streams.engine.table_records import TableRecords, UnusableRecords
from streams.errors import StateError
from streams.kafka.clients import Message
from streams.stages.wire import attribution, cohort_rows, segment_rows, title_rows
from streams.stages.wire.partition_rows import FORMAT, LEARNED, check_format, is_reserved
from streams.telemetry.metrics import Metrics

CATALOG_POLL_S = 0.02
"""Seconds between two looks whether the catalog is read: adds to the start of a worker."""


class Replica:
    """Titles as the titles stage published them; a companion of the worker.

    One thread writes while the viewers' steps read, without a lock: a step may see a vector of which some
    numbers are a moment newer. Ranking does not notice.

    Parameters
    ----------
    settings
        Brokers, shards, model.
    partitions
        Partitions of the catalog's topic.
    viewer_partitions
        Partitions of the viewing events' topic: the senders of signals.
    metrics
        Show rows and age.
    unusable
        Receives records that cannot be used. Default: one of its own.

    Attributes
    ----------
    titles
        The titles' rows.
    catalog
        Their guards.
    segment_boost
        Boost of titles that are watched in a country or on a kind of device.
    segments
        Watches in countries and cohorts, as pages need them.
    gallery
        Artwork of the titles and its bandits.
    take_rows, take_titles
        Take records of the title model and of the catalog, each by itself.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        partitions: int,
        viewer_partitions: int,
        metrics: Metrics,
        unusable: UnusableRecords | None = None,
    ) -> None:
        self.titles = TitleTable(settings.model, learns=False)
        self.catalog = Catalog(self.titles)
        self.gallery = Gallery(self.titles)
        self._shard_segments = [Segments() for _ in range(settings.title_shards)]
        self.segment_boost = SegmentBoost(self.titles, self._shard_segments)
        self.segments = ViewerSegments(self.titles, self.segment_boost)
        self._metrics = metrics
        self._learned: I8 = np.zeros((settings.title_shards, viewer_partitions), np.int64)
        self._stopping = Event()
        unusable = unusable or UnusableRecords(metrics)
        self.take_rows = TableRecords(topics.TITLE_MODEL, self._take_rows, unusable)
        self.take_titles = TableRecords(topics.CATALOG, self._take_titles, unusable, self._keep_or_withdraw)
        self._model = TableReader(
            settings, settings.topic(topics.TITLE_MODEL), range(settings.title_shards), self._take_when_known
        )
        self._guards = TableReader(
            settings, settings.topic(topics.CATALOG), range(partitions), self.take_titles
        )
        metrics.replica_outside.set_function(lambda: self.titles.outside)
        metrics.title_capacity.set(settings.model.title_capacity)
        for name, table in (("titles", self._model), ("catalog", self._guards)):
            remaining = partial(getattr, table.read_progress, "remaining")
            metrics.replica_remaining.labels(name).set_function(remaining)

    def start(self) -> None:
        """Start to read both topics."""
        self._model.start()
        self._guards.start()

    def stop(self) -> None:
        """Stop reading."""
        self._stopping.set()
        self._model.stop()
        self._guards.stop()

    def wait(self) -> None:
        """Block until both are caught up."""
        self._guards.wait()
        self._model.wait()

    def has_whole_catalog(self) -> bool:
        """Return whether the catalog is caught up."""
        return self._guards.caught_up

    def waiting(self) -> list[str]:
        """Return the progress of the tables that have not caught up."""
        return [str(table.read_progress) for table in (self._guards, self._model) if not table.caught_up]

    def learned(self, partition: int) -> int:
        """Return the events of a viewers partition that every shard has learned and this replica has."""
        return int(self._learned[:, partition].min())

    def learned_in_all(self) -> int:
        """Return the events of all viewers partitions that every shard has learned and this replica has."""
        return int(self._learned.min(axis=0).sum())

    def _take_when_known(self, messages: Sequence[Message]) -> None:
        """Take rows of the model once the catalog is read: its titles have room, the others what is left."""
        while not self._guards.caught_up:
            if self._stopping.wait(CATALOG_POLL_S):
                return
        self.take_rows(messages)

    def _take_rows(self, messages: Sequence[Message]) -> None:
        """Take rows of the title model; raise on a bad one.

        Raises
        ------
        DecodeError
            A row is damaged, or of a version or configuration that this program does not have.
        StateVersionError
            A newer program writes the model.
        """
        for message in messages:
            if message.key() == FORMAT.key:
                check_format(FORMAT.unpack(message.value()), TITLE_ROWS)
        try:
            self._load_rows(messages)
        except StateError:
            expected = "expected a row of this program's version and configuration"
            raise DecodeError(Reason.MALFORMED, None, expected) from None

    def _load_rows(self, messages: Sequence[Message]) -> None:
        newest: dict[bytes, bytes | None] = {}
        learned: dict[int, bytes] = {}
        segments: dict[tuple[int, bytes], bytes | None] = {}
        for message in messages:
            key, value = message.key(), message.value()
            if key is None:
                continue
            if not is_reserved(key) or title_rows.is_keyed(key):
                newest[key] = value
            elif segment_rows.is_segment(key):
                segments[message.partition() or 0, key] = value
            elif value is None:
                continue
            elif key == LEARNED.key:
                learned[message.partition() or 0] = value
            elif key[:1] == attribution.ARTWORK:
                attribution.load_artwork(self.gallery, key, value)
            elif key == cohort_rows.KEY:
                segments[message.partition() or 0, key] = value
        title_rows.load(self.titles, {key: value for key, value in newest.items() if value is not None})
        self._retire([key.decode() for key, value in newest.items() if value is None and key[:1] > b"\x1f"])
        self._take_segments(segments)
        for (
            shard,
            value,
        ) in learned.items():  # after the rows: a reader of the count finds the rows that it counts
            self._take_learned(shard, value)
        self._metrics.replica_rows.set(len(self.titles))

    def _retire(self, title_ids: Sequence[str]) -> None:
        """Forget what was learned of titles that the titles stage has evicted."""
        rows = [row for row in map(self.titles.row, title_ids) if row is not None]
        if rows:
            self.titles.retire(np.array(rows, np.int32))

    def _take_segments(self, rows: dict[tuple[int, bytes], bytes | None]) -> None:
        """Load the rows of segments and cohorts; drop the segments that the titles stage has dropped."""
        for (shard, key), value in rows.items():
            if value is None:
                self._shard_segments[shard].drop(segment_rows.scope_of(key))
            elif key == cohort_rows.KEY:
                self.segments.cohorts = cohort_rows.load(value, self.titles)
            else:
                segment_rows.load(self._shard_segments[shard], key, value)

    def _take_learned(self, shard: int, value: bytes) -> None:
        learned = LEARNED.unpack(value)
        n = min(learned.size, self._learned.shape[1])
        self._learned[shard, :n] = np.maximum(self._learned[shard, :n], learned[:n])

    def _take_titles(self, messages: Sequence[Message]) -> None:
        """Take records of the catalog; raise `DecodeError` on a bad one."""
        some: list[Title] = []
        for message in messages:
            key, value = message.key(), message.value()
            if value is None:
                self._put_titles(some)
                some = []
                self._withdraw(key or b"")
                continue
            title = decode_title(value)
            check_title_key(title, key)
            some.append(title)
        self._put_titles(some)

    def _put_titles(self, titles: Sequence[Title]) -> None:
        self.catalog.put_all(titles)
        self.gallery.put_all(titles)

    def _keep_or_withdraw(self, message: Message) -> None:
        """Keep a title whose newest record cannot be used as it was; withdraw it if it never was."""
        key = message.key() or b""
        if not self.catalog.has_record(key.decode(errors="replace")):
            self._withdraw(key)

    def _withdraw(self, key: bytes) -> None:
        """Take a title off all lists, also one whose row has not arrived from the other topic."""
        title_id = key.decode(errors="replace")
        self.catalog.withdraw(title_id)
        self.gallery.withdraw(title_id)
