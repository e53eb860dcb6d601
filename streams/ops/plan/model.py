"""From viewers, titles and events to partitions, workers, memory, disk and broker load.

The model is a sum of costs that are proportional to something that is counted::

    cores = events/s x (event + learning by titles)       each event, once
          + pages/s x (list by titles + page)             viewers whose taste has moved, at most one a second
          + batches/s x batch                             in each partition one follows the other
          + titles/s x owner                              those that events are about
          + workers x (fixed + rows/s x replica)          every worker reads every changed row
    brokers = events/s x broker + title rows/s x workers x fan-out

A worker is a process that fills one core. A batch begins when the one before it has ended, so batches take
what the events leave of the core: the fewer workers, the longer a batch waits, and the more events it has.
It takes ``commit + batches of the worker's partitions / (1 - use by events)``. An event waits for the batch
in flight and for its own: freshness is twice that at the 99th percentile, if events arrive evenly. There
are as many workers as that, and a limit to the use by events, ask for.
"""

import math
from contextlib import suppress
from typing import Final

import numpy as np
from msgspec import Struct, structs

from streams.errors import SettingsError
from streams.ops.plan.constants import Constants

__all__ = ["Demand", "Need", "Plan", "changed_titles", "needs", "plan", "sensitivities", "written_rows"]

FLOORS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""NEARLINE_TITLES_FLOOR_S: the longer between two batches of titles, the fewer rows for the replicas."""
REPLICA_USE: Final = 0.15
"""Share of a worker's core that may go into its replica of the titles before a longer floor is taken."""
ZIPF: Final = 1.2
"""Exponent of the popularity of titles, as in the benchmarks."""
NAMED: Final = 2.2
"""Titles that signals name for each that the events are about: fitted to the rows that ADR 58 counted."""
DRIFTED: Final = 100
DRIFTED_SHARE: Final = 0.25
"""`MOST_DRIFTED` and `DRIFTED_SHARE` of `online_models.learners.title_side`, without loading its kernels."""
USE: Final = 0.6
"""Share of a worker's core that events may take: bursts, restores and a lost worker need the rest."""
LEAST_USE: Final = 0.05
"""Share of a core that is left for events where replicas take nearly all: workers do hardly anything else."""
FETCH_MS: Final = 10.0
"""A record waits for at most that long at the broker (fetch.wait.max.ms), and a page to be read again."""
TAIL: Final = 1.3
"""The 99th percentile over twice the mean of a cycle: batches vary by what else the machine does."""
PARTITIONS: Final = (12, 24, 48, 96, 192, 384, 768)
"""Numbers with many divisors, so that workers get equal shares."""
GROWTH: Final = 2
"""Partitions for each worker of today: a lost one is shared out, and twice the workers have one each. To have
more later, all topics are written anew (ADR 60)."""
PARTITION_USE: Final = 0.25
"""Share of a core that events of one partition may take: its batches follow each other, viewers differ."""
TAKEOVER_S: Final = 60.0
"""Longest restore of one partition by the worker that takes it over."""
RESIDENT: Final = 200_000
"""Active viewers of a partition that stay in memory at most (`viewer_slots` of the model)."""
CACHES_BYTES: Final = 64e6 + 64e6 + 200e6
"""Write buffers, block cache and impression logs of a worker (the runbook's table of sizes)."""
COMPACTION: Final = 1.5
"""Bytes on disk for each that is live: outdated rows wait for compaction, which needs space itself."""


class Demand(Struct, frozen=True, kw_only=True):
    """What an installation is to do.

    Attributes
    ----------
    viewers, titles
        How many there are.
    events_per_s
        At the busiest time of an ordinary day.
    p99_ms
        Wanted from an event to its committed page.
    active
        Share of viewers who are active in the busiest hour.
    pages_per_event
        Impressions and pauses move no taste, and a viewer has at most one page a second.
    peak
        Events at the busiest time over those of an average moment.
    retention_days
        Of the event log.
    replicas
        Copies of each partition on the brokers.
    readers
        Consumers of the pages, `nearline serve` among them.
    """

    viewers: int
    titles: int
    events_per_s: float
    p99_ms: float = 250.0
    active: float = 0.1
    pages_per_event: float = 0.5
    peak: float = 3.0
    retention_days: float = 7.0
    replicas: int = 3
    readers: int = 2


class Need(Struct, frozen=True, kw_only=True):
    """What that takes, with one choice of constants.

    Attributes
    ----------
    partitions, workers
        How many; a worker fills one core.
    busy_cores
        CPU of all workers.
    use
        Share of a worker's core that events, pages and titles take; batches take what they get of the rest.
    titles_floor_s
        NEARLINE_TITLES_FLOOR_S, so that replicas do not take too much.
    worker_memory_gb, worker_disk_gb
        Of each worker.
    broker_cores, broker_in_mb_s, broker_out_mb_s, broker_disk_gb
        Of all brokers, replication included.
    freshness_p99_ms
        From an event to its page.
    restore_s
        Until the partitions of a lost worker are restored by the others.
    replica_cores
        CPU of all workers for their replicas of the titles: it grows with workers and with what they learn.
    replica_rows_s, replica_mb_s, replica_broker_cores
        Rows that all replicas read a second, and what of the brokers' output and CPU that is.
    """

    partitions: int
    workers: int
    busy_cores: float
    use: float
    titles_floor_s: float
    worker_memory_gb: float
    worker_disk_gb: float
    broker_cores: float
    broker_in_mb_s: float
    broker_out_mb_s: float
    broker_disk_gb: float
    freshness_p99_ms: float
    restore_s: float
    replica_cores: float
    replica_rows_s: float
    replica_mb_s: float
    replica_broker_cores: float


class Plan(Struct, frozen=True, kw_only=True):
    """What to order: the usual need, and what it is if all is cheaper, or dearer, than usual."""

    demand: Demand
    low: Need
    usual: Need
    high: Need


def changed_titles(titles: int, events: float) -> float:
    """Return how many titles some events are about, by Zipf's law.

    Examples
    --------
    >>> round(changed_titles(10_000, 1)), changed_titles(10_000, 1_000) < 500
    (1, True)
    """
    ranks = np.unique(np.geomspace(1, titles, 400).astype(np.int64))
    widths = np.diff(np.append(ranks, titles + 1))
    share = ranks**-ZIPF
    share /= float((share * widths).sum())
    return float((widths * -np.expm1(-events * share)).sum())


def written_rows(titles: int, events: float) -> float:
    """Return the rows that a batch of the titles stage writes: named titles, and those that drifted.

    Examples
    --------
    >>> round(written_rows(10_000, 100)), round(written_rows(10_000, 1_000))
    (217, 860)
    """
    named = NAMED * changed_titles(titles, events)
    return min(float(titles), named + max(DRIFTED, DRIFTED_SHARE * named))


def needs(
    demand: Demand,
    constants: Constants,
    place: float = 0.0,
    *,
    partitions: int | None = None,
    workers: int | None = None,
) -> Need:
    """Return what a demand takes with the constants at a place of their ranges.

    Parameters
    ----------
    demand, constants
        What is wanted, and what things cost.
    place
        From -1 (all constants at their lower ends) by 0 (usual) to 1.
    partitions, workers
        As of an installation that is there; default: chosen.

    Raises
    ------
    SettingsError
        No number of workers gives the wanted freshness.
    """
    costs = _Costs.of(demand, constants, place)
    count = partitions or _partitions(demand, constants, place, costs)
    least = workers or costs.workers(demand, count)
    return _sized(demand, constants, place, costs, partitions=max(count, least), workers=least)


class _Costs(Struct, frozen=True, kw_only=True):
    """Costs of a demand that do not depend on the number of workers."""

    shared: float
    """Cores for events, pages and rows of titles where these are owned."""
    replica: float
    """Share of its core that each worker needs for its replica."""
    floor_s: float
    rows: float
    """Titles a second that events are about."""
    written: float
    """Rows of titles a second that every replica reads."""
    batch_s: float
    commit_s: float

    @classmethod
    def of(cls, demand: Demand, constants: Constants, place: float) -> "_Costs":
        """Count the costs, with the shortest floor that the replicas can bear."""
        page = constants.each_page_us(demand.titles, place)
        event = constants.each_event_us(demand.titles, place)
        events = demand.events_per_s * (event + demand.pages_per_event * page) / 1e6
        row_s = constants.replica_row_us.at(place) / 1e6
        for floor_s in FLOORS_S:
            written = written_rows(demand.titles, demand.events_per_s * floor_s) / floor_s
            if written * row_s <= REPLICA_USE:
                break
        rows = changed_titles(demand.titles, demand.events_per_s * floor_s) / floor_s
        return cls(
            shared=events + rows * constants.title_row_us.at(place) / 1e6,
            replica=constants.replica_cores.at(place) + written * row_s,
            floor_s=floor_s,
            rows=rows,
            written=written,
            batch_s=constants.batch_us.at(place) / 1e6,
            commit_s=constants.commit_ms.at(place) / 1e3,
        )

    def workers(self, demand: Demand, partitions: int) -> int:
        """Return how many workers it takes."""
        cycle_s = (demand.p99_ms - FETCH_MS) / 1e3 / (2 * TAIL)
        spare_s = cycle_s - self.commit_s - self.batch_s
        if spare_s <= 0:
            least = FETCH_MS + TAIL * 2e3 * (self.commit_s + self.batch_s)
            what = f"pages within {demand.p99_ms:g} ms at the 99th percentile are not reachable"
            took = 1e3 * (self.commit_s + self.batch_s)
            why = f"transaction and batch take {took:.0f} ms, so it is at least {least:.0f} ms"
            raise SettingsError(what, why=why, next_step="give a longer --p99, or faster brokers")
        if self.replica >= USE:
            what = f"a replica of {demand.titles:,} titles would take {self.replica:.0%} of a worker's core"
            why = f"{self.written:,.0f} rows change a second, and every worker reads them all"
            raise SettingsError(
                what, why=why, next_step="plan for fewer events: what is here is one installation"
            )
        by_freshness = (partitions * self.batch_s / spare_s + self.shared) / (1 - self.replica)
        by_use = self.shared / max(LEAST_USE, USE - self.replica)
        return max(2, math.ceil(max(by_freshness, by_use)))

    def cycle_s(self, partitions: float, use: float) -> float:
        """Return how long a batch takes where a worker has so many partitions."""
        return self.commit_s + max(1.0, partitions) * self.batch_s / max(0.02, 1 - use)


def plan(demand: Demand, constants: Constants) -> Plan:
    """Return what to order, with its uncertainty."""
    low, usual, high = (needs(demand, constants, place) for place in (-1.0, 0.0, 1.0))
    return Plan(demand=demand, low=low, usual=usual, high=high)


def sensitivities(demand: Demand, constants: Constants) -> dict[str, Need]:
    """Return what is needed if one input is twice as large (the freshness: half), the others as they are."""
    found = {}
    for name in ("viewers", "titles", "events_per_s", "pages_per_event", "active", "retention_days"):
        value = getattr(demand, name)
        more = min(1.0, 2 * value) if name == "active" else 2 * value
        found[name] = needs(_with(demand, name, more), constants)
    with suppress(SettingsError):  # half of it may not be reachable
        found["p99_ms"] = needs(_with(demand, "p99_ms", demand.p99_ms / 2), constants)
    return found


def _with(demand: Demand, name: str, value: float) -> Demand:
    kind = type(getattr(demand, name))
    return structs.replace(demand, **{name: kind(value)})


def _partitions(demand: Demand, constants: Constants, place: float, costs: _Costs) -> int:
    """Return how many partitions to make: more take a pause later, so for twice the workers."""
    by_cpu = costs.shared / PARTITION_USE
    by_growth = GROWTH * costs.shared / max(LEAST_USE, USE - costs.replica)
    by_memory = demand.viewers * demand.active / RESIDENT
    by_restore = demand.viewers / (constants.restore_rows.at(place) * TAKEOVER_S)
    wanted = max(by_cpu, by_growth, by_memory, by_restore)
    return next((n for n in PARTITIONS if n >= wanted), 96 * math.ceil(wanted / 96))


def _sized(
    demand: Demand, constants: Constants, place: float, costs: _Costs, *, partitions: int, workers: int
) -> Need:
    """Return the need of so many workers."""
    others = max(1, min(workers - 1, partitions // workers))
    c, use = constants, costs.shared / workers + costs.replica
    cycle_s = costs.cycle_s(partitions / workers, use)
    batches = min(partitions / cycle_s, demand.events_per_s)
    resident = min(demand.viewers * demand.active, float(RESIDENT) * partitions)
    memory = c.worker_bytes.at(place) + CACHES_BYTES + demand.titles * c.title_bytes.at(place)
    memory += resident / workers * c.viewer_bytes.at(place)
    viewer_disk = c.viewer_disk_bytes.at(place)
    events, pages = demand.events_per_s, demand.events_per_s * demand.pages_per_event
    event_bytes, page_bytes = c.event_bytes.at(place), c.page_bytes.at(place)
    row_bytes, copies = costs.written * c.title_row_bytes.at(place), workers * costs.written
    written = (
        events * (event_bytes + viewer_disk / 2) + pages * page_bytes + row_bytes
    )  # rows shrink under lz4
    read = events * event_bytes + demand.readers * pages * page_bytes + workers * row_bytes
    kept = events / demand.peak * 86_400 * demand.retention_days * event_bytes
    kept += COMPACTION * (
        demand.viewers * (viewer_disk + page_bytes) + demand.titles * c.title_row_bytes.at(place)
    )
    return Need(
        partitions=partitions,
        workers=workers,
        busy_cores=workers * use + batches * costs.batch_s,
        use=use,
        titles_floor_s=costs.floor_s,
        worker_memory_gb=memory / 1e9,
        worker_disk_gb=COMPACTION * demand.viewers / workers * viewer_disk / 1e9,
        broker_cores=(events * c.broker_us.at(place) + copies * c.fan_out_us.at(place)) / 1e6,
        broker_in_mb_s=written * demand.replicas / 1e6,
        broker_out_mb_s=(read + written * (demand.replicas - 1)) / 1e6,
        broker_disk_gb=kept * demand.replicas / 1e9,
        freshness_p99_ms=FETCH_MS + TAIL * 2e3 * cycle_s,
        restore_s=demand.viewers / workers / c.restore_rows.at(place) / others,
        replica_cores=workers * costs.replica,
        replica_rows_s=copies,
        replica_mb_s=workers * row_bytes / 1e6,
        replica_broker_cores=copies * c.fan_out_us.at(place) / 1e6,
    )
