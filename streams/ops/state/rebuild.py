"""`nearline state rebuild`: delete local databases and restore them from their changelogs."""

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streams.config.settings import Settings
from streams.engine.changelog import RESTORER, Changelog
from streams.engine.folder_lock import locked_folder
from streams.engine.read_progress import ReadProgress
from streams.engine.state import Store, StoreMemory, wipe
from streams.engine.store_identity import StoreIdentity
from streams.errors import StateError
from streams.kafka.clients import consumer, require_broker
from streams.kafka.topics import TopicInfo, require_topics
from streams.ops.state.local import StateLocation, places, stage_state

__all__ = ["Rebuilt", "chosen", "rebuild"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """One restored database."""

    stage: str
    partition: int
    rows: int
    """Records read; a key that is not compacted yet counts once for each of its records."""
    bytes: int
    """Size of its files."""
    seconds: float
    applied: int
    """Applied source offset."""

    def document(self) -> dict[str, Any]:
        """Return it for JSON, with rows per second."""
        return asdict(self) | {"rows_per_s": self.rows / max(self.seconds, 1e-9)}


def chosen(settings: Settings, stage: str | None, partition: int | None) -> list[StateLocation]:
    """Return the databases to rebuild: the existing ones, or the named one even if it does not exist.

    Raises
    ------
    StateError
        There is none.
    SettingsError
        There is no such stage.
    """
    if stage is not None and partition is not None:
        kind = stage_state(stage)
        with suppress(StateError):
            return places(settings, stage, partition)
        return [StateLocation(kind, partition, settings.state_folder / stage / str(partition))]
    return places(settings, stage, partition)


def rebuild(
    settings: Settings, wanted: list[StateLocation], progress: Callable[[ReadProgress], None] = lambda _: None
) -> list[Rebuilt]:
    """Delete databases and restore them from their changelogs.

    Parameters
    ----------
    settings
        State folder and cluster.
    wanted
        From :func:`chosen`.
    progress
        Called with the progress of each before it is restored; it is updated meanwhile.

    Raises
    ------
    StateLockedError
        A worker uses the state folder.
    BrokerUnreachableError
        No broker answers; nothing was deleted.
    TopicError
        A changelog does not exist; nothing was deleted.
    """
    folders = {settings.state_folder, *(place.folder.parent.parent for place in wanted)}  # of processes, too
    with ExitStack() as stack:
        for folder in sorted(folders):
            stack.enter_context(locked_folder(folder))
        require_broker(settings)
        changelogs = require_topics(settings, list({place.kind.changelog for place in wanted}))
        return [_rebuilt(settings, place, changelogs[place.kind.changelog], progress) for place in wanted]


def _rebuilt(
    settings: Settings, place: StateLocation, changelog: TopicInfo, progress: Callable[[ReadProgress], None]
) -> Rebuilt:
    began, read_progress = time.monotonic(), ReadProgress(str(place))
    client = consumer(settings, RESTORER)
    topic = settings.topic(place.kind.changelog)
    log = Changelog(client, topic, place.partition, read_progress=read_progress)
    try:
        log.ends()  # fails on a missing topic before anything is deleted
        progress(read_progress)
        wipe(place.folder)
        store = Store(place.folder, StoreMemory())
        try:
            store.claim(_identity(settings, place, changelog).packed())
            log.replay(store)
            applied = store.applied
        finally:
            store.close()
    finally:
        client.close()
    took = time.monotonic() - began
    return Rebuilt(place.kind.stage, place.partition, read_progress.rows, _size(place.folder), took, applied)


def _identity(settings: Settings, place: StateLocation, changelog: TopicInfo) -> StoreIdentity:
    """Return what the database belongs to, as the worker of these settings has it."""
    return StoreIdentity(
        cluster=changelog.cluster,
        changelog=settings.topic(place.kind.changelog),
        topic_id=changelog.topic_id.hex(),
        group=settings.consumer_group,
        stage=place.kind.stage,
        partition=place.partition,
        layout=place.kind.rows.layout(settings.model),
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
