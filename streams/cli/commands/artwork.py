"""`nearline artwork`: what pictures lead to, and what others would have led to."""

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix, connected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from streams.ops.runs.artwork_log import Estimates

app = typer.Typer(help="What pictures lead to, and what others would have led to.")

Alpha = Annotated[float, typer.Option(min=0.001, max=0.5, help="Probability that an interval misses.")]


@app.command(epilog=examples("nearline artwork estimate", "nearline artwork estimate --alpha 0.1 --json -"))
def estimate(
    *, alpha: Alpha = 0.05, brokers: Brokers = None, prefix: Prefix = None, json: Json = None
) -> None:
    """Say what every way of choosing pictures gets: quality watches per picture seen, from the log of events.

    Ways: as shown (by the bandit), uniform, first (the catalog's), best fixed (one for all viewers of a
    title). JSON: decisions, won, untold (impressions without a propensity), policies: by way and estimator
    (replay, ips, clipped, snips, dr) value, low, high, decisions.
    """
    from streams.ops.runs.artwork_log import estimate as run

    found = run(connected(brokers, prefix), alpha=alpha)
    human(json).print(_table(found, {}))
    write_json(json, found.document())


@app.command(epilog=examples("nearline artwork simulate", "nearline artwork simulate --kafka --days 30"))
def simulate(
    *,
    viewers: Annotated[int, typer.Option(min=20, max=10_000, help="Viewers.")] = 300,
    titles: Annotated[int, typer.Option(min=8, max=1_000, help="Titles, three pictures each.")] = 40,
    days: Annotated[int, typer.Option(min=2, max=100, help="Days; everybody looks once a day.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of tastes and luck.")] = 0,
    kafka: Annotated[
        bool,
        typer.Option("--kafka", help="On a real Apache Kafka (Java 17, Maven) instead of the embedded one."),
    ] = False,
    alpha: Alpha = 0.05,
    json: Json = None,
) -> None:
    """Let viewers whose tastes are known look at a worker's pages, and hold the estimates against the truth.

    JSON: as of `estimate`, and by way of choosing truth (whole log) and truth_late (second half of the days);
    ideal is the best picture for each viewer.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from streams.cli.console import interruptible
    from streams.ops.runs.artwork_simulation import simulate as run

    console = human(json)
    with interruptible(), TemporaryDirectory() as folder, console.status("viewers look and watch …"):
        found = run(
            Path(folder), viewers=viewers, titles=titles, days=days, seed=seed, alpha=alpha, kafka=kafka
        )
    console.print(_table(found.found, found.truth))
    late = found.late
    gain = late["as shown"] / late["best fixed"] - 1
    console.print(
        f"second half of the days: bandit [bold]{late['as shown']:.4f}[/], best fixed "
        f"{late['best fixed']:.4f} ([bold]{gain:+.1%}[/]), uniform {late['uniform']:.4f}, "
        f"ideal {late['ideal']:.4f}"
    )
    write_json(json, found.document())


def _table(found: "Estimates", truth: "Mapping[str, float]") -> "Table":
    """Return a line for each way of choosing and estimator, with the truth where it is known."""
    from rich.table import Table

    title = f"watches per picture seen: {found.won:,} of {found.decisions:,}"
    table = Table("pictures", "truth", "estimator", "value", "from", "to", "decisions", title=title)
    for name, estimators in found.policies.items():
        for number, (estimator, one) in enumerate(estimators.items()):
            said = (name, f"{truth[name]:.4f}" if name in truth else "-") if number == 0 else ("", "")
            bounds = (f"{bound:.4f}" for bound in (one.value, one.low, one.high))
            table.add_row(*said, estimator, *bounds, f"{one.decisions:,.0f}")
    return table
