"""What is simulated, what happens to it, and what comes of it."""

from typing import Final

from msgspec import Struct

__all__ = ["SCENARIOS", "LoadScenario", "SimulationResult", "Topology"]


class Topology(Struct, frozen=True, kw_only=True):
    """What is simulated.

    Attributes
    ----------
    partitions, workers, racks
        Workers are spread over racks by turns, partitions over workers.
    viewers, titles
        Viewers on disk, titles in the catalog.
    events_per_s, pages_per_event, active
        As in a demand.
    titles_floor_s
        Least time between two batches of titles.
    page_interval_s
        Least time between two pages of a viewer.
    """

    partitions: int
    workers: int
    viewers: int
    titles: int
    events_per_s: float
    pages_per_event: float = 0.5
    active: float = 0.1
    racks: int = 3
    titles_floor_s: float = 0.1
    page_interval_s: float = 1.0


class LoadScenario(Struct, frozen=True, kw_only=True):
    """What happens.

    Attributes
    ----------
    seconds
        Duration.
    about
        In words.
    rate
        Times the usual events, as (from second, factor).
    rack_lost_s
        When a rack is lost, for good; None: never.
    hot_per_s
        Events a second of one viewer, besides the others.
    backlog
        Events that are there at the beginning.
    """

    seconds: float
    about: str
    rate: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    rack_lost_s: float | None = None
    hot_per_s: float = 0.0
    backlog: float = 0.0


SCENARIOS: Final = {
    "steady": LoadScenario(seconds=60, about="the busiest time of an ordinary day"),
    "rack-lost": LoadScenario(
        seconds=300, rack_lost_s=60, about="a rack with a third of workers and brokers is lost"
    ),
    "hot-viewer": LoadScenario(seconds=60, hot_per_s=2_000, about="a bot sends 2,000 events a second"),
    "launch-night": LoadScenario(
        seconds=300,
        rate=((0.0, 1.0), (30.0, 20.0), (120.0, 1.0)),
        about="90 seconds with twenty times the events",
    ),
}


class SimulationResult(Struct, frozen=True, kw_only=True):
    """What came of it, by second and as a whole.

    Attributes
    ----------
    freshness_p50_ms, freshness_p99_ms
        From an event to its page, of all events that had one.
    events_per_s
        Processed, on average.
    use
        Mean use of the workers' cores.
    most_behind
        Largest number of events not processed.
    back_s
        Seconds from the disturbance until freshness was within twice what it was before; None: not within
        the run.
    stopped_s
        Longest time for which a partition stood still.
    events_a_batch
        Of viewers.
    seconds, arrived, processed, behind, p50_ms, p99_ms
        By second.
    """

    freshness_p50_ms: float
    freshness_p99_ms: float
    events_per_s: float
    use: float
    most_behind: float
    back_s: float | None
    stopped_s: float
    events_a_batch: float
    seconds: list[float]
    arrived: list[float]
    processed: list[float]
    behind: list[float]
    p50_ms: list[float | None]
    p99_ms: list[float | None]
