"""`nearline state verify`: check the local databases for consistency.

A database is read completely; a worker may be using it. Every row must have a known version, the size of its
version, finite numbers, and belong to the partition. The applied and changelog offsets are compared with the
ends of the source and of the changelog; optionally, every row is compared with the changelog.
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
from streams.stages.wire.title_rows import is_keyed

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
"""Rows checked together: a few MB."""
OnProgress = Callable[[str], None]
"""Called with a line of progress."""


@dataclass(slots=True)
class VerifyResult:
    """Result of one database."""

    stage: str
    partition: int
    rows: int = 0
    bytes: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    """Rows by version."""
    applied: int = -1
    """Applied source offset."""
    position: int = 0
    """Changelog offset of the rows."""
    behind: int | None = None
    """Offsets of the changelog after it, including transaction markers; None without a broker."""
    compared: int | None = None
    """Rows compared with the changelog; None if it was not read."""
    problems: list[str] = field(default_factory=list)
    """Inconsistencies; empty if there are none."""


def verify(
    settings: Settings,
    *,
    stage: str | None = None,
    partition: int | None = None,
    local: bool = False,
    against_changelog: bool = False,
    on_progress: OnProgress = lambda _: None,
) -> list[VerifyResult]:
    """Check the local databases.

    Parameters
    ----------
    settings
        State folder, cluster, model.
    stage, partition
        Check only these; None: all.
    local
        Use no broker.
    against_changelog
        Compare every row with the changelog.
    on_progress
        Called with a line on what is read.

    Raises
    ------
    StateError
        There is no local state.
    BrokerUnreachableError
        No broker answers.
    """
    results = []
    for place in places(settings, stage, partition):
        on_progress(f"reading {place}")
        result = VerifyResult(place.kind.stage, place.partition)
        if is_marked(place.folder):
            result.problems.append("a worker marked it as damaged: the next start deletes it")
        try:
            with reading(place) as store:
                _check(settings, place, store, result, local=local)
                if against_changelog:
                    on_progress(f"reading the changelog of {place}")
                    _compare(settings, place, store, result)
        except StateError as error:
            result.problems.append(f"{error.what}: {error.why}")
        results.append(result)
    return results


def _check(
    settings: Settings, place: StateLocation, store: Store, result: VerifyResult, *, local: bool
) -> None:
    result.applied, result.position = store.applied, store.changelog_position
    result.problems += _rows(settings, place, store, result)
    if not local:
        result.problems += _ends(settings, place, store, result)
        result.problems += _partitions_of_rows(settings, place, store)


def _rows(settings: Settings, place: StateLocation, store: Store, result: VerifyResult) -> Iterator[str]:
    """Check every row; yield each problem with the number of rows."""
    wrong: Counter[str] = Counter()
    first: dict[str, bytes] = {}
    rows, versions = store.scan(), Counter[str]()
    while chunk := list(islice(rows, CHUNK)):
        own = [(key, value) for key, value in chunk if is_reserved(key) and not is_keyed(key)]
        chunk = [(key, value) for key, value in chunk if not is_reserved(key) or is_keyed(key)]
        yield from _own(own)
        versions.update(str(value[0]) for _, value in chunk if value)
        result.rows += len(chunk)
        result.bytes += sum(len(key) + len(value) for key, value in chunk)
        for key, what in _unreadable(place.kind.rows, chunk, settings):
            wrong[what] += 1
            first.setdefault(what, key)
    result.versions = dict(sorted(versions.items()))
    yield from (f"{n} rows: {what} (first key's hash {_hash(first[what])})" for what, n in wrong.items())


def _own(rows: list[tuple[bytes, bytes]]) -> Iterator[str]:
    """Check the partition's own rows."""
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
            unpacked = known[owner].unpack(value)
        except StateError as error:
            yield f"{error.what}: {error.why}"
            continue
        if isinstance(unpacked, np.ndarray) and not np.isfinite(unpacked).all():
            yield f"the partition's row {name!r} is not finite"


def _unreadable(
    kind: RowVersions, rows: list[tuple[bytes, bytes]], settings: Settings
) -> Iterator[tuple[bytes, str]]:
    """Yield the keys of invalid rows, each with the reason."""
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
    """Yield the floating-point fields, including those of nested structures."""
    for name in heads.dtype.names or ():
        if heads[name].dtype.names:
            yield from ((f"{name}.{inner}", numbers) for inner, numbers in _floats(heads[name]))
        elif heads[name].dtype.kind == "f":
            yield name, heads[name]


def _ends(settings: Settings, place: StateLocation, store: Store, result: VerifyResult) -> Iterator[str]:
    """Compare the offsets of the rows with the ends of source and changelog."""
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
    result.behind = high - store.changelog_position
    if store.applied >= source:
        yield f"its applied offset is {store.applied}, but its source ends at {source}"
    if not (low if store.changelog_position else 0) <= store.changelog_position <= high:
        yield f"its changelog offset is {store.changelog_position}, but the changelog has {low} to {high}"


def _partitions_of_rows(settings: Settings, place: StateLocation, store: Store) -> Iterator[str]:
    """Find rows of other partitions."""
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
    """Return the key of a viewer's events."""
    return account_of(key.decode(errors="replace"), profiles=settings.profiles).encode()


def _compare(settings: Settings, place: StateLocation, store: Store, result: VerifyResult) -> None:
    """Compare every row with its newest record in the changelog, up to the offset of the rows.

    A key with a record after this offset is skipped: compaction may have removed the earlier one.
    """
    logged, later = _logged(settings, place, store.changelog_position)
    applied = logged.pop(APPLIED_KEY, None)
    if applied is not None and APPLIED_KEY not in later and unpack_applied(applied) != store.applied:
        result.problems.append(
            f"its applied offset is {store.applied}, in the changelog {unpack_applied(applied)}"
        )
    other = unknown = 0
    compared = 0
    for key, value in store.scan():
        if key in later:
            logged.pop(key, None)
            continue
        compared += 1
        digest = logged.pop(key, None)
        unknown += digest is None
        other += digest is not None and digest != _digest(value)
    missing = sum(1 for key in logged if key not in later)
    result.compared = compared
    found = ((other, "differ from the changelog"), (unknown, "are not in the changelog"))
    result.problems += [f"{n} rows {what}" for n, what in found if n]
    if missing:
        result.problems.append(f"{missing} rows of the changelog are missing")


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
    """Return a digest of a row for the comparison: 16 bytes instead of about a thousand."""
    return hashlib.blake2b(value, digest_size=16).digest()


def _hash(key: bytes) -> str:
    """Return a hash of a key that can be shown: it does not reveal a viewer id."""
    return hashlib.blake2b(key, digest_size=6).hexdigest()
