"""Metered workers as child processes, and what is read off them."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streams.config.settings import Settings
from streams.ops.runs.worker_process import WorkerProcess

LOOK_S = 0.25
"""Between two looks at a worker's metrics: an answer costs it 3 ms."""
PATIENCE_S = 90.0
"""Longest that a benchmark waits for a worker to answer its events."""


class MeteredWorker(WorkerProcess):
    """`nearline worker` under :mod:`tests.benchmarks.meter`, on the given cores."""

    def __init__(
        self, settings: Settings, folder: Path, cores: list[int], variables: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(settings, folder, variables)
        self._cores = ",".join(map(str, cores))

    @property
    def command(self) -> Sequence[str]:
        """Return programme and arguments."""
        return [sys.executable, "-m", "tests.benchmarks.meter", self._cores]

    def look(self) -> "Reading":
        """Read its metrics."""
        self.check()
        seen = self.exposition()
        cpu = {
            (s.labels["kind"], s.labels["name"]): s.value
            for s in seen.samples
            if s.name == "nearline_bench_cpu_seconds"
        }
        return Reading(
            at=seen.value("nearline_bench_ended", stage="viewers"),
            titles_at=seen.value("nearline_bench_ended", stage="titles"),
            events=int(seen.value("nearline_bench_records", stage="viewers")),
            lists=int(seen.value("nearline_lists_total")),
            behind=int(seen.value("nearline_replica_age_events")),
            batches=int(seen.value("nearline_batch_events_count")),
            batches_of={
                stage: int(seen.value("nearline_batch_events_count", stage=stage))
                for stage in ("viewers", "titles")
            },
            cpu=cpu,
        )

    def answered(self, events: int, *, learned: bool = False) -> "Reading":
        """Wait until so many events are answered, and learned by the titles too; return that moment.

        Raises
        ------
        TimeoutError
            It took too long.
        """
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            reading = self.look()
            if reading.events >= events and not (learned and reading.behind):
                return reading
            time.sleep(LOOK_S)
        msg = f"the worker did not answer {events} events; its log is {self.log.read_text()[-2000:]}"
        raise TimeoutError(msg)


@dataclass(frozen=True, slots=True)
class Reading:
    """A worker at the end of a batch."""

    at: float
    """When the last batch of viewers ended, Unix time in seconds."""
    titles_at: float
    """When the last batch of titles ended."""
    events: int
    lists: int
    behind: int
    """Signals not yet learned and replicated."""
    batches: int
    cpu: dict[tuple[str, str], float] = field(default_factory=dict)
    """Seconds by kind (step, thread, process, and wall and turn of `meter.TURNS`) and name."""
    batches_of: dict[str, int] = field(default_factory=dict)
    """By stage."""

    def steps_since(self, first: "Reading", kind: str) -> dict[str, float]:
        """Return microseconds of CPU per event since another reading, largest first."""
        events = max(1, self.events - first.events)
        spent = {
            name: (seconds - first.cpu.get((k, name), 0.0)) / events * 1e6
            for (k, name), seconds in self.cpu.items()
            if k == kind
        }
        return dict(sorted(spent.items(), key=lambda pair: -pair[1]))

    def cpu_since(self, first: "Reading") -> float:
        """Return the seconds of CPU of the process since another reading."""
        return self.cpu["process", "all"] - first.cpu["process", "all"]

    def events_since(self, first: "Reading") -> int:
        """Return the events since another reading."""
        return self.events - first.events

    def batches_since(self, first: "Reading", stage: str = "viewers") -> int:
        """Return the batches of a stage since another reading; at least one."""
        return max(1, self.batches_of.get(stage, 0) - first.batches_of.get(stage, 0))

    def delays_since(self, first: "Reading") -> dict[str, float]:
        """Return the milliseconds that an event of viewers has spent on average, by part."""
        return {
            name.partition(": ")[2]: round(seconds / max(1, self.events_since(first)) * 1e3, 1)
            for name, seconds in self._since(first, "delay")
            if name.startswith("viewers")
        }

    def waits_since(self, first: "Reading") -> dict[str, dict[str, float]]:
        """Return the milliseconds of a batch since another reading: passed, worked, waited for a core."""
        kinds = {"wall": "passed", "turn": "worked", "core": "without_core"}
        out: dict[str, dict[str, float]] = {}
        for kind, title in kinds.items():
            for name, seconds in self._since(first, kind):
                batches = self.batches_since(first, name.partition(":")[0])
                out.setdefault(name, {})[title] = round(seconds / batches * 1e3, 2)
        return out

    def _since(self, first: "Reading", kind: str) -> list[tuple[str, float]]:
        """Return what was spent since another reading, by name."""
        return [
            (name, seconds - first.cpu.get((k, name), 0.0))
            for (k, name), seconds in sorted(self.cpu.items())
            if k == kind
        ]
