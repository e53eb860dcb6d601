"""The new version waits at the marker until the old version has reached it.

Without the wait a page from before the switch could be published after one from behind it, and a viewer's
page numbers would go backwards. A switch is allowed when both versions are near the end of the log, so the
wait is short; if the old version's worker was killed, it lasts until another worker has taken its partition
over.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from schemas import topics
from streams.config.settings import Settings
from streams.engine.applied import newest_applied, unpack_applied
from streams.engine.changelog import ends
from streams.errors import BrokerUnreachableError
from streams.kafka import clients as kafka_clients
from streams.kafka import scan as topic_scan
from streams.kafka.clients import KafkaException, unreachable
from streams.stages.versions.register import read_register

__all__ = ["Handover", "Predecessor", "applied_by"]

_LOG = structlog.get_logger(__name__)

POLL_S = 0.05
"""Wait between two polls of the old version: small against the second that a viewer notices."""
LOG_EVERY = 200
"""Polls between two log lines: ten seconds."""


class Predecessor(NamedTuple):
    """The version that must reach an offset first."""

    version: str
    offset: int


class Handover:
    """Holds back the partitions of this worker that wait for another version.

    Parameters
    ----------
    settings
        Cluster and prefix.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: dict[int, Predecessor] = {}
        self._polls = 0

    def wait_for(self, partition: int, predecessor: Predecessor | None) -> None:
        """Set what a partition waits for; None: nothing."""
        if predecessor is None:
            self._waiting.pop(partition, None)
        else:
            self._waiting[partition] = predecessor

    async def passed(self, partition: int) -> bool:
        """Return whether a partition may go on; polls once, and sleeps when it may not."""
        wanted = self._waiting.get(partition)
        if wanted is None:
            return True
        try:
            applied = await asyncio.to_thread(self._applied, wanted.version, partition)
        except (
            BrokerUnreachableError
        ):  # `streams.engine.broker_watch` reports it; asked again when it is back
            return False
        if applied is None or applied >= wanted.offset:
            self._waiting.pop(partition, None)
            _LOG.info("taken_over", partition=partition, offset=wanted.offset, former=wanted.version)
            return True
        if self._polls % LOG_EVERY == 0:
            behind = wanted.offset - applied
            _LOG.warning(
                "waits_for_former_version", partition=partition, version=wanted.version, behind=behind,
                next="keep its workers running until it has reached the switch",
            )  # fmt: skip
        self._polls += 1
        await asyncio.sleep(POLL_S)
        return False

    def _applied(self, version: str, partition: int) -> int | None:
        """Return the offset that a version has applied; None for a version that is retired or unknown."""
        found = applied_by(self._settings, version, [partition])
        if found is None:
            return None
        never = found[partition] < 0 and version not in read_register(self._settings).versions
        return None if never else found[partition]


def applied_by(settings: Settings, version: str, partitions: Sequence[int]) -> dict[int, int] | None:
    """Return the offset up to which a version has applied the events, by partition; -1 before the first.

    Returns
    -------
    dict or None
        None where the version has no state.

    Raises
    ------
    BrokerUnreachableError
        The broker does not answer.
    """
    theirs = settings.model_copy(update={"model_version": version})
    changelog = theirs.topic(topics.VIEWER_STATE)
    if changelog not in topic_scan.metadata(theirs).topics:
        return None
    reader = kafka_clients.consumer(theirs, topic_scan.READER)
    try:
        found = newest_applied(reader, changelog, {p: ends(reader, changelog, p) for p in partitions})
    except KafkaException as error:
        raise unreachable(settings, error) from None
    finally:
        reader.close()
    return {p: unpack_applied(found[p]) if p in found else -1 for p in partitions}
