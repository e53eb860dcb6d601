"""A whole split: from the topics of before to topics with more partitions, exactly.

In this order; a command that ends in between has changed nothing of before, and is repeated:

1. Nobody works: no group has members, one version of the model, and the transactional ids of all partitions
   are taken, so that a worker that hangs can never commit.
2. The new topics are created, and their changelogs are marked as being written.
3. Tables and states are copied, record by record, in their order.
4. Events are copied from the first that a stage has not applied, or that a pending page names.
5. Pending pages are written: each names the copy of its event.
6. If producers wrote meanwhile, the split is refused. Otherwise all positions are written in one transaction.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import structs

from schemas import topics
from schemas.partitioner import partition_for
from schemas.topics import EVENTS
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY
from streams.errors import SettingsError, TopicError
from streams.kafka import scan
from streams.kafka.topics import require_topics
from streams.ops.split import target
from streams.ops.split.copier import Copier
from streams.ops.split.routes import MOVED, Split, event
from streams.ops.split.sources import (
    STAGES,
    TABLES,
    Positions,
    StageTopics,
    fence,
    positions,
    require_splittable,
    unapplied,
)
from streams.stages.versions.register import Register, enter
from streams.stages.wire.partition_rows import owner_key

__all__ = ["SplitReport", "split"]

_LEAST_CUT: Final = 0
"""Offset of a switch of before in the new log: in front of its first event."""
OnProgress = Callable[[str], None]
"""Called with a line on what is copied."""


@dataclass(slots=True)
class SplitReport:
    """What a split has copied."""

    before: int
    after: int
    records: dict[str, int] = field(default_factory=dict)
    """Copies by topic, without prefix."""
    events: int = 0
    """Events that were copied."""
    missing: int = 0
    """Events that retention deleted before the viewers stage has applied them."""
    pending_pages: int = 0

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class _Copying:
    """What is known while the topics are copied."""

    old: Settings
    new: Settings
    split: Split
    found: Positions
    copier: Copier
    pending: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    """Pending pages of before, by partition and key."""
    applied: dict[str, dict[int, int]] = field(default_factory=dict)
    """Applied offsets in the new event log, by stage and partition."""


def split(
    old: Settings,
    new: Settings,
    partitions: int,
    *,
    replication: int | None = None,
    on_progress: OnProgress = lambda _: None,
) -> SplitReport:
    """Write an installation's topics anew, with more partitions.

    Parameters
    ----------
    old, new
        Settings that differ in the prefix of topics alone.
    partitions
        New number of partitions, a multiple of the present one.
    replication
        Copies of each new partition; None leaves it to the cluster.
    on_progress
        Told what is copied.

    Raises
    ------
    SettingsError, PartitionsChangedError, TopicError, VersionError
        It cannot be done now; nothing of before has changed.
    DeliveryError
        The broker did not take a copy; repeat it.
    """
    if old.topic_prefix == new.topic_prefix:
        what = "the new topics have the prefix of the present ones"
        raise SettingsError(what, next_step="give another --to-prefix")
    how, register = require_splittable(old, partitions)
    counts = {name: one.partitions for name, one in require_topics(old, list(topics.TOPICS)).items()}
    on_progress("stopping what may still run")
    fence(old, counts)
    found = positions(old, register)
    on_progress(f"creating topics with the prefix {new.topic_prefix}")
    target.prepare(new, partitions, replication)
    with Copier(new) as copier:
        run = _Copying(old, new, how, found, copier)
        for name in TABLES:
            on_progress(f"copying {old.topic(name)}")
            _copy_table(run, name)
        for stage in STAGES:
            on_progress(f"copying {old.topic(stage.changelog)}")
            _copy_state(run, stage)
            if stage.source != EVENTS:
                _copy_unapplied(run, stage)
        on_progress(f"copying {old.topic(EVENTS)}")
        _copy_events(run)
    _copy_register(run, register)
    _require_quiet(run)
    target.finish(new, run.applied, partitions=partitions)
    return _report(run)


def _copy_table(run: _Copying, name: str) -> None:
    """Copy all records of a table; pages go with the events of their viewers."""
    count = require_topics(run.new, [name])[name].partitions
    for message in scan.read_all(run.old, name):
        key = message.key() or b""
        if name == topics.HOME:
            partition = run.split.of_viewer(key, message.partition() or 0)
        else:
            partition = partition_for(key, count)
        run.copier.put(name, partition, message, message.value())


def _copy_state(run: _Copying, stage: StageTopics) -> None:
    """Copy the rows of a stage, but for the applied records; pending pages are kept for later."""
    for message in scan.read_all(run.old, stage.changelog):
        key, value, partition = message.key() or b"", message.value(), message.partition() or 0
        if key == APPLIED_KEY:
            continue
        if stage.route is None:
            run.copier.put(stage.changelog, partition, message, value)
        elif stage.changelog == topics.VIEWER_STATE and owner_key(key) == MOVED.key:
            run.pending.pop((partition, key), None)
            if value is not None:
                run.pending[partition, key] = value
        else:
            for child, copy in stage.route(run.split, partition, key, value):
                run.copier.put(stage.changelog, child, message, copy)


def _copy_unapplied(run: _Copying, stage: StageTopics) -> None:
    """Copy what a stage has not applied of a source whose partitions do not change."""
    for message in scan.read(run.old, stage.source, dict(unapplied(stage, run.old, run.found))):
        run.copier.put(stage.source, message.partition() or 0, message, message.value())


def _copy_events(run: _Copying) -> None:
    """Copy events, note the applied offsets of their copies, and write the pending pages."""
    stages = {stage.name: run.found.applied[stage.name] for stage in STAGES if _reads_events(run, stage)}
    run.applied = {name: {} for name in stages}
    wanted: dict[tuple[int, int], tuple[int, int]] = {}
    asked = {(p, MOVED.unpack(value)[0]) for (p, _), value in run.pending.items()}
    for message in scan.read(run.old, EVENTS, _first_events(run, stages, asked)):
        partition, offset = message.partition() or 0, message.offset() or 0
        for child in event(run.split, partition, message.key() or b""):
            copy = run.copier.put(EVENTS, child, message, message.value())
            for name, applied in stages.items():
                if offset <= applied[partition]:
                    run.applied[name][child] = copy
            if (partition, offset) in asked:
                wanted[partition, offset] = child, copy
    for (partition, key), value in run.pending.items():
        offset, at, sent_ms = MOVED.unpack(value)
        there = wanted.get((partition, offset))
        if there is not None:  # retention may have deleted it: the next event makes a page
            row = MOVED.row((there[1], at, sent_ms), key[len(MOVED.key) + 1 :].decode())
            run.copier.put_row(topics.VIEWER_STATE, there[0], *row)


def _reads_events(run: _Copying, stage: StageTopics) -> bool:
    return stage.source == EVENTS and stage.name in run.found.applied


def _first_events(
    run: _Copying, stages: Mapping[str, Mapping[int, int]], asked: set[tuple[int, int]]
) -> dict[int, int]:
    """Return the first offset that is needed of each partition."""
    first = {}
    for partition, (low, _) in run.found.spans.items():
        needed = [applied[partition] + 1 for applied in stages.values()]
        needed += [offset for where, offset in asked if where == partition]
        first[partition] = max(low, min(needed, default=low))
    return first


def _copy_register(run: _Copying, register: Register) -> None:
    """Enter the version and the switches of before: offsets of theirs are in front of the new log."""
    ends = max((high for _, high in run.found.spans.values()), default=0)
    for switch in register.switches.values():
        enter(run.new, structs.replace(switch, cut=(_LEAST_CUT,) * run.split.after))
    for version in register.versions.values():
        enter(run.new, structs.replace(version, starts=(), seq_base=version.seq_base + ends))


def _require_quiet(run: _Copying) -> None:
    """Refuse to finish if somebody has written to the events of before or to those of the new prefix."""
    if _ends(run.old) != {p: high for p, (_, high) in run.found.spans.items()}:
        what = f"{run.old.topic(EVENTS)} has grown meanwhile"
        advice = "stop the producers, or let them wait, and repeat the split"
        raise TopicError(what, why="producers write to it", next_step=advice)
    expected = {p: run.copier.copies[EVENTS, p] for p in range(run.split.after)}
    if _ends(run.new) != expected:
        what = f"{run.new.topic(EVENTS)} has records that are no copies"
        advice = "let producers write there when the split has ended, and repeat it"
        raise TopicError(what, why="producers write to it already", next_step=advice)


def _ends(settings: Settings) -> dict[int, int]:
    return {p: high for p, (_, high) in scan.spans(settings, EVENTS).items()}


def _report(run: _Copying) -> SplitReport:
    by_topic: Counter[str] = Counter()
    for (name, _), count in run.copier.copies.items():
        by_topic[name] += count
    applied = run.found.applied["viewers"]
    missing = sum(max(0, low - applied[p] - 1) for p, (low, _) in run.found.spans.items() if applied[p] >= 0)
    return SplitReport(
        run.split.before,
        run.split.after,
        dict(by_topic),
        events=by_topic[EVENTS],
        missing=missing,
        pending_pages=len(run.pending),
    )
