"""`nearline plan`: partitions, workers, memory, disk and broker load, before there is an installation."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import human, write_json
from streams.cli.options import Json

if TYPE_CHECKING:
    from rich.console import Console

    from streams.ops.plan.constants import Constants
    from streams.ops.plan.model import Demand, Need

CONSTANTS = Path(".nearline/plan.json")
"""Where a calibration is kept unless another place is named."""
FACTORS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
MEANT = {
    "viewers": "twice the viewers",
    "titles": "twice the titles",
    "events_per_s": "twice the events",
    "pages_per_event": "twice the pages an event",
    "active": "twice the share of active viewers",
    "retention_days": "twice the retention",
    "p99_ms": "half the freshness",
}


def plan(
    *,
    viewers: Annotated[str, typer.Option(metavar="N", help="Viewers, as in 20M.")] = "1M",
    titles: Annotated[str, typer.Option(metavar="N", help="Titles of the catalog, as in 300k.")] = "10k",
    events: Annotated[
        str, typer.Option(metavar="N/s", help="Events at the busiest time of an ordinary day, as in 80k/s.")
    ] = "2k/s",
    p99: Annotated[
        str, typer.Option(metavar="TIME", help="From an event to its page, 99th percentile, as in 250ms.")
    ] = "250ms",
    pages_per_event: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Pages an event: impressions and pauses cause none.")
    ] = 0.5,
    active: Annotated[
        float, typer.Option(min=0.0001, max=1.0, help="Share of viewers who are active in the busiest hour.")
    ] = 0.1,
    retention_days: Annotated[float, typer.Option(min=0.1, help="Of the event log.")] = 7.0,
    replicas: Annotated[int, typer.Option(min=1, max=10, help="Copies of a partition on brokers.")] = 3,
    readers: Annotated[int, typer.Option(min=0, help="Consumers of pages, `nearline serve` among them.")] = 2,
    prices: Annotated[
        str | None,
        typer.Option(
            metavar="core=A,memory=B,disk=C", help="Monthly price of a core, a GB of memory, a GB of disk."
        ),
    ] = None,
    constants: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=f"What things cost. [dim]Default: {CONSTANTS}, else shipped.[/]"),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure what things cost on this machine, some minutes.")
    ] = False,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Calibrate on a local Apache Kafka, not the embedded cluster.")
    ] = False,
    simulate: Annotated[
        str | None,
        typer.Option(metavar="SCENARIO", help="Simulate steady, rack-lost, hot-viewer or launch-night."),
    ] = None,
    json: Json = None,
) -> None:
    """Say what an installation needs, with its uncertainty, and what more of each input would take.

    The constants are measured by --calibrate, or shipped ones of two shared cores. "usual" is the middle;
    "low" and "high" are what it would be if everything cost as little, or as much, as was ever seen.

    JSON keys: demand, low, usual, high, twice, machine; with --simulate: scenario, installation, outcome.
    """
    from streams.ops.plan.constants import read_constants
    from streams.ops.plan.model import Demand

    console = human(json)
    if calibrate:
        found = _calibrated(console, constants or CONSTANTS, kafka=kafka)
        write_json(json, _document(found))
        return
    demand = Demand(
        viewers=int(amount(viewers)), titles=int(amount(titles)),
        events_per_s=amount(events.removesuffix("/s")),
        p99_ms=milliseconds(p99), active=active, pages_per_event=pages_per_event,
        retention_days=retention_days,
        replicas=replicas, readers=readers,
    )  # fmt: skip
    costs = read_constants(constants, CONSTANTS)
    if simulate is None:
        _plan(console, demand, costs, _prices(prices), json)
    else:
        _simulated(console, demand, costs, simulate, json)


def amount(text: str) -> float:
    """Return a number that may end in k, M or G.

    Examples
    --------
    >>> amount("20M"), amount("1.5k"), amount("7")
    (20000000.0, 1500.0, 7.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)", text.strip())
    if found is None or not float(found[1]):
        message = f"{text!r} is no amount: write 300k, 20M or 80k/s"
        raise typer.BadParameter(message)
    return float(found[1]) * FACTORS[found[2]]


def milliseconds(text: str) -> float:
    """Return a time in milliseconds.

    Examples
    --------
    >>> milliseconds("250ms"), milliseconds("1.5s")
    (250.0, 1500.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text.strip())
    if found is None or not float(found[1]):
        message = f"{text!r} is no time: write 250ms or 1.5s"
        raise typer.BadParameter(message)
    return float(found[1]) * (1e3 if found[2] == "s" else 1.0)


def _prices(text: str | None) -> dict[str, float]:
    """Return monthly prices by what is paid for."""
    if text is None:
        return {}
    found = dict(re.findall(r"(core|memory|disk)=(\d+(?:\.\d+)?)", text))
    if len(found) != text.count("=") or not found:
        message = f"{text!r} names no prices: write core=25,memory=3,disk=0.1"
        raise typer.BadParameter(message)
    return {name: float(value) for name, value in found.items()}


def _calibrated(console: "Console", path: Path, *, kafka: bool) -> "Constants":
    import tempfile

    from streams.ops.plan.calibrate import calibrate

    scratch = tempfile.TemporaryDirectory(prefix="nearline-plan-")
    with scratch as folder, console.status("measuring …") as status:
        found = calibrate(Path(folder), lambda step: status.update(f"measuring {step} …"), kafka=kafka)
    found.save(path)
    console.print(f"kept in {path}; `nearline plan` reads it there")
    return found


def _plan(
    console: "Console", demand: "Demand", costs: "Constants", prices: dict[str, float], json: str | None
) -> None:
    from streams.cli.views.plan_tables import need_table, twice_table
    from streams.ops.plan.model import plan as planned
    from streams.ops.plan.model import sensitivities

    found, twice = planned(demand, costs), sensitivities(demand, costs)
    console.print(need_table(found, costs.machine, prices))
    console.print(twice_table(found.usual, {MEANT[name]: need for name, need in twice.items()}, prices))
    document: dict[str, object] = {
        name: _document(getattr(found, name)) for name in ("demand", "low", "usual", "high")
    }
    more = {name: _document(need) for name, need in twice.items()}
    write_json(json, {**document, "twice": more, "machine": costs.machine})


def _simulated(console: "Console", demand: "Demand", costs: "Constants", name: str, json: str | None) -> None:
    from streams.cli.views.plan_tables import outcome_table
    from streams.ops.plan.model import needs
    from streams.ops.plan.scenarios import SCENARIOS, Topology
    from streams.ops.plan.simulation import simulate

    if name not in SCENARIOS:
        message = f"{name!r} is no scenario: {', '.join(SCENARIOS)}"
        raise typer.BadParameter(message)
    need: Need = needs(demand, costs)
    installation = Topology(
        partitions=need.partitions, workers=need.workers, viewers=demand.viewers, titles=demand.titles,
        events_per_s=demand.events_per_s, pages_per_event=demand.pages_per_event, active=demand.active,
        titles_floor_s=need.titles_floor_s,
    )  # fmt: skip
    with console.status(f"simulating {need.workers} workers, {need.partitions} partitions …"):
        outcome = simulate(installation, costs, SCENARIOS[name])
    console.print(outcome_table(f"{name}: {SCENARIOS[name].about}", installation, outcome))
    parts = {"installation": _document(installation), "outcome": _document(outcome)}
    write_json(json, {"scenario": name, **parts})


def _document(value: object) -> dict[str, object]:
    import msgspec

    found: dict[str, object] = msgspec.to_builtins(value)
    return found
