"""Draw the pictures of ``deploy/capacity.md``: ``python -m deploy.capacity``, with the shipped constants.

What an installation of a size needs, by the plan; and what the scenarios come to, by the simulation.
"""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from msgspec import structs

from streams.errors import SettingsError
from streams.ops.plan.constants import SHIPPED
from streams.ops.plan.model import Demand, needs
from streams.ops.plan.scenarios import SCENARIOS, Topology
from streams.ops.plan.simulation import simulate

FOLDER = Path(__file__).resolve().parent / "capacity"
RATES = (1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0, 200_000.0)
TITLES = (10_000, 100_000, 1_000_000)
SHOWN = Topology(partitions=96, workers=24, viewers=5_000_000, titles=20_000, events_per_s=10_000.0)
"""The installation of the scenarios."""


def main() -> None:
    """Write all pictures."""
    mpl.rcParams |= {"svg.hashsalt": "nearline", "font.size": 9}
    FOLDER.mkdir(exist_ok=True)
    _workers().savefig(FOLDER / "workers.svg", metadata={"Date": None})
    _scenarios().savefig(FOLDER / "scenarios.svg", metadata={"Date": None})


def _workers() -> Figure:
    """Workers by events, with the range of the constants."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes: Any = figure.subplots()
    for titles in TITLES:
        low, usual, high = (
            [
                _workers_of(Demand(viewers=10_000_000, titles=titles, events_per_s=rate), place)
                for rate in RATES
            ]
            for place in (-1.0, 0.0, 1.0)
        )
        (line,) = axes.plot(RATES, usual, marker="o", markersize=3, label=f"{titles:,} titles")
        axes.fill_between(RATES, low, high, alpha=0.15, color=line.get_color())
    axes.set(xscale="log", yscale="log", xlabel="events a second", ylabel="workers, one core each")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return figure


def _workers_of(demand: Demand, place: float) -> float:
    """Return the workers; not a number where one installation cannot do it."""
    try:
        return needs(demand, SHIPPED, place).workers
    except SettingsError:
        return float("nan")


def _scenarios() -> Figure:
    """Freshness and backlog by second, a column each scenario."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes: Any = figure.subplots(2, len(SCENARIOS), sharex="col", squeeze=False)
    for column, (name, scenario) in enumerate(SCENARIOS.items()):
        outcome = simulate(SHOWN, SHIPPED, structs.replace(scenario, seconds=min(scenario.seconds, 220.0)))
        top, bottom = axes[0][column], axes[1][column]
        for label, values in (("p50", outcome.p50_ms), ("p99", outcome.p99_ms)):
            top.plot(
                outcome.seconds[:-1], [float("nan") if v is None else v for v in values[:-1]], label=label
            )
        top.set(yscale="log", title=name)
        bottom.plot(outcome.seconds[:-1], outcome.behind[:-1])
        bottom.set(xlabel="seconds")
        for one in (top, bottom):
            one.grid(visible=True, alpha=0.3)
    axes[0][0].set(ylabel="freshness, ms")
    axes[1][0].set(ylabel="events behind")
    axes[0][0].legend()
    return figure


if __name__ == "__main__":
    main()
