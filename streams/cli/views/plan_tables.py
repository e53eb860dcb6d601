"""Tables of `nearline plan`."""

from collections.abc import Callable, Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table

from streams.ops.plan.model import Need, Plan
from streams.ops.plan.scenarios import SimulationResult, Topology

__all__ = ["monthly", "need_table", "outcome_table", "twice_table"]

ROWS: Mapping[str, Callable[[Need], str]] = {
    "partitions": lambda n: f"{n.partitions}",
    "workers": lambda n: f"{n.workers}",
    "cores, one for each": lambda n: f"{n.workers}, {n.busy_cores:,.1f} busy",
    "of these for replicas of titles": lambda n: f"{n.replica_cores:,.1f}",
    "rows that replicas read": lambda n: f"{n.replica_rows_s:,.0f}/s, {n.replica_mb_s:,.0f} MB/s",
    "NEARLINE_TITLES_FLOOR_S": lambda n: f"{n.titles_floor_s:g}",
    "memory of a worker": lambda n: f"{n.worker_memory_gb:,.1f} GB",
    "disk of a worker": lambda n: f"{n.worker_disk_gb:,.1f} GB",
    "brokers: cores": lambda n: f"{n.broker_cores:,.1f}",
    "brokers: in, out": lambda n: f"{n.broker_in_mb_s:,.0f}, {n.broker_out_mb_s:,.0f} MB/s",
    "brokers: disk": lambda n: f"{n.broker_disk_gb:,.0f} GB",
    "freshness p99": lambda n: f"{n.freshness_p99_ms:,.0f} ms",
    "restore after a lost worker": lambda n: f"{n.restore_s:,.0f} s",
}


def monthly(need: Need, prices: Mapping[str, float]) -> float:
    """Return what workers and brokers cost a month.

    Examples
    --------
    >>> from streams.ops.plan.constants import SHIPPED
    >>> from streams.ops.plan.model import Demand, needs
    >>> need = needs(Demand(viewers=10**6, titles=10**4, events_per_s=2_000.0), SHIPPED)
    >>> monthly(need, {"core": 1.0}) == need.workers + need.broker_cores
    True
    """
    cores = prices.get("core", 0.0) * (need.workers + need.broker_cores)
    memory = prices.get("memory", 0.0) * need.workers * need.worker_memory_gb
    disk = prices.get("disk", 0.0) * (need.workers * need.worker_disk_gb + need.broker_disk_gb)
    return cores + memory + disk


def need_table(plan: Plan, machine: str, prices: Mapping[str, float]) -> Table:
    """Show what is needed, and how sure that is."""
    wanted = plan.demand
    title = f"{wanted.viewers:,} viewers, {wanted.titles:,} titles, {wanted.events_per_s:,.0f} events/s"
    table = Table(
        "", "low", "usual", "high", box=SIMPLE_HEAD, title=title,
        caption=f"constants of {machine}", caption_justify="left",
    )  # fmt: skip
    for name, shown in ROWS.items():
        table.add_row(name, shown(plan.low), f"[bold]{shown(plan.usual)}[/]", shown(plan.high))
    if prices:
        table.add_row(
            "a month", *(f"{monthly(need, prices):,.0f}" for need in (plan.low, plan.usual, plan.high))
        )
    return table


def twice_table(usual: Need, twice: Mapping[str, Need], prices: Mapping[str, float]) -> Table:
    """Show what changes with each input."""
    heads = [
        "with",
        "workers",
        "busy cores",
        "memory",
        "worker disk",
        "broker disk",
        *(["a month"] if prices else []),
    ]
    table = Table(*heads, box=SIMPLE_HEAD, title="what more would take", title_justify="left")
    for name, need in twice.items():
        memory = need.workers * need.worker_memory_gb - usual.workers * usual.worker_memory_gb
        disk = need.workers * need.worker_disk_gb - usual.workers * usual.worker_disk_gb
        cells = [
            f"{need.workers - usual.workers:+d}", f"{need.busy_cores - usual.busy_cores:+,.1f}",
            f"{memory:+,.1f} GB",
            f"{disk:+,.0f} GB", f"{need.broker_disk_gb - usual.broker_disk_gb:+,.0f} GB",
        ]  # fmt: skip
        if prices:
            cells.append(f"{monthly(need, prices) - monthly(usual, prices):+,.0f}")
        table.add_row(name, *cells)
    return table


def outcome_table(title: str, installation: Topology, outcome: SimulationResult) -> Table:
    """Show what a simulation came to."""
    table = Table(box=SIMPLE_HEAD, title=title, show_header=False)
    back = "-" if outcome.back_s is None else f"{outcome.back_s:,.0f} s"
    for name, value in (
        ("workers, partitions", f"{installation.workers}, {installation.partitions}"),
        ("freshness p50, p99", f"{outcome.freshness_p50_ms:,.0f}, {outcome.freshness_p99_ms:,.0f} ms"),
        ("events processed", f"{outcome.events_per_s:,.0f} /s"),
        ("events a batch", f"{outcome.events_a_batch:,.0f}"),
        ("use of workers' cores", f"{outcome.use:.0%}"),
        ("most events behind", f"{outcome.most_behind:,.0f}"),
        ("longest stop of a partition", f"{outcome.stopped_s:,.0f} s"),
        ("fresh again after", back),
    ):
        table.add_row(name, value)
    return table
