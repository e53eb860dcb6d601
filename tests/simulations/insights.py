"""A simulated world in which one kind of story is scarce, and whether the demand names it.

The world knows what viewers want (tastes are mixtures of kinds of story) and that the catalog has few titles
of one kind. The insights are counted from the events alone.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.demand import Demand, disclosable_records
from online_models.insights.sorting import DemandRecord, demand_of
from online_models.insights.visits import ViewerVisits, observe
from online_models.simulation import World
from online_models.simulation.catalog import DAY_S
from online_models.simulation.closed_loop import run_closed_loop
from online_models.simulation.config import CatalogConfig, WorldConfig
from online_models.simulation.policies import Oracle
from online_models.tables.hashing import hash_ids
from schemas.events import Event
from schemas.insights import Wanted
from streams.config.settings import Settings
from streams.errors import InsightError, SettingsError
from streams.kafka.produce import EventProducer
from streams.ops.insights import read_demand
from streams.ops.runs.worker_process import InsightsProcess, make_topics, own_cluster
from tests.simulations.waiting import last_value

__all__ = ["DemandFinding", "DemandOptions", "simulated"]

FOLDER: Final = Path(".nearline/insights")
WORLD: Final = CatalogConfig(
    facets=8, sharpness=4.0, zipf=0.3, series=0.0, upcoming=0.0, scarce=0, scarce_wanted=2.0
)
"""Kinds of story with tags of their own, equally wanted except for one that is wanted twice as much. Flat
popularity and no series: with few titles a single hit would look like a kind."""
KINDS: Final = ("genre", "theme", "mood")
"""Kinds of tags by which the scarce story is identified."""
MODES: Final = ("process", "embedded", "kafka")
SETTLED_S: Final = 8.0
"""Demand that does not change for this time is the last: longer than the least interval of the insights."""
DEMAND_TIMEOUT_S: Final = 120.0
"""Longest wait for the last demand."""
ALL: Final = 1_000
"""More than the combinations that a world has."""


@dataclass(frozen=True, slots=True)
class DemandOptions:
    """Options of the command."""

    viewers: int
    titles: int
    days: int
    seed: int
    scarce: float
    """Share of its titles that the scarce kind keeps."""
    through: str = "process"
    """`process`, `embedded` (cluster) or `kafka`."""


@dataclass(frozen=True, slots=True)
class DemandFinding:
    """The published demand, and what the world knows."""

    wanted: Wanted
    scarce: dict[str, str]
    """Tags of the scarce kind, by kind of tag."""
    taste: float
    """Share of the scarce kind in all tastes."""
    places: dict[str, int | None]
    """Rank of each tag among its kind by excess, from 1; `search`: among the queries without success."""

    def facts(self) -> dict[str, Any]:
        """Return the comparison for people."""
        return {
            "scarce": ", ".join(self.scarce.values()),
            "share of tastes": self.taste,
            "places": self.places,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        known = {"scarce": self.scarce, "taste": self.taste, "places": self.places}
        return known | to_builtins(self.wanted)


def simulated(options: DemandOptions) -> DemandFinding:
    """Run the world, count its events, and look up the scarce kind in the demand.

    Raises
    ------
    SettingsError
        There is no such mode.
    InsightError
        No demand was published in time.
    """
    if options.through not in MODES:
        what = f"--through {options.through} is not possible"
        raise SettingsError(what, next_step=f"choose one of {', '.join(MODES)}")
    config = WorldConfig()
    scarcity = replace(WORLD, scarce_kept=options.scarce)
    world = World(options.seed, options.viewers, options.titles, config=replace(config, catalog=scarcity))
    records = in_process(world, options.days) if options.through == "process" else _through(world, options)
    return _found(world, records)


def in_process(world: World, days: int) -> list[DemandRecord]:
    """Count a world's days without a cluster."""
    catalog, demand = CatalogSnapshot(), Demand()
    visits: dict[str, ViewerVisits] = {}
    for title in world.titles:
        catalog.put(title)

    def count(events: Sequence[Event]) -> None:
        viewers = hash_ids([event.viewer_id for event in events]).tolist()
        hashes = hash_ids([event.event_id for event in events]).tolist()
        counted = [
            observe(
                visits.setdefault(event.viewer_id, ViewerVisits()),
                event,
                event.event_time_ms,
                viewer=viewer,
                event_hash=event_hash,
                genres=catalog.genres,
            )
            for event, viewer, event_hash in zip(events, viewers, hashes, strict=True)
        ]
        demand.add([one for one, _ in counted if one], [one for _, one in counted if one], catalog)

    _live(world, days, count)
    return list(disclosable_records(demand, catalog).values())


class _ObservedOracle(Oracle):
    """The oracle's pages; events on them are passed to a callback."""

    def __init__(self, world: World, on_events: Callable[[Sequence[Event]], None]) -> None:
        super().__init__(world)
        self._on_events = on_events

    def learn(self, events: Sequence[Event]) -> None:
        """Pass the events on."""
        self._on_events(events)


def _live(world: World, days: int, on_events: Callable[[Sequence[Event]], None]) -> None:
    """Let viewers act for some days on the oracle's pages: who wants the scarce kind finds its few titles."""
    run_closed_loop("insights", world, _ObservedOracle(world, on_events), days=days, warm_up=0)
    on_events(world.happened(days * DAY_S))


def _through(world: World, options: DemandOptions) -> list[DemandRecord]:
    """Count a world's days with a worker, on a cluster of its own."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    with own_cluster(
        FOLDER, "nearline-simulated", kafka=options.through == "kafka", event_time=True
    ) as settings:
        make_topics(settings)
        with EventProducer(settings) as producer, InsightsProcess(settings, FOLDER / "counting") as worker:
            producer.send_titles(world.titles)
            producer.flush()
            _live(world, options.days, producer.send)
            producer.flush()
            return _settled(settings, worker.check)


def _settled(settings: Settings, check: Callable[[], None]) -> list[DemandRecord]:
    """Wait for the last demand; `check` raises if the worker died."""
    last = last_value(
        lambda: read_demand(settings), settled_s=SETTLED_S, timeout_s=DEMAND_TIMEOUT_S, check=check
    )
    if not last:
        what, why = "no demand was published", f"none in {DEMAND_TIMEOUT_S:g} s"
        raise InsightError(what, why=why, next_step="read worker.log of the insights worker")
    return last


def _found(world: World, records: Sequence[DemandRecord]) -> DemandFinding:
    scarce = {kind: world.catalog.scarce[kind] for kind in KINDS}
    wanted = demand_of(records, limit=ALL)
    places: dict[str, int | None] = {}
    for kind, word in scarce.items():
        labels = [one.labels[0] for one in wanted.facets if len(one.labels) == 1]
        same = [label for label in labels if label.startswith(f"{kind}:")]
        places[kind] = _place(f"{kind}:{word}", same)
    places["search"] = _place(scarce["theme"], [one.query for one in wanted.searches])
    taste = float(world.population.mixtures[:, 0].mean())
    return DemandFinding(demand_of(records, limit=15), scarce, round(taste, 4), places)


def _place(word: str, words: Sequence[str]) -> int | None:
    return words.index(word) + 1 if word in words else None
