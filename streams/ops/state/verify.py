"""`nearline state verify`: what is in the local databases, and whether it can be true.

A database is read whole, beside the worker that may be at work on it. Every row must be of a version that
this program knows, have the size that its version gives it, hold finite numbers, and belong to the partition.
What the rows reach is compared with the ends of the source and of the changelog, and, where it is asked for,
every row with the changelog's newest.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from online_models.errors import ModelError
from online_models.learners.title_side import shard_of
from online_models.tables.row_versions import RowVersions
from online_models.tables.titles import title_key
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.engine.changelog import RESTORER, ends
from streams.engine.state import Store, is_marked
from streams.errors import StateError
from streams.kafka.clients import OFFSET_BEGINNING, consumer
from streams.kafka.scan import partitions_of, read
from streams.ops.state.local import StateLocation, places, reading
from streams.stages.wire import attribution, cohort_rows, impression_rows, partition_rows, segment_rows
from streams.stages.wire.events import account_of
from streams.stages.wire.partition_rows import is_reserved
from streams.stages.wire.row_codec import RowCodec

__all__ = ["VerifyResult", "verify"]

CODECS: Final[Mapping[bytes, RowCodec[Any]]] = {
    impression_rows.PREFIX: impression_rows.CODEC,
    attribution.ARTWORK: attribution.ARTWORK_CODEC,
    attribution.QUERY: attribution.QUERY_CODEC,
    segment_rows.PREFIX: segment_rows.CODEC,
    cohort_rows.KEY[:1]: cohort_rows.CODEC,
}
"""Rows next to the viewers' and the titles' rows: the codec by the first byte of the key."""
CHUNK = 2_000
"""Rows looked at together: a few MB."""
Tell = Callable[[str], None]
"""Called with a line on what is going on."""


@dataclass(slots=True)
class VerifyResult:
    """What was found in one database."""

    stage: str
    partition: int
    rows: int = 0
    bytes: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    """Rows by version."""
    applied: int = -1
    """Source offset that the rows reach."""
    position: int = 0
    """Changelog offset that they reach."""
    behind: int | None = None
    """Offsets of the changelog after it, transaction markers included; None where no broker was asked."""
    compared: int | None = None
    """Rows compared with the changelog; None where it was not read."""
    problems: list[str] = field(default_factory=list)
    """What cannot be true; empty: nothing."""


def verify(
    settings: Settings,
    *,
    stage: str | None = None,
    partition: int | None = None,
    local: bool = False,
    against_changelog: bool = False,
    tell: Tell = lambda _: None,
) -> list[VerifyResult]:
    """Look at the local databases.

    Parameters
    ----------
    settings
        State folder, cluster, model.
    stage, partition
        Which; all where nothing is said.
    local
        Ask no broker.
    against_changelog
        Compare every row with the changelog.
    tell
        Hears what is being read.

    Raises
    ------
    StateError
        There is no local state.
    BrokerUnreachableError
        No broker answers.
    """
    verdicts = []
    for place in places(settings, stage, partition):
        tell(f"reading {place}")
        verdict = VerifyResult(place.kind.stage, place.partition)
        if is_marked(place.folder):
            verdict.problems.append("it was found damaged while it was open: the next start wipes it")
        try:
            with reading(place) as store:
                _look(settings, place, store, verdict, local=local)
                if against_changelog:
                    tell(f"reading the changelog of {place}")
                    _compare(settings, place, store, verdict)
        except StateError as error:
            verdict.problems.append(f"{error.what}: {error.why}")
        verdicts.append(verdict)
    return verdicts


def _look(
    settings: Settings, place: StateLocation, store: Store, verdict: VerifyResult, *, local: bool
) -> None:
    verdict.applied, verdict.position = store.applied, store.changelog_position
    verdict.problems += _rows(settings, place, store, verdict)
    if not local:
        verdict.problems += _ends(settings, place, store, verdict)
        verdict.problems += _homes(settings, place, store)


def _rows(settings: Settings, place: StateLocation, store: Store, verdict: VerifyResult) -> Iterator[str]:
    """Read every row; say what is wrong with how many."""
    wrong: Counter[str] = Counter()
    first: dict[str, bytes] = {}
    rows, versions = store.scan(), Counter[str]()
    while chunk := list(islice(rows, CHUNK)):
        own = [(key, value) for key, value in chunk if is_reserved(key)]
        chunk = [(key, value) for key, value in chunk if not is_reserved(key)]
        yield from _own(own)
        versions.update(str(value[0]) for _, value in chunk if value)
        verdict.rows += len(chunk)
        verdict.bytes += sum(len(key) + len(value) for key, value in chunk)
        for key, what in _unreadable(place.kind.rows, chunk, settings):
            wrong[what] += 1
            first.setdefault(what, key)
    verdict.versions = dict(sorted(versions.items()))
    yield from (f"{n} rows: {what} (first key's hash {_hash(first[what])})" for what, n in wrong.items())


def _own(rows: list[tuple[bytes, bytes]]) -> Iterator[str]:
    """Look at a partition's own rows."""
    known = {row.key: row for row in partition_rows.ALL}
    for key, value in rows:
        owner = partition_rows.owner_key(key)
        name = owner[1:].decode(errors="replace")
        try:
            if key[:1] in CODECS:
                CODECS[key[:1]].unpack(value)
                continue
            if owner not in known:
                yield f"the partition's row {name!r} is unknown: a newer version wrote it"
                continue
            said = known[owner].unpack(value)
        except StateError as error:
            yield f"{error.what}: {error.why}"
            continue
        if isinstance(said, np.ndarray) and not np.isfinite(said).all():
            yield f"the partition's row {name!r} is not finite"


def _unreadable(
    kind: RowVersions, rows: list[tuple[bytes, bytes]], settings: Settings
) -> Iterator[tuple[bytes, str]]:
    """Yield the keys of rows that cannot be used, each with the reason."""
    try:
        current = kind.current([value for _, value in rows], settings.model)
    except ModelError as error:
        if len(rows) == 1:
            yield rows[0][0], str(error)
        else:
            for row in rows:
                yield from _unreadable(kind, [row], settings)
        return
    dtype = kind.dtype(settings.model)
    heads = np.frombuffer(b"".join(value[: dtype.itemsize] for value in current), dtype)
    for name, numbers in _floats(heads):
        bad = ~np.isfinite(numbers).reshape(heads.size, -1).all(axis=1)
        for at in np.flatnonzero(bad).tolist():
            yield rows[at][0], f"{name} is not finite"


def _floats(heads: NDArray[np.void]) -> Iterator[tuple[str, NDArray[np.floating]]]:
    """Yield the fields that hold floating-point numbers, those of structures inside too."""
    for name in heads.dtype.names or ():
        if heads[name].dtype.names:
            yield from ((f"{name}.{inner}", numbers) for inner, numbers in _floats(heads[name]))
        elif heads[name].dtype.kind == "f":
            yield name, heads[name]


def _ends(settings: Settings, place: StateLocation, store: Store, verdict: VerifyResult) -> Iterator[str]:
    """Compare what the rows reach with the ends of source and changelog."""
    client = consumer(settings, RESTORER)
    try:
        partitions = partitions_of(settings, place.kind.source)
        if place.partition >= partitions:
            yield f"{settings.topic(place.kind.source)} has {partitions} partitions, none of this number"
            return
        _, source = ends(client, settings.topic(place.kind.source), place.partition)
        low, high = ends(client, settings.topic(place.kind.changelog), place.partition)
    finally:
        client.close()
    verdict.behind = high - store.changelog_position
    if store.applied >= source:
        yield f"it reaches offset {store.applied} of its source, which ends at {source}"
    if not (low if store.changelog_position else 0) <= store.changelog_position <= high:
        yield f"it was written at changelog offset {store.changelog_position}, the log has {low} to {high}"


def _homes(settings: Settings, place: StateLocation, store: Store) -> Iterator[str]:
    """Look for rows of other partitions."""
    if place.kind.stage == "viewers":
        count = partitions_of(settings, place.kind.source)
        astray = sum(
            partition_for(_account(key, settings), count) != place.partition
            for key, _ in store.scan()
            if not is_reserved(key)
        )
    else:
        keys = [title_key(key.decode(errors="replace")) for key, _ in store.scan() if not is_reserved(key)]
        homes = shard_of(np.array(keys, np.uint64), settings.title_shards)
        astray = int((homes != place.partition).sum())
    if astray:
        yield f"{astray} rows belong to another partition"


def _account(key: bytes, settings: Settings) -> bytes:
    """Return what a viewer's events are keyed by."""
    return account_of(key.decode(errors="replace"), profiles=settings.profiles).encode()


def _compare(settings: Settings, place: StateLocation, store: Store, verdict: VerifyResult) -> None:
    """Compare every row with the newest that the changelog has of it, as far as the rows reach.

    A key with a record behind the store's position is left out: compaction may have taken what was there
    before.
    """
    logged, later = _logged(settings, place, store.changelog_position)
    applied = logged.pop(APPLIED_KEY, None)
    if applied is not None and APPLIED_KEY not in later and unpack_applied(applied) != store.applied:
        verdict.problems.append(f"it says applied {store.applied}, its changelog {unpack_applied(applied)}")
    other = unknown = 0
    compared = 0
    for key, value in store.scan():
        if key in later:
            logged.pop(key, None)
            continue
        compared += 1
        said = logged.pop(key, None)
        unknown += said is None
        other += said is not None and said != _digest(value)
    missing = sum(1 for key in logged if key not in later)
    verdict.compared = compared
    found = ((other, "differ from the changelog"), (unknown, "are not in the changelog"))
    verdict.problems += [f"{n} rows {what}" for n, what in found if n]
    if missing:
        verdict.problems.append(f"{missing} rows of the changelog are missing")


def _logged(settings: Settings, place: StateLocation, position: int) -> tuple[dict[bytes, bytes], set[bytes]]:
    """Return the newest of each key before a position, as a digest, and the keys with records after it."""
    logged: dict[bytes, bytes] = {}
    later: set[bytes] = set()
    for message in read(settings, place.kind.changelog, {place.partition: OFFSET_BEGINNING}):
        key, value = message.key() or b"", message.value()
        if (message.offset() or 0) >= position:
            later.add(key)
        elif value is None:
            logged.pop(key, None)
        else:
            logged[key] = value if key == APPLIED_KEY else _digest(value)
    return logged, later


def _digest(value: bytes) -> bytes:
    """Return what stands for a row in a comparison: 16 bytes instead of a thousand."""
    return hashlib.blake2b(value, digest_size=16).digest()


def _hash(key: bytes) -> str:
    """Return what may be shown of a key: no viewer is named."""
    return hashlib.blake2b(key, digest_size=6).hexdigest()
