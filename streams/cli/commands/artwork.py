"""`nearline artwork`: off-policy estimates of artwork selection."""

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix, connected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from streams.ops.artwork import ArtworkEstimates

app = typer.Typer(
    help="Estimate how well the artwork was selected, and what other policies would have achieved."
)

Alpha = Annotated[
    float, typer.Option(min=0.001, max=0.5, help="Probability that an interval misses the true value.")
]


@app.callback()
def group() -> None:
    """Estimate how well the artwork was selected, and what other policies would have achieved."""


@app.command(epilog=examples("nearline artwork estimate", "nearline artwork estimate --alpha 0.1 --json -"))
def estimate(
    *, alpha: Alpha = 0.05, brokers: Brokers = None, prefix: Prefix = None, json: Json = None
) -> None:
    """Estimate quality watches per impression for each selection policy, from the log of events.

    Policies: as shown (by the bandit), uniform, first (first in the catalog), best fixed (one for all viewers
    of a title). JSON keys: decisions, won, without_propensity (impressions that no estimator can use),
    policies: by policy and estimator (replay, ips, clipped, snips, dr) value, low, high, decisions.
    """
    from streams.ops.artwork import estimate as run

    found = run(connected(brokers, prefix), alpha=alpha)
    human(json).print(estimates_table(found, {}))
    write_json(json, found.document())


def estimates_table(found: "ArtworkEstimates", truth: "Mapping[str, float]") -> "Table":
    """Return a line for each policy and estimator, with the true value where it is known (in simulations)."""
    from rich.table import Table

    title = f"watches per impression: {found.won:,} of {found.decisions:,}"
    table = Table("policy", "truth", "estimator", "value", "from", "to", "decisions", title=title)
    for name, estimators in found.policies.items():
        for number, (estimator, one) in enumerate(estimators.items()):
            known = f"{truth[name]:.4f}" if name in truth else "-"
            bounds = (f"{bound:.4f}" for bound in (one.value, one.low, one.high))
            first = (name, known) if number == 0 else ("", "")
            table.add_row(*first, estimator, *bounds, f"{one.decisions:,.0f}")
    return table
