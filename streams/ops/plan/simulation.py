"""A discrete-event simulation of an installation: partitions, workers, brokers, replicas, failures.

Its costs are the constants of the plan; nothing else is fitted. What is simulated is the order of things
that formulas leave out: a batch waits for the core of its worker, events for the batch in flight. Arrivals
are Poisson; batches are simulated one by one, events in a batch by their number and the times at which they
came, so hundreds of partitions take seconds. Needs SimPy (the extra `plan`).
"""

import math
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any, Final

import numpy as np

from streams.errors import SettingsError
from streams.ops.plan.constants import Constants
from streams.ops.plan.model import FETCH_MS, changed_titles, written_rows
from streams.ops.plan.scenarios import LoadScenario, SimulationResult, Topology

__all__ = ["simulate"]

Process = Generator[Any, Any, None]

BATCH_EVENTS: Final = 8_000
"""NEARLINE_VIEWERS_BATCH_EVENTS."""
SESSION_S: Final = 60.0
"""NEARLINE_SESSION_TIMEOUT_S of the manifests: the group waits so long for a silent worker."""
ELECTION_S: Final = 3.0
"""Partitions whose leader was in a lost rack cannot be written to until another broker leads them."""
COMMIT_SIGMA: Final = 0.3
"""Spread of the logarithm of a transaction's time: the 99th percentile is twice the median (steady)."""
SECOND: Final = 1.0


def simulate(
    installation: Topology, constants: Constants, scenario: LoadScenario, *, place: float = 0.0, seed: int = 7
) -> SimulationResult:
    """Run a scenario.

    Raises
    ------
    SettingsError
        SimPy is not installed.
    """
    try:
        simpy = import_module("simpy")
    except ImportError:
        what = "the simulation needs SimPy"
        raise SettingsError(what, next_step="pip install 'nearline[plan]'") from None
    system = _System(
        simpy, installation, _ServiceTimes.of(installation, constants, place), scenario, seed=seed
    )
    system.start()
    system.env.run(until=scenario.seconds)
    return system.outcome()


@dataclass(slots=True)
class _Worker:
    core: Any
    rack: int
    alive: bool = True
    busy_s: float = 0.0


@dataclass(slots=True)
class _Partition:
    number: int
    owner: _Worker
    read_to: float = 0.0
    """All that arrived before is in the queue."""
    queue: deque[tuple[float, float, float]] = field(default_factory=deque)
    """Events that wait: from and to which second they came, and how many."""
    waiting: float = 0.0
    stands_until: float = 0.0
    stopped_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _ServiceTimes:
    """Seconds of CPU, and of waiting."""

    event_s: float
    page_s: float
    batch_s: float
    commit_s: float
    owner_row_s: float
    replica_row_s: float
    restore_rows: float

    @classmethod
    def of(cls, installation: Topology, constants: Constants, place: float) -> "_ServiceTimes":
        """Return the constants at a place of their ranges, for a catalog."""
        titles = installation.titles
        return cls(
            event_s=constants.each_event_us(titles, place) / 1e6,
            page_s=constants.each_page_us(titles, place) / 1e6,
            batch_s=constants.batch_us.at(place) / 1e6,
            commit_s=constants.commit_ms.at(place) / 1e3,
            owner_row_s=constants.title_row_us.at(place) / 1e6,
            replica_row_s=constants.replica_row_us.at(place) / 1e6,
            restore_rows=constants.restore_rows.at(place),
        )


class _System:
    """All processes of a run, and what they have measured."""

    def __init__(
        self,
        simpy: ModuleType,
        installation: Topology,
        costs: _ServiceTimes,
        scenario: LoadScenario,
        *,
        seed: int,
    ) -> None:
        self.env = env = simpy.Environment()
        self._is, self._costs, self._scenario = installation, costs, scenario
        self._rng = np.random.default_rng(seed)
        self._workers = [
            _Worker(simpy.Resource(env, capacity=1), n % installation.racks)
            for n in range(installation.workers)
        ]
        self._partitions = [
            _Partition(n, self._workers[n % installation.workers]) for n in range(installation.partitions)
        ]
        size = math.ceil(scenario.seconds)
        self._arrived, self._processed, self._behind = np.zeros(size), np.zeros(size), np.zeros(size)
        self._fresh: list[list[tuple[float, float]]] = [[] for _ in range(size)]
        self._learned = 0.0
        self._batches = 0

    def start(self) -> None:
        """Start all processes."""
        share = self._scenario.backlog / len(self._partitions)
        for partition in self._partitions:
            if share:
                partition.queue.append((0.0, 0.0, share))
                partition.waiting = share
            self.env.process(self._batches_of(partition))
        self.env.process(self._titles())
        self.env.process(self._watch())
        if self._scenario.rack_lost_s is not None:
            self.env.process(self._lose_a_rack(self._scenario.rack_lost_s))

    def _arrivals(self, begin: float, end: float, number: int) -> float:
        """Return how many events came to a partition."""
        steps, total = self._scenario.rate, 0.0
        for (start, factor), (stop, _) in zip(steps, (*steps[1:], (math.inf, 0.0)), strict=True):
            total += max(0.0, min(end, stop) - max(begin, start)) * factor
        mean = total * self._is.events_per_s / len(self._partitions)
        mean += self._scenario.hot_per_s * (end - begin) if number == 0 else 0.0
        return float(self._rng.poisson(mean))

    def _take(self, partition: _Partition) -> list[tuple[float, float, float]]:
        """Return the events of the next batch, oldest first."""
        now = self.env.now
        came = self._arrivals(partition.read_to, now, partition.number)
        if came:
            partition.queue.append((partition.read_to, now, came))
            partition.waiting += came
            self._arrived[min(int(now), len(self._arrived) - 1)] += came
        partition.read_to = now
        batch, left = [], float(BATCH_EVENTS)
        while partition.queue and left > 0:
            begin, end, count = partition.queue.popleft()
            taken = min(count, left)
            cut = begin + (end - begin) * taken / count
            batch.append((begin, cut, taken))
            if taken < count:
                partition.queue.appendleft((cut, end, count - taken))
            left -= taken
        partition.waiting -= sum(count for _, _, count in batch)
        return batch

    def _batches_of(self, partition: _Partition) -> Process:
        """Process batches of a partition, one after the other."""
        yield self.env.timeout(self._rng.uniform(0, self._costs.commit_s))
        while True:
            if partition.stands_until > self.env.now or not partition.owner.alive:
                until = max(partition.stands_until, self.env.now + SECOND)
                partition.stopped_s += until - self.env.now
                yield self.env.timeout(until - self.env.now)
                continue
            batch = self._take(partition)
            if not batch:
                yield self.env.timeout(FETCH_MS / 1e3)
                continue
            count = sum(n for _, _, n in batch)
            pages = self._pages(count, batch[-1][1] - batch[0][0])
            owner = partition.owner
            yield from self._work(
                owner, self._costs.batch_s + count * self._costs.event_s + pages * self._costs.page_s
            )
            yield self.env.timeout(self._costs.commit_s * self._rng.lognormal(0.0, COMMIT_SIGMA))
            if not owner.alive:  # the transaction is not there: the next owner reads these events again
                partition.queue.extendleft(reversed(batch))
                partition.waiting += count
                continue
            self._done(batch, count)

    def _pages(self, events: float, span_s: float) -> float:
        """Return the pages of a batch: one for each viewer whose taste has moved, at most one an interval."""
        viewers = max(1.0, self._is.viewers * self._is.active / len(self._partitions))
        moved = viewers * -math.expm1(-events * self._is.pages_per_event / viewers)
        if self._is.page_interval_s:
            moved = min(moved, viewers * max(1.0, span_s / self._is.page_interval_s))
        return moved

    def _work(self, worker: _Worker, seconds: float) -> Process:
        """Take the worker's core for some time."""
        with worker.core.request() as turn:
            yield turn
            yield self.env.timeout(seconds)
            worker.busy_s += seconds

    def _done(self, batch: list[tuple[float, float, float]], count: float) -> None:
        """Note what a batch was and how fresh its pages are."""
        now = self.env.now
        second = min(int(now), len(self._processed) - 1)
        self._processed[second] += count
        self._learned += count
        self._batches += 1
        for begin, end, n in batch:
            for part in (0.125, 0.375, 0.625, 0.875):
                came = begin + (end - begin) * part
                self._fresh[second].append((now - came + FETCH_MS / 2e3, n / 4))

    def _titles(self) -> Process:
        """Learn signals at most once a floor, and let every replica read what has changed."""
        tick, seen = self._is.titles_floor_s, 0.0
        while True:
            yield self.env.timeout(tick)
            events, seen = self._learned - seen, self._learned
            rows = changed_titles(self._is.titles, events) if events > 0 else 0.0
            alive = [worker for worker in self._workers if worker.alive]
            if rows and alive:
                yield from self._work(alive[0], rows * self._costs.owner_row_s)
                read_s = written_rows(self._is.titles, events) * self._costs.replica_row_s
                readers = [self._work(worker, read_s) for worker in alive]
                yield self.env.all_of([self.env.process(reader) for reader in readers])

    def _lose_a_rack(self, at_s: float) -> Process:
        """End the workers of the first rack; the others take over after the session, and restore."""
        yield self.env.timeout(at_s)
        lost = [worker for worker in self._workers if worker.rack == 0]
        for worker in lost:
            worker.alive = False
        now = self.env.now
        for partition in self._partitions:
            if partition.number % self._is.racks == 0 and partition.owner.alive:
                partition.stands_until = now + ELECTION_S
        orphans = [partition for partition in self._partitions if not partition.owner.alive]
        for partition in orphans:
            partition.stands_until = math.nextafter(now + SESSION_S, math.inf)
        yield self.env.timeout(SESSION_S)
        alive = [worker for worker in self._workers if worker.alive]
        restored = dict.fromkeys(range(len(alive)), self.env.now)
        rows = self._is.viewers / len(self._partitions)
        for n, partition in enumerate(orphans):
            restored[n % len(alive)] += rows / self._costs.restore_rows
            partition.owner, partition.stands_until = alive[n % len(alive)], restored[n % len(alive)]

    def _watch(self) -> Process:
        """Note once a second how far behind all partitions are."""
        while True:
            yield self.env.timeout(SECOND)
            unread = sum(
                (self.env.now - p.read_to) * self._is.events_per_s / len(self._partitions)
                for p in self._partitions
            )
            second = min(int(self.env.now) - 1, len(self._behind) - 1)
            self._behind[second] = sum(p.waiting for p in self._partitions) + unread

    def outcome(self) -> SimulationResult:
        """Return what was measured."""
        everything = [one for second in self._fresh for one in second]
        by_second = [_quantiles(second) for second in self._fresh]
        p50, p99 = _quantiles(everything)
        seconds = self._scenario.seconds
        alive_s = len(self._workers) * seconds
        return SimulationResult(
            freshness_p50_ms=p50 or 0.0,
            freshness_p99_ms=p99 or 0.0,
            events_per_s=float(self._processed.sum()) / seconds,
            use=sum(worker.busy_s for worker in self._workers) / alive_s,
            most_behind=float(self._behind.max()),
            back_s=self._back([one[1] for one in by_second]),
            stopped_s=max(partition.stopped_s for partition in self._partitions),
            events_a_batch=float(self._processed.sum()) / max(1, self._batches),
            seconds=[float(n) for n in range(len(self._arrived))],
            arrived=self._arrived.tolist(),
            processed=self._processed.tolist(),
            behind=self._behind.tolist(),
            p50_ms=[one[0] for one in by_second],
            p99_ms=[one[1] for one in by_second],
        )

    def _back(self, p99: list[float | None]) -> float | None:
        """Return when the 99th percentile was back within twice what it was before the disturbance."""
        rates = self._scenario.rate
        began = self._scenario.rack_lost_s
        if began is None and rates[1:]:
            began = rates[1][0]
        if began is None:
            return None
        before = [one for one in p99[5 : int(began)] if one is not None]
        limit = 2 * max(before, default=0.0)
        late = [n for n in range(int(began), len(p99)) if p99[n] is None or (p99[n] or 0.0) > limit]
        if not late:
            return 0.0
        return None if late[-1] >= len(p99) - 1 else late[-1] + 1 - began


def _quantiles(samples: list[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Return median and 99th percentile of weighted samples in milliseconds; None without any."""
    if not samples:
        return None, None
    values, weights = np.array(samples).T
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()

    def found(q: float) -> float:
        return float(values[order][min(np.searchsorted(share, q), len(values) - 1)]) * 1e3

    return found(0.5), found(0.99)
