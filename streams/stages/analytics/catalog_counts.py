"""Titles' tags and how many titles have each, out of the catalog; a companion of the worker.

``catalog.titles.v1`` is read whole and then followed (:mod:`streams.engine.table_reader`), into an
`online_models.insights.catalog_snapshot`.
"""

from collections.abc import Sequence

from online_models.insights.catalog_snapshot import CatalogSnapshot
from schemas import topics
from schemas.codec import check_title_key, decode_title
from streams.config.settings import Settings
from streams.engine.table_reader import TableReader
from streams.engine.table_records import TableRecords, UnusableRecords
from streams.kafka.clients import Message
from streams.telemetry.metrics import Metrics

__all__ = ["CatalogCounts"]

POLL_S = 0.2
"""Longest wait for a change: a new title's visits may be counted without its tags for so long."""


class CatalogCounts:
    """The present catalog.

    Parameters
    ----------
    settings
        Brokers, topics.
    partitions
        Partitions of the catalog's topic.
    metrics
        Show how many titles have an unusable record; such a title stays as it was.
    """

    def __init__(self, settings: Settings, *, partitions: int, metrics: Metrics) -> None:
        self._snapshot = CatalogSnapshot()
        self.take = TableRecords(topics.CATALOG, self._take, UnusableRecords(metrics))
        self._table = TableReader(
            settings, settings.topic(topics.CATALOG), range(partitions), self.take, wait_s=POLL_S
        )

    def start(self) -> None:
        """Start to read."""
        self._table.start()

    def stop(self) -> None:
        """Stop reading."""
        self._table.stop()

    def current(self) -> CatalogSnapshot:
        """Return the catalog, once the topic has been read to its end."""
        self._table.wait()
        return self._snapshot

    def waiting(self) -> list[str]:
        """Return the reader's progress, while it has not caught up."""
        return [] if self._table.caught_up else [str(self._table.read_progress)]

    def _take(self, messages: Sequence[Message]) -> None:
        """Apply records; raise `DecodeError` on a bad one."""
        for message in messages:
            key, value = message.key() or b"", message.value()
            if value is None:
                self._snapshot.withdraw(key.decode(errors="replace"))
                continue
            title = decode_title(value)
            check_title_key(title, key)
            self._snapshot.put(title)
