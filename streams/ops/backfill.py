"""A fresh version of the model out of the event log: where it begins, how far it is, when it is done."""

import re
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
from streams.ops.runs.report import RunCounts
from streams.ops.runs.session import WorkerProcess, make_topics
from streams.stages.versions.handover import applied_by
from streams.stages.versions.register import read_register
from streams.stages.versions.status import registered

__all__ = ["Backfill", "BackfillProgress", "BackfillReport", "prepare", "since_ms"]

BEGINNING = "beginning"
"""The --since that leaves nothing out."""
LOOK_S = 1.0
"""Wait between two looks: who has applied what was there a second ago has caught up."""
QUIET_S = 60.0
"""Without progress for so long, a backfill gives up."""
SETTLED_S = 15.0
"""Without progress for so long, and no lag by the worker's own account, nothing is left but markers of
transactions, which occupy offsets: the worker counts every 5 s."""

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d+)([smhd])")


def since_ms(text: str, now_ms: int) -> int | None:
    """Read WHEN: `beginning`, a duration back from now (90m, 2d), or a time in ISO 8601, UTC unless it says.

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
        what = f"--since {text} is no time"
        advice = "give `beginning`, a duration such as 90m or 2d, or a time such as 2026-11-24T18:00"
        raise SettingsError(what, next_step=advice) from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000)


def prepare(settings: Settings, since: int | None) -> dict[int, int]:
    """Enter the settings' version in the register and make its topics.

    Parameters
    ----------
    settings
        Cluster and version.
    since
        Only events that the broker got at or after this moment (ms); None for all.

    Returns
    -------
    dict
        The offset from which it learns, by partition.

    Raises
    ------
    VersionError
        The version is there already and cannot be begun anew.
    """
    name = settings.model_version
    if name == FIRST_VERSION:
        what = "a backfill builds a version of its own, beside what is there"
        raise SettingsError(what, next_step="name it with --version, for instance --version blue")
    register = read_register(settings)
    spans, there = topic_scan.spans(settings, topics.EVENTS), register.versions.get(name)
    if there is not None and (since is not None or register.live == name):
        what = f"version {name} exists already"
        advice = f"choose another name, or `nearline model retire {name}` first; without --since it goes on"
        raise VersionError(what, next_step=advice)
    starts = () if since is None else _offsets_at(settings, since, spans)
    make_topics(settings, partitions=len(spans))
    entry = registered(settings, register, starts)
    return {p: max(low, dict(enumerate(entry.starts)).get(p, 0)) for p, (low, _) in spans.items()}


def _offsets_at(settings: Settings, at_ms: int, spans: dict[int, tuple[int, int]]) -> tuple[int, ...]:
    """Return each partition's first offset at or after a moment, its end where there is none."""
    name = settings.topic(topics.EVENTS)
    reader = kafka_clients.consumer(settings, topic_scan.READER)
    try:
        asked = [TopicPartition(name, partition, at_ms) for partition in spans]
        found = reader.offsets_for_times(asked, timeout=topic_scan.TIMEOUT_S)
    finally:
        reader.close()
    return tuple(place.offset if place.offset >= 0 else spans[place.partition][1] for place in found)


class BackfillProgress(NamedTuple):
    """How far a backfill is."""

    events: int
    """Applied since its first event."""
    lag: int
    """In the log and not applied yet."""


@dataclass(frozen=True, slots=True)
class BackfillReport:
    """A backfill from beginning to end."""

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
class Backfill:
    """A version's catching up, beside a worker that is ready.

    Parameters
    ----------
    settings
        Cluster and version.
    starts
        From :func:`prepare`.
    worker
        Who learns.
    show
        Called with the progress, once a second.
    """

    settings: Settings
    starts: dict[int, int]
    worker: WorkerProcess
    show: Callable[[BackfillProgress], None]
    _applied: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self._applied = {partition: start - 1 for partition, start in self.starts.items()}

    def run(self) -> BackfillReport:
        """Watch until everything that was in the log a moment ago is applied and learned.

        Raises
        ------
        WorkerDiedError, BackfillStalledError
            It did not get there.
        """
        began = moved = time.monotonic()
        before: dict[int, int] = {}
        done = -1
        while True:
            self.worker.check()
            found = topic_scan.spans(self.settings, topics.EVENTS)
            tops = {partition: high for partition, (_, high) in found.items()}
            now, tally = self._look(tops), RunCounts.of(self.worker.exposition())
            self.show(now)
            moved, done = (time.monotonic(), now.events) if now.events > done else (moved, done)
            quiet_s = time.monotonic() - moved
            if self._caught_up(before, tops, tally) or (quiet_s > SETTLED_S and self._settled()):
                return self._report(now, tally, time.monotonic() - began)
            if quiet_s > QUIET_S:
                what = f"{now.lag} events were not applied"
                raise BackfillStalledError(what, next_step=f"read {self.worker.log}")
            before = tops
            time.sleep(LOOK_S)

    def _look(self, tops: dict[int, int]) -> BackfillProgress:
        """Read in the changelog how far the version is."""
        found = applied_by(self.settings, self.settings.model_version, list(self.starts)) or {}
        for partition, offset in found.items():
            self._applied[partition] = max(self._applied[partition], offset)
        done = sum(self._applied[partition] + 1 - start for partition, start in self.starts.items())
        return BackfillProgress(
            done, sum(max(tops[p] - 1 - offset, 0) for p, offset in self._applied.items())
        )

    def _caught_up(self, before: dict[int, int], tops: dict[int, int], tally: RunCounts) -> bool:
        """Whether what was there at the last look is applied, and titles have learned all but the newest."""
        if not before:
            return False
        arrived = sum(tops.values()) - sum(before.values())
        there = all(self._applied[partition] >= top - 1 for partition, top in before.items())
        return there and tally.lag <= arrived

    def _settled(self) -> bool:
        """Whether nothing is left by the worker's own account."""
        read = self.worker.exposition()
        return read.value("nearline_consumer_lag_records") == 0 == read.value("nearline_replica_age_events")

    def _report(self, now: BackfillProgress, tally: RunCounts, seconds: float) -> BackfillReport:
        applied = [self._applied[partition] for partition in sorted(self._applied)]
        return BackfillReport(self.settings.model_version, now.events, seconds, now.lag, applied, tally)
