"""How the state of a partition is brought up to date, and where reading of its source begins."""

from pathlib import Path

import structlog

from streams.engine.changelog import Changelog
from streams.engine.context import WorkerContext
from streams.engine.stage import StageSpec
from streams.engine.state import Store, wipe
from streams.engine.store_identity import StoreIdentity
from streams.errors import SourceRecreatedError, StateDamagedError

__all__ = ["first_offset", "restored"]

_LOG = structlog.get_logger(__name__)


def restored(folder: Path, spec: StageSpec, log: Changelog, context: WorkerContext) -> Store:
    """Open the store of a partition and replay its changelog to the end, from zero if the store is unusable.

    Parameters
    ----------
    folder
        Folder of the database; may not exist yet.
    spec
        The stage.
    log
        The partition's changelog.
    context
        Clock, metrics and memory.

    Returns
    -------
    Store
        Open and up to date with the changelog.

    Raises
    ------
    AbandonedError
        The partition was revoked meanwhile; the store is closed.
    StateError
        The folder is in use or cannot be used.
    """
    store = _usable(folder, spec, log, context)
    context.failpoint("in_restore")
    try:
        log.replay(store)
    except BaseException:
        store.close()
        raise
    return store


def _usable(folder: Path, spec: StageSpec, log: Changelog, context: WorkerContext) -> Store:
    """Open the store, or a new one in its place if it is another's, damaged, too old, or ahead of the log."""
    identity = context.identity(spec, log.partition)
    try:
        store = Store(folder, context.memory, now_ms=context.now_ms)
        kept_s = context.delete_retention_s(spec.changelog)
        why = None if store.is_new else identity.difference(store.identity)
        why = why or log.unusable(store, delete_retention_s=kept_s, now_ms=context.now_ms())
        if why is None:
            return _claimed(store, identity)
        store.close()
    except StateDamagedError as error:
        why = str(error)
    _LOG.error(
        "state_wiped", stage=spec.name, partition=log.partition, why=why, next="rebuilt from changelog"
    )
    context.metrics.state_rebuilds.labels(spec.name).inc()
    wipe(folder)
    return _claimed(Store(folder, context.memory, now_ms=context.now_ms), identity)


def _claimed(store: Store, identity: StoreIdentity) -> Store:
    """Let a new store say what its rows belong to."""
    if store.is_new:
        store.claim(identity.packed())
    return store


def first_offset(spec: StageSpec, partition: int, applied: int, low: int, high: int) -> tuple[int, int]:
    """Return the offset to read from, and how many records retention deleted before they were read.

    The policy: deleted records are lost, so reading continues at the first available record, and the gap is
    counted and logged as an error. A partition without state begins at the first available record and counts
    no gap.

    Parameters
    ----------
    spec
        The stage.
    partition
        Source partition.
    applied
        Last offset that is part of the state; -1 for none.
    low, high
        First offset and end of the source partition.

    Returns
    -------
    tuple of int
        Offset to seek to, and number of missing offsets.

    Raises
    ------
    SourceRecreatedError
        The state reaches beyond the end.

    Examples
    --------
    >>> spec = StageSpec("s", source="in", changelog="log", make_step=None, dead_letters="dead")
    >>> [first_offset(spec, 0, applied, low, 100) for applied, low in ((41, 0), (41, 50), (-1, 50))]
    [(42, 0), (50, 8), (50, 0)]
    """
    if applied >= high:
        what = f"the state of stage {spec.name} reaches offset {applied} of {spec.source}/{partition}"
        why = f"that partition ends at {high}: the topic was deleted and created again, or lost its end"
        advice = "restore the topic, or stop all workers and start anew: new NEARLINE_GROUP, empty changelogs"
        raise SourceRecreatedError(what, why=why, next_step=advice)
    if applied < 0:
        return max(low, spec.start_offset(partition)), 0
    return max(applied + 1, low), max(low - (applied + 1), 0)
