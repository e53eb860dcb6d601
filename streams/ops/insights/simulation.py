"""A simulated world in which one kind of story is scarce, and whether the demand names it.

The world knows what viewers want (their tastes are mixtures of kinds of story) and that the catalog has
little of one kind. What the insights say is counted from the events alone.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.demand import Demand
from online_models.insights.disclosure import tell
from online_models.insights.sorting import DemandRecord, demand_of
from online_models.insights.visits import ViewerVisits, observe
from online_models.simulation import World
from online_models.simulation.catalog import DAY_S
from online_models.simulation.closed_loop import close_the_loop
from online_models.simulation.config import CatalogConfig, WorldConfig
from online_models.simulation.policies import Oracle
from online_models.tables.viewers import hash_ids
from schemas.events import Event
from schemas.insights import Wanted
from streams.config.settings import Settings
from streams.errors import InsightError, SettingsError
from streams.ops.insights.tables import read_demand

__all__ = ["DemandFinding", "DemandOptions", "simulated"]

FOLDER: Final = Path(".nearline/insights")
WORLD: Final = CatalogConfig(
    facets=8, sharpness=4.0, zipf=0.3, series=0.0, upcoming=0.0, scarce=0, scarce_wanted=2.0
)
"""Kinds of story that have words of their own and are wanted alike, but for one that is wanted twice as much.
Little fame and no series: with few titles one hit is a kind of its own."""
ASKED: Final = ("genre", "theme", "mood")
"""Kinds of tags by which the scarce story is looked for."""
WAYS: Final = ("process", "embedded", "kafka")
SETTLED_S: Final = 8.0
"""Demand that does not change for so long is the last: longer than the least interval of the insights."""
PATIENCE_S: Final = 120.0
"""Longest wait for that."""
ALL: Final = 1_000


@dataclass(frozen=True, slots=True)
class DemandOptions:
    """What the user asked for."""

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
    """What came of it."""

    wanted: Wanted
    scarce: dict[str, str]
    """The words that stand for the scarce kind, by kind of tag."""
    taste: float
    """Share of all tastes that is of the scarce kind."""
    places: dict[str, int | None]
    """Place of each word among those of its kind by excess, from 1; of `search` among the queries in vain."""

    def facts(self) -> dict[str, Any]:
        """Return the comparison for people."""
        return {
            "scarce": ", ".join(self.scarce.values()),
            "share of tastes": self.taste,
            "places": self.places,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        told = to_builtins(self.wanted)
        return {"scarce": self.scarce, "taste": self.taste, "places": self.places, **told}


def simulated(wishes: DemandOptions) -> DemandFinding:
    """Run the world, count what happens, and look for the scarce kind.

    Raises
    ------
    SettingsError
        There is no such way to run it.
    InsightError
        Nothing was told in time.
    """
    if wishes.through not in WAYS:
        what = f"--through {wishes.through} is not possible"
        raise SettingsError(what, next_step=f"choose one of {', '.join(WAYS)}")
    config = WorldConfig()
    scarcity = replace(WORLD, scarce_kept=wishes.scarce)
    world = World(wishes.seed, wishes.viewers, wishes.titles, config=replace(config, catalog=scarcity))
    records = in_process(world, wishes.days) if wishes.through == "process" else _through(world, wishes)
    return _found(world, records)


def in_process(world: World, days: int) -> list[DemandRecord]:
    """Count a world's days without a cluster."""
    stock, demand = CatalogSnapshot(), Demand()
    guests: dict[str, ViewerVisits] = {}
    for title in world.titles:
        stock.put(title)

    def count(events: Sequence[Event]) -> None:
        viewers = hash_ids([event.viewer_id for event in events]).tolist()
        hashes = hash_ids([event.event_id for event in events]).tolist()
        told = [
            observe(
                guests.setdefault(event.viewer_id, ViewerVisits()),
                event,
                event.event_time_ms,
                viewer=viewer,
                event_hash=event_hash,
                genres=stock.genres,
            )
            for event, viewer, event_hash in zip(events, viewers, hashes, strict=True)
        ]
        demand.add([one for one, _ in told if one], [one for _, one in told if one], stock)

    _live(world, days, count)
    return list(tell(demand, stock).values())


class _Overheard(Oracle):
    """Pages that fit; whatever happens on them is passed on."""

    def __init__(self, world: World, tell: Callable[[Sequence[Event]], None]) -> None:
        super().__init__(world)
        self._tell = tell

    def learn(self, events: Sequence[Event]) -> None:
        """Pass on what happened."""
        self._tell(events)


def _live(world: World, days: int, tell: Callable[[Sequence[Event]], None]) -> None:
    """Let viewers act for some days on pages that fit them: who wants what is scarce finds what there is."""
    close_the_loop("insights", world, _Overheard(world, tell), days=days, warm_up=0)
    tell(world.happened(days * DAY_S))


def _through(world: World, wishes: DemandOptions) -> list[DemandRecord]:
    """Count a world's days with a worker, on a cluster of its own."""
    from streams.kafka.produce import EventProducer  # noqa: PLC0415 - nobody else needs Kafka
    from streams.ops.runs.session import InsightsProcess, make_topics, own_cluster  # noqa: PLC0415

    shutil.rmtree(FOLDER, ignore_errors=True)
    with own_cluster(FOLDER, "nearline-simulated", kafka=wishes.through == "kafka") as settings:
        make_topics(settings)
        with EventProducer(settings) as producer, InsightsProcess(settings, FOLDER / "counting") as worker:
            producer.send_titles(world.titles)
            producer.flush()
            _live(world, wishes.days, producer.send)
            producer.flush()
            return _settled(settings, worker.check)


def _settled(settings: Settings, check: Callable[[], None]) -> list[DemandRecord]:
    """Wait for the last word; `check` raises if the worker died."""
    from streams.ops.runs.subscriber import last_word  # noqa: PLC0415 - nobody else needs Kafka

    last = last_word(lambda: read_demand(settings), settled_s=SETTLED_S, patience_s=PATIENCE_S, check=check)
    if not last:
        what, why = "no demand was told", f"none came in {PATIENCE_S:g} s"
        raise InsightError(what, why=why, next_step="read worker.log of the counting worker")
    return last


def _found(world: World, records: Sequence[DemandRecord]) -> DemandFinding:
    scarce = {kind: world.catalog.scarce[kind] for kind in ASKED}
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
