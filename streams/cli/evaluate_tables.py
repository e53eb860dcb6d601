"""What `nearline evaluate` prints: the protocol, a line a model, and HR@10 by history."""

from rich.table import Table

from online_models.evaluation import HISTORY_BUCKETS, Report

__all__ = ["by_history", "headline", "scores"]


def headline(name: str, result: Report) -> str:
    """Return the stream and the rules in a sentence."""
    protocol = result.protocol
    return (
        f"[bold]{name}[/], ratings >= {protocol.min_rating:g}, feedback {protocol.feedback}, "
        f"order {protocol.order}, seed {protocol.seed}: "
        f"{result.events:,} events, {result.viewers:,} viewers, {result.titles:,} titles"
    )


def scores(result: Report) -> Table:
    """Return a line a model: HR@10 with its standard error, NDCG@10, MRR, tests, speed."""
    table = Table("model", "HR@10", "±", "NDCG@10", "MRR", "tests", "events/s", box=None, header_style="bold")
    _align(table)
    for name, model in result.models.items():
        metrics = model.metrics
        tests = f"{metrics.tested:,}" + (f" (1 in {model.every})" if model.every > 1 else "")
        numbers = (metrics.hit_rate, metrics.hit_rate_se, metrics.ndcg, metrics.mrr)
        speed = f"{model.events_per_s:,.0f}" if model.events_per_s else "-"
        table.add_row(name, *(f"{number:.4f}" for number in numbers), tests, speed)
    return table


def by_history(result: Report) -> Table:
    """Return HR@10 by the number of the viewer's earlier events."""
    table = Table("HR@10 by history", *HISTORY_BUCKETS, box=None, header_style="bold")
    _align(table)
    for name, model in result.models.items():
        rates = (model.metrics.by_history.get(bucket) for bucket in HISTORY_BUCKETS)
        table.add_row(name, *("-" if rate is None else f"{rate:.3f}" for rate in rates))
    return table


def _align(table: Table) -> None:
    """Keep names whole, and put numbers to the right."""
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
