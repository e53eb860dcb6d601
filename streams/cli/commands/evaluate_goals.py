"""`nearline evaluate --goals`: everything that has a target, with figures beside targets."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from online_models.evaluation import EvaluationProtocol
from online_models.evaluation.goals import RUNS, Outcome, judge
from streams.ops.evaluate import Plan, Run, run_all
from streams.ops.ratings import Dataset

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["goals_markdown", "run_goals"]


def run_goals(
    plan: Plan, dataset: Dataset, protocol: EvaluationProtocol, console: "Console"
) -> dict[str, Any]:
    """Run what the targets are about and print the table; of the protocol, seed and limit hold.

    Returns
    -------
    document
        ``goals``: name, figure with ``_se`` and ``_spread``, target, met; ``runs``: every report.
    """
    runs = [
        Run(name, scenario, replace(rules, seed=protocol.seed, limit=protocol.limit))
        for name, (scenario, rules) in RUNS.items()
    ]
    results = run_all(plan, dataset, runs, console)
    outcomes = judge(results)
    console.print(goals_markdown(outcomes), markup=False, soft_wrap=True)
    goals = [
        outcome.figure.to_dict("figure")
        | {"name": outcome.goal.name, "target": outcome.target, "met": outcome.met}
        for outcome in outcomes
    ]
    return {"goals": goals, "runs": {name: result.to_dict() for name, result in results.items()}}


def goals_markdown(outcomes: Sequence[Outcome]) -> str:
    """Return the targets with our figures beside them, as a table in Markdown."""
    lines = ["| goal | measured | ± events | ± seeds | target | met |", "|---|---|---|---|---|---|"]
    for outcome in outcomes:
        figure = outcome.figure
        sign = ">" if callable(outcome.goal.target) else "<=" if outcome.goal.at_most else ">="
        spread = "-" if figure.spread is None else f"{figure.spread:.4f}"
        cells = (outcome.goal.name, f"{figure.value:.4f}", f"{figure.error:.4f}", spread)
        met = "yes" if outcome.met else "no"
        lines.append(f"| {' | '.join(cells)} | {sign} {outcome.target:.4g} | {met} |")
    return "\n".join(lines)
