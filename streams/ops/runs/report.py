"""Counters and report of a worker's run, for `demo` and `replay`."""

from dataclasses import dataclass

from streams.ops.overview import QUANTILES, freshness_ms
from streams.telemetry.metrics import Exposition

__all__ = ["RunCounts", "RunReport"]

MODELS = ("blend", "popularity")
"""Models whose hits a worker counts."""


@dataclass(frozen=True, slots=True)
class RunCounts:
    """A worker's counters at one moment."""

    events: int
    lists: int
    dead_letters: int
    lag: int
    """Events by which viewers are ahead of their replica of the title model."""
    tested: int
    hits: dict[str, int]
    freshness_ms: dict[str, float]
    """Quantiles of the time from an event's record to the commit of its page, made at once."""
    held_back_ms: dict[str, float]
    """The same of pages that the page throttle held back."""

    @classmethod
    def of(cls, read: Exposition) -> "RunCounts":
        """Read the counters from a worker's metrics."""
        return cls(
            events=int(read.value("nearline_events_total", stage="viewers", outcome="applied")),
            lists=int(read.value("nearline_lists_total")),
            dead_letters=int(read.value("nearline_dead_letters_total")),
            lag=int(read.value("nearline_replica_age_events")),
            tested=int(read.value("nearline_prequential_tested_total", model="blend")),
            hits={name: int(read.value("nearline_prequential_hits_total", model=name)) for name in MODELS},
            freshness_ms=freshness_ms(read, throttled="false"),
            held_back_ms=freshness_ms(read, throttled="true"),
        )

    def hit_rate(self, since: "RunCounts | None" = None) -> dict[str, float | None]:
        """Return HR@10 of all tested events, or of those since earlier counts; None if there are none."""
        tested = self.tested - (since.tested if since else 0)
        return {
            name: (n - (since.hits[name] if since else 0)) / tested if tested else None
            for name, n in self.hits.items()
        }


@dataclass(frozen=True, slots=True)
class RunReport:
    """Report of a run."""

    events: int
    """Events produced, and processed if there was a worker."""
    seconds: float
    """From the first event until all are processed, or delivered if there is no worker."""
    last: RunCounts | None
    """The worker's last counts; None without a worker."""
    warm: RunCounts | None = None
    """Counts at the end of the warm-up, from which on hits are reported; None: report all."""
    lead_events: float | None = None
    """Mean number of events by which viewers were ahead of the replica."""

    def document(self) -> dict[str, object]:
        """Return the report under its documented JSON keys; None (null) for what only a worker knows.

        Examples
        --------
        >>> RunReport(events=600, seconds=2.0, last=None).document()["events_per_s"]
        300.0
        """
        last = self.last
        hits = last.hit_rate(self.warm) if last else dict.fromkeys(MODELS)
        return {
            "events": self.events,
            "lists": last and last.lists,
            "dead_letters": last and last.dead_letters,
            "seconds": round(self.seconds, 3),
            "events_per_s": round(self.events / self.seconds, 1),
            "lists_per_s": last and round(last.lists / self.seconds, 1),
            "freshness_ms": last.freshness_ms if last else dict.fromkeys(QUANTILES),
            "held_back_ms": last.held_back_ms if last else dict.fromkeys(QUANTILES),
            "hr@10": hits,
            "tested": last and last.tested - (self.warm.tested if self.warm else 0),
            "replica_age_events": self.lead_events,
        }
