"""Tables of `nearline evaluate`: scores by model, HR@10 by history, figures of scenarios, goals."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table

from online_models.evaluation import HISTORY_BUCKETS, Rate, Report, ScenarioReport
from online_models.evaluation.goals import GoalResult

__all__ = [
    "SCORES",
    "cell",
    "facts_of",
    "goals_markdown",
    "grid",
    "rules",
    "scenario_tables",
    "score_rows",
    "shown",
]

SCORES = ("model", "HR@10", "NDCG@10", "MRR", "tests", "events/s")


def rules(result: Report | ScenarioReport) -> str:
    """Return the protocol of a run in a line."""
    protocol = result.protocol
    seeds = f"seeds {protocol.seed} to {protocol.seed + result.seeds - 1}, ± over events ± over seeds"
    return (
        f"ratings >= {protocol.min_rating:g}, feedback {protocol.feedback}, order {protocol.order}, "
        f"{seeds if result.seeds > 1 else f'seed {protocol.seed}'}"
    )


def _headline(name: str, result: Report) -> str:
    """Return the stream and the protocol in a line."""
    stream = f"{result.events:,} events, {result.viewers:,} viewers, {result.titles:,} titles"
    return f"[bold]{name}[/], {rules(result)}: {stream}"


def cell(rate: Rate, digits: int = 4) -> str:
    """Format a figure with its errors.

    Examples
    --------
    >>> cell(Rate(0.25, 0.01, 100)), cell(Rate(0.25, 0.01, 100, 0.002), 3), cell(Rate(float("nan"), 0, 0))
    ('0.2500 ±.0100', '0.250 ±.010 ±.002', '-')
    """
    if not rate.tested or rate.value != rate.value:  # NaN
        return "-"
    errors = (rate.error,) if rate.spread is None else (rate.error, rate.spread)
    signed = (f" ±{error:.{digits}f}".replace("±0.", "±.") for error in errors)
    return f"{rate.value:.{digits}f}" + "".join(signed)


def score_rows(result: Report) -> Iterator[tuple[str, ...]]:
    """Yield the cells of a line for each model, under `SCORES`."""
    for name, model in result.models.items():
        metrics = model.metrics
        tests = f"{metrics.tested:,}" + (f" (1 in {model.every})" if model.every > 1 else "")
        speed = f"{model.events_per_s:,.0f}" if model.events_per_s else "-"
        figures = (cell(metrics.hit_rate), cell(metrics.ndcg), cell(metrics.mrr))
        yield (name, *figures, tests, speed)


def _by_history(result: Report) -> Table:
    """Return HR@10 by the number of the viewer's earlier events."""
    rows = []
    for name, model in result.models.items():
        rates = (model.metrics.by_history.get(bucket) for bucket in HISTORY_BUCKETS)
        rows.append((name, *("-" if rate is None else f"{rate.value:.3f}" for rate in rates)))
    return grid(("HR@10 by history", *HISTORY_BUCKETS), rows)


def scenario_tables(result: ScenarioReport) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield header and rows of a table for each figure: a line a model, a column a row of the scenario."""
    figures = next(iter(result.models.values()))
    for column in dict.fromkeys(name for row in figures.values() for name in row):
        across = [row for row, columns in figures.items() if column in columns]
        rows = [
            (name, *(cell(model[row][column], 3) for row in across)) for name, model in result.models.items()
        ]
        yield (column, *across), rows


def grid(header: Sequence[str], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> Table:
    """Return a plain table: names left-aligned and not wrapped, numbers right-aligned."""
    table = Table(*header, box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    return table


def shown(name: str, result: Report | ScenarioReport) -> Iterator[RenderableType]:
    """Yield what is printed for a result."""
    if isinstance(result, Report):
        yield from (_headline(name, result), grid(SCORES, score_rows(result)), _by_history(result))
        return
    yield f"[bold]{name}: {result.scenario}[/], {rules(result)}: {facts_of(result)}"
    for header, rows in scenario_tables(result):
        yield grid(header, rows)


def facts_of(result: ScenarioReport) -> str:
    """Return the counts of a scenario in a line."""
    return ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in result.facts.items())


def goals_markdown(outcomes: Sequence[GoalResult]) -> str:
    """Return the measured figures and their targets, as a table in Markdown."""
    lines = ["| goal | measured | ± events | ± seeds | target | met |", "|---|---|---|---|---|---|"]
    for outcome in outcomes:
        figure = outcome.figure
        sign = ">" if callable(outcome.goal.target) else "<=" if outcome.goal.at_most else ">="
        spread = "-" if figure.spread is None else f"{figure.spread:.4f}"
        cells = (outcome.goal.name, f"{figure.value:.4f}", f"{figure.error:.4f}", spread)
        met = "yes" if outcome.met else "no"
        lines.append(f"| {' | '.join(cells)} | {sign} {outcome.target:.4g} | {met} |")
    return "\n".join(lines)
