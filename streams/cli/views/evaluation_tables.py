"""What `nearline evaluate` prints: the protocol, a line a model, HR@10 by history, and scenarios' figures."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table

from online_models.evaluation import HISTORY_BUCKETS, Rate, Report, ScenarioReport

__all__ = [
    "SCORES",
    "by_history",
    "cell",
    "grid",
    "headline",
    "rules",
    "scenario_tables",
    "score_rows",
    "scores",
    "shown",
]

SCORES = ("model", "HR@10", "NDCG@10", "MRR", "tests", "events/s")


def rules(result: Report | ScenarioReport) -> str:
    """Return the rules of a run in a line."""
    protocol = result.protocol
    seeds = f"seeds {protocol.seed} to {protocol.seed + result.seeds - 1}, ± over events ± over seeds"
    return (
        f"ratings >= {protocol.min_rating:g}, feedback {protocol.feedback}, order {protocol.order}, "
        f"{seeds if result.seeds > 1 else f'seed {protocol.seed}'}"
    )


def headline(name: str, result: Report) -> str:
    """Return the stream and the rules in a sentence."""
    stream = f"{result.events:,} events, {result.viewers:,} viewers, {result.titles:,} titles"
    return f"[bold]{name}[/], {rules(result)}: {stream}"


def cell(rate: Rate, digits: int = 4) -> str:
    """Write a figure with its errors.

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
    """Yield the cells of a line a model, under `SCORES`."""
    for name, model in result.models.items():
        metrics = model.metrics
        tests = f"{metrics.tested:,}" + (f" (1 in {model.every})" if model.every > 1 else "")
        speed = f"{model.events_per_s:,.0f}" if model.events_per_s else "-"
        figures = (cell(metrics.hit_rate), cell(metrics.ndcg), cell(metrics.mrr))
        yield (name, *figures, tests, speed)


def scores(result: Report) -> Table:
    """Return a line a model: HR@10, NDCG@10 and MRR with their errors, tests, speed."""
    return grid(SCORES, score_rows(result))


def by_history(result: Report) -> Table:
    """Return HR@10 by the number of the viewer's earlier events."""
    rows = []
    for name, model in result.models.items():
        rates = (model.metrics.by_history.get(bucket) for bucket in HISTORY_BUCKETS)
        rows.append((name, *("-" if rate is None else f"{rate.value:.3f}" for rate in rates)))
    return grid(("HR@10 by history", *HISTORY_BUCKETS), rows)


def scenario_tables(result: ScenarioReport) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield header and rows of a table a figure: models down, the scenario's rows across."""
    figures = next(iter(result.models.values()))
    for column in dict.fromkeys(name for row in figures.values() for name in row):
        across = [row for row, columns in figures.items() if column in columns]
        rows = [
            (name, *(cell(model[row][column], 3) for row in across)) for name, model in result.models.items()
        ]
        yield (column, *across), rows


def grid(header: Sequence[str], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]) -> Table:
    """Return a plain table: names whole and to the left, numbers to the right."""
    table = Table(*header, box=None, header_style="bold")
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    return table


def shown(name: str, result: Report | ScenarioReport) -> Iterator[RenderableType]:
    """Yield what is printed of a result."""
    if isinstance(result, Report):
        yield from (headline(name, result), scores(result), by_history(result))
        return
    facts = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in result.facts.items())
    yield f"[bold]{name}: {result.scenario}[/], {rules(result)}: {facts}"
    for header, rows in scenario_tables(result):
        yield grid(header, rows)
