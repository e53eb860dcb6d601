"""Build a new version of the model from the event log: `nearline replay --from-topic`."""

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from schemas import topics
from schemas.versions import FIRST_VERSION
from streams.config.settings import Settings
from streams.errors import BackfillStalledError, SettingsError, VersionError
from streams.kafka import clients as kafka_clients
from streams.kafka import scan as topic_scan
from streams.kafka.clients import TopicPartition
from streams.ops.runs.replay import MAX_LEAD, TITLES_FLOOR
from streams.ops.runs.report import RunCounts
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from streams.stages.versions.handover import applied_by
from streams.stages.versions.register import read_register
from streams.stages.versions.status import registered

__all__ = ["BackfillProgress", "BackfillReport", "backfill", "prepare", "since_ms"]

BEGINNING = "beginning"
"""The --since that includes the whole log."""
LOOK_S = 1.0
"""Wait between two looks: a version that has applied the log of a second ago has caught up."""
QUIET_S = 60.0
"""Without progress for this time, a backfill gives up."""
SETTLED_S = 15.0
"""Without progress for this time, and with no lag in the worker's metrics, only transaction markers are left,
which occupy offsets. The worker updates its lag every 5 s."""

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d+)([smhd])")


def since_ms(text: str, now_ms: int) -> int | None:
    """Parse --since: `beginning`, a duration before now (90m, 2d), or an ISO 8601 time, UTC by default.

    Returns
    -------
    int or None
        Milliseconds since 1970; None for the beginning.

    Raises
    ------
    SettingsError
        It is none of these.

    Examples
    --------
    >>> since_ms("2d", 200_000_000), since_ms("1970-01-02", 0), since_ms("beginning", 0)
    (27200000, 86400000, None)
    """
    if text == BEGINNING:
        return None
    if found := _DURATION.fullmatch(text):
        return now_ms - int(found[1]) * _UNITS[found[2]] * 1_000
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        what = f"--since {text} is not a time"
        advice = "give `beginning`, a duration such as 90m or 2d, or a time such as 2026-11-24T18:00"
        raise SettingsError(what, next_step=advice) from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000)


def backfill(
    settings: Settings, since: int | None, on_progress: Callable[["BackfillProgress"], None]
) -> "BackfillReport":
    """Let a worker learn the log as the settings' version, until it has caught up.

    Parameters
    ----------
    settings
        Cluster and version.
    since
        Only events that the broker received at or after this time (ms); None for all.
    on_progress
        Called once a second.

    Raises
    ------
    VersionError
        The version exists already and cannot be started again.
    WorkerDiedError, BackfillStalledError
        It did not catch up.
    """
    starts = prepare(settings, since)
    folder = settings.state_dir.parent / f"backfill-{settings.consumer_group}"
    with WorkerProcess(settings, folder, MAX_LEAD | TITLES_FLOOR) as worker:
        worker.wait_ready()
        report = _Backfill(settings, starts, worker, on_progress).run()
    shutil.rmtree(folder)
    return report


def prepare(settings: Settings, since: int | None) -> dict[int, int]:
    """Register the settings' version and create its topics; return its first offset by partition."""
    name = settings.model_version
    if name == FIRST_VERSION:
        what = "a backfill needs a version of its own, next to the existing ones"
        raise SettingsError(what, next_step="name it with --version, for example --version blue")
    register = read_register(settings)
    spans, there = topic_scan.spans(settings, topics.EVENTS), register.versions.get(name)
    if there is not None and (since is not None or register.live == name):
        what = f"version {name} exists already"
        advice = f"choose another name, or `nearline model retire {name}` first; without --since it continues"
        raise VersionError(what, next_step=advice)
    starts = () if since is None else _offsets_at(settings, since, spans)
    make_topics(settings, partitions=len(spans))
    entry = registered(settings, register, starts)
    return {p: max(low, dict(enumerate(entry.starts)).get(p, 0)) for p, (low, _) in spans.items()}


def _offsets_at(settings: Settings, at_ms: int, spans: dict[int, tuple[int, int]]) -> tuple[int, ...]:
    """Return each partition's first offset at or after a time; its end if there is none."""
    name = settings.topic(topics.EVENTS)
    reader = kafka_clients.consumer(settings, topic_scan.READER)
    try:
        asked = [TopicPartition(name, partition, at_ms) for partition in spans]
        found = reader.offsets_for_times(asked, timeout=topic_scan.TIMEOUT_S)
    finally:
        reader.close()
    return tuple(place.offset if place.offset >= 0 else spans[place.partition][1] for place in found)


class BackfillProgress(NamedTuple):
    """Progress of a backfill."""

    events: int
    """Events applied."""
    lag: int
    """Events of the log that are not applied yet."""


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """Result of a backfill."""

    version: str
    events: int
    seconds: float
    lag: int
    applied: list[int]
    """Last applied offset, by partition."""
    last: RunCounts

    def document(self) -> dict[str, object]:
        """Return it under its documented JSON keys."""
        return {
            "version": self.version,
            "events": self.events,
            "seconds": round(self.seconds, 3),
            "events_per_s": round(self.events / self.seconds, 1),
            "lag": self.lag,
            "applied": self.applied,
            "hr@10": self.last.hit_rate(),
            "tested": self.last.tested,
        }


@dataclass(slots=True)
class _Backfill:
    """Watches a worker until its version has caught up."""

    settings: Settings
    starts: dict[int, int]
    worker: WorkerProcess
    on_progress: Callable[[BackfillProgress], None]
    _applied: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self._applied = {partition: start - 1 for partition, start in self.starts.items()}

    def run(self) -> BackfillReport:
        """Wait until everything that was in the log at the previous look is applied and learned."""
        began = moved = time.monotonic()
        before: dict[int, int] = {}
        done = -1
        while True:
            self.worker.check()
            found = topic_scan.spans(self.settings, topics.EVENTS)
            tops = {partition: high for partition, (_, high) in found.items()}
            now, counts = self._look(tops), RunCounts.of(self.worker.exposition())
            self.on_progress(now)
            moved, done = (time.monotonic(), now.events) if now.events > done else (moved, done)
            quiet_s = time.monotonic() - moved
            if self._caught_up(before, tops, counts) or (quiet_s > SETTLED_S and self._settled()):
                return self._report(now, counts, time.monotonic() - began)
            if quiet_s > QUIET_S:
                what = f"{now.lag} events were not applied"
                raise BackfillStalledError(what, next_step=f"read {self.worker.log}")
            before = tops
            time.sleep(LOOK_S)

    def _look(self, tops: dict[int, int]) -> BackfillProgress:
        """Read the version's applied offsets from its changelog."""
        found = applied_by(self.settings, self.settings.model_version, list(self.starts)) or {}
        for partition, offset in found.items():
            self._applied[partition] = max(self._applied[partition], offset)
        done = sum(self._applied[partition] + 1 - start for partition, start in self.starts.items())
        return BackfillProgress(
            done, sum(max(tops[p] - 1 - offset, 0) for p, offset in self._applied.items())
        )

    def _caught_up(self, before: dict[int, int], tops: dict[int, int], counts: RunCounts) -> bool:
        """Whether the log of the previous look is applied by viewers and learned by titles."""
        if not before:
            return False
        arrived = sum(tops.values()) - sum(before.values())
        applied = all(self._applied[partition] >= top - 1 for partition, top in before.items())
        return applied and counts.lag <= arrived

    def _settled(self) -> bool:
        """Whether the worker's metrics show no lag."""
        read = self.worker.exposition()
        return read.value("nearline_consumer_lag_records") == 0 == read.value("nearline_replica_age_events")

    def _report(self, now: BackfillProgress, counts: RunCounts, seconds: float) -> BackfillReport:
        applied = [self._applied[partition] for partition in sorted(self._applied)]
        return BackfillReport(self.settings.model_version, now.events, seconds, now.lag, applied, counts)
