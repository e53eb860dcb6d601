"""The HTML report of `nearline evaluate --report`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from markupsafe import Markup

from online_models.evaluation import HISTORY_BUCKETS, Rate, Report, ScenarioReport, Weights
from online_models.evaluation.baselines import BASELINES
from online_models.evaluation.goals import GOALS, Goal
from streams.cli.views.evaluation_tables import SCORES, cell, facts_of, rules, scenario_tables, score_rows
from streams.cli.views.reports import drawing, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["report"]

MEASURED: Final = {
    "taste-switch": "Viewers take over the accounts of others whose streams have ended. HR@10 on the same "
    "events, by the new viewer's earlier events: with the former owner's history (switched), "
    "without it (fresh), and the ratio of the two (share). The former owner's titles are no candidates, "
    "which makes switched a little easier.",
    "cold-viewer": "HR@10 by the viewer's earlier events, from the first event on (0: cold-start viewer).",
    "cold-title": "A fifth of the titles is launched midway: in the catalog, with tags, without an event."
    " HR@10 on their first ten events, by the title's earlier events, among all titles of the catalog.",
    "dislikes": "Share of the rejected titles that were in the viewer's top 10 just before (disliked), "
    "HR@10 (liked), the ratio of the two; with rejections learned (learned), and only as titles that "
    "the viewer knows (ignored); kept: HR@10 of learned over ignored.",
    "young": "A service in its first days: HR@10 in the first 2,000 events of the stream that are of so many "
    "titles, by new models, from the first event on.",
}
"""What each scenario measures."""
LEAST_POINTS = 3
"""Columns, with that of the model, of a table that is drawn: fewer points are no line."""


class ReportPart(NamedTuple):
    """A drawing, a table, or both."""

    svg: Markup = Markup()
    header: Iterable[str] = ()
    rows: Iterable[Iterable[str]] = ()


class ReportSection(NamedTuple):
    """A section of the report."""

    title: str
    parts: Sequence[ReportPart]
    facts: str = ""
    note: str = ""
    targets: Sequence[str] = ()


def report(name: str, results: Sequence[Report | ScenarioReport]) -> str:
    """Return the report.

    Parameters
    ----------
    name
        Name of the file of ratings.
    results
        Of the stream, of scenarios, or of both.
    """
    sections = [
        section
        for result in results
        for section in (_stream(result) if isinstance(result, Report) else (_scenario(result),))
    ]
    return render("evaluation.html", name=name, sections=sections)


def _stream(result: Report) -> Iterator[ReportSection]:
    facts = f"{result.events:,} events, {result.viewers:,} viewers, {result.titles:,} titles"
    scores = ReportPart(header=SCORES, rows=score_rows(result))
    yield ReportSection("Scores", [scores], facts=f"{facts}; {rules(result)}")
    yield ReportSection("HR@10 by model", [ReportPart(_bars(result))])
    yield ReportSection("HR@10 along the stream", [ReportPart(_curves(result))])
    history = [
        (
            name,
            *(
                cell(found, 3) if (found := model.metrics.by_history.get(key)) else "-"
                for key in HISTORY_BUCKETS
            ),
        )
        for name, model in result.models.items()
    ]
    part = ReportPart(_histories(result), ("model", *HISTORY_BUCKETS), history)
    yield ReportSection("HR@10 by length of the viewer's history", [part])
    if result.weights is not None:
        yield ReportSection("Weights of the blend", [ReportPart(_weights(result.weights))])


def _scenario(result: ScenarioReport) -> ReportSection:
    parts = [
        ReportPart(_along(result, header[0]) if len(header) > LEAST_POINTS else Markup(), header, rows)
        for header, rows in scenario_tables(result)
    ]
    return ReportSection(
        result.scenario,
        parts,
        facts=f"{rules(result)}; {facts_of(result)}",
        note=MEASURED[result.scenario],
        targets=[_target(goal) for goal in GOALS if goal.run == result.scenario],
    )


def _target(goal: Goal) -> str:
    sign = "" if callable(goal.target) else f": {'at most' if goal.at_most else 'at least'} {goal.target:g}"
    return goal.name + sign


def _bars(result: Report) -> Markup:
    """Draw HR@10 of every model, with two standard errors."""

    def draw(axes: "Axes") -> None:
        names = list(result.models)
        rates = [model.metrics.hit_rate for model in result.models.values()]
        values, errors = [rate.value for rate in rates], [2 * rate.error for rate in rates]
        colours = ["#9aa3b5" if _is_baseline(name) else "#2f6fde" for name in names]
        axes.barh(names, values, xerr=errors, color=colours, ecolor="#1d2433", capsize=3)
        axes.invert_yaxis()
        axes.set_xlabel("HR@10")

    return drawing(draw, "HR@10 of each model, with two standard errors")


def _curves(result: Report) -> Markup:
    """Draw the learning curves."""

    def draw(axes: "Axes") -> None:
        for name, model in result.models.items():
            axes.plot(model.curve.events, model.curve.hit_rate, _line(name), label=name, linewidth=1.6)
        axes.axvspan(0, result.protocol.warm_up * result.events, color="#eceff5")
        axes.set(xlabel="events (grey: warm-up, not averaged)", ylabel="HR@10, moving average")
        _finish(axes)

    return drawing(draw, "Moving average of HR@10 of each model along the stream")


def _histories(result: Report) -> Markup:
    """Draw HR@10 by the length of the viewer's history."""
    figures = {name: model.metrics.by_history for name, model in result.models.items()}
    description = "HR@10 by number of the viewer's earlier events"
    return drawing(lambda axes: _lines(axes, figures, HISTORY_BUCKETS, "HR@10"), description)


def _along(result: ScenarioReport, column: str) -> Markup:
    """Draw one figure of a scenario along its rows."""
    figures = {
        name: {row: columns[column] for row, columns in table.items() if column in columns}
        for name, table in result.models.items()
    }
    rows = tuple(next(iter(figures.values())))
    description = f"{result.scenario}: {column} of each model"
    return drawing(lambda axes: _lines(axes, figures, rows, column), description)


def _weights(weights: Weights) -> Markup:
    """Draw the blend's weights along the stream: the mean over contexts, and their range."""

    def draw(axes: "Axes") -> None:
        for name, values in weights.by_expert.items():
            (line,) = axes.plot(weights.events, values.mean(axis=1), label=name, linewidth=1.6)
            low, high = values.min(axis=1), values.max(axis=1)
            axes.fill_between(weights.events, low, high, color=line.get_color(), alpha=0.12)
        axes.set(xlabel="events", ylabel="weight; shaded: range over all contexts")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

    return drawing(draw, "Weights of the blend along the stream")


def _lines(axes: "Axes", figures: dict[str, dict[str, Rate]], across: tuple[str, ...], label: str) -> None:
    """Draw a line a model over named places; unknown figures leave gaps."""
    for name, rates in figures.items():
        values = [rates[key].value if key in rates else float("nan") for key in across]
        axes.plot(range(len(across)), values, _line(name), marker="o", label=name, linewidth=1.6)
    axes.set_xticks(range(len(across)), across)
    axes.set(xlabel="earlier events", ylabel=label)
    _finish(axes)


def _finish(axes: "Axes") -> None:
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _is_baseline(name: str) -> bool:
    return name in BASELINES or "." in name


def _line(name: str) -> str:
    """Return the line style: dashed for baselines, so that they differ from the product without colour."""
    return "--" if _is_baseline(name) else "-"
