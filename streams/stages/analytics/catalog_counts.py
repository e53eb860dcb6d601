"""The catalog as those who count read it: titles' tags, and how many have them; a companion of the worker.

``catalog.titles.v1`` is read whole and then for ever (:mod:`streams.engine.table_reader`), into
`online_models.insights.catalog_snapshot`.
"""

from collections.abc import Sequence

import structlog

from online_models.insights.catalog_snapshot import CatalogSnapshot
from schemas import DecodeError, topics
from schemas.codec import decode_title
from streams.config.settings import Settings
from streams.engine.table_reader import TableReader
from streams.kafka.clients import Message

__all__ = ["CatalogCounts"]

_LOG = structlog.get_logger(__name__)

LOOK_S = 0.2
"""Longest wait for news: a title's first visits may be counted without its tags for so long."""


class CatalogCounts:
    """What the catalog has now.

    Parameters
    ----------
    settings
        Brokers, topics.
    partitions
        Of the catalog's topic.
    """

    def __init__(self, settings: Settings, *, partitions: int) -> None:
        self._stock = CatalogSnapshot()
        self._table = TableReader(
            settings, settings.topic(topics.CATALOG), range(partitions), self.take, wait_s=LOOK_S
        )

    def start(self) -> None:
        """Begin to read."""
        self._table.start()

    def stop(self) -> None:
        """Stop reading."""
        self._table.stop()

    def current(self) -> CatalogSnapshot:
        """Return the catalog, once everything that was written is known."""
        self._table.wait()
        return self._stock

    def waiting(self) -> list[str]:
        """Say how far it is, while it has not caught up."""
        return [] if self._table.caught_up else [str(self._table.read_progress)]

    def take(self, messages: Sequence[Message]) -> None:
        """Take records over; one that cannot be read leaves the former one as it is."""
        for message in messages:
            key, value = message.key() or b"", message.value()
            if value is None:
                self._stock.withdraw(key.decode(errors="replace"))
                continue
            try:
                self._stock.put(decode_title(value))
            except DecodeError as error:
                _LOG.warning("catalogue_record_unusable", reason=error.reason, field=error.field)
