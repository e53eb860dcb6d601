"""The page that `nearline evaluate --report` writes: one HTML file, pictures inside, nothing to fetch."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from online_models.evaluation import HISTORY_BUCKETS, Rate, Report, ScenarioReport
from online_models.evaluation.baselines import BASELINES
from online_models.evaluation.goals import GOALS, Goal
from streams.cli.views.evaluation_tables import SCORES, cell, rules, scenario_tables, score_rows
from streams.cli.views.svg import STYLE, picture

__all__ = ["bars", "curves", "histories", "page", "scenario", "weights"]


TOLD: Final = {
    "taste-switch": "Viewers take over the accounts of others who have ended. HR@10 on the same events, by "
    "the new viewer's earlier events: with the former owner's history (switched), without it (fresh), and "
    "the share of the two. The former owner's titles are no candidates any more, which makes switched a "
    "little easier.",
    "cold-viewer": "HR@10 by the viewer's earlier events, from the very first event on (0: a stranger).",
    "cold-title": "A fifth of the titles is launched midway: in the catalog, with tags, without an event."
    " HR@10 on their first ten events, by the title's earlier events, among all titles of the catalog.",
    "dislikes": "Share of the rejected titles that stood in the viewer's top 10 a moment before (disliked), "
    "HR@10 (liked), the ratio of the two; with rejections learned as such (told), and only as titles that "
    "the viewer knows (ignored); kept: HR@10 told over ignored.",
}
"""What each scenario measures."""


def page(name: str, results: Sequence[Report | ScenarioReport]) -> str:
    """Return the page.

    Parameters
    ----------
    name
        What the stream is called.
    results
        What was measured.
    """
    sections = [
        section
        for result in results
        for section in (_stream(result) if isinstance(result, Report) else _scenario(result))
    ]
    body = "".join(f"<h2>{title}</h2>\n{content}\n" for title, content in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>nearline: {escape(name)}</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>Test, then learn: {escape(name)}</h1>\n"
        f'<p class="note">At each positive event all titles met so far minus the viewer\'s own are ranked, '
        f"then it is learned. A title never met is a miss; ties count half; the first fifth of the stream is "
        f"not averaged. ± is the standard error over events; of several seeds, the deviation over them "
        f"follows.</p>\n{body}</body></html>\n"
    )


def _stream(report: Report) -> Iterator[tuple[str, str]]:
    facts = f"{report.events:,} events, {report.viewers:,} viewers, {report.titles:,} titles"
    yield "Scores", f"<p>{facts}; {escape(rules(report))}.</p>{_table(SCORES, score_rows(report))}"
    yield "HR@10 by model", bars(report)
    yield "HR@10 along the stream", curves(report)
    history = [
        (
            name,
            *(
                cell(found, 3) if (found := model.metrics.by_history.get(key)) else "-"
                for key in HISTORY_BUCKETS
            ),
        )
        for name, model in report.models.items()
    ]
    table = _table(("model", *HISTORY_BUCKETS), history)
    yield "HR@10 by length of the viewer's history", histories(report) + table
    if report.weights is not None:
        yield "Weights of the blend", weights(report)


def _scenario(report: ScenarioReport) -> Iterator[tuple[str, str]]:
    facts = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in report.facts.items())
    tables = []
    for header, rows in scenario_tables(report):
        drawn = scenario(report, header[0]) if len(header) > 3 else ""  # noqa: PLR2004 - two points are no line
        tables.append(drawn + _table(header, rows))
    text = f'<p class="note">{TOLD[report.scenario]}</p><p>{escape(rules(report))}; {facts}.</p>'
    targets = "".join(f"<li>{_target(goal)}</li>" for goal in GOALS if goal.run == report.scenario)
    yield report.scenario, text + "".join(tables) + f"<p>Targets on MovieLens-100K:</p><ul>{targets}</ul>"


def _target(goal: Goal) -> str:
    sign = "" if callable(goal.target) else f": {'at most' if goal.at_most else 'at least'} {goal.target:g}"
    return escape(goal.name) + sign


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>\n" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{lines}</tbody></table></div>'


# The pictures of `nearline evaluate --report`, as SVG elements.


if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bars(report: Report) -> str:
    """Draw HR@10 of every model, with two standard errors."""

    def draw(axes: "Axes") -> None:
        names = list(report.models)
        rates = [model.metrics.hit_rate for model in report.models.values()]
        values, errors = [rate.value for rate in rates], [2 * rate.error for rate in rates]
        colours = ["#9aa3b5" if _is_baseline(name) else "#2f6fde" for name in names]
        axes.barh(names, values, xerr=errors, color=colours, ecolor="#1d2433", capsize=3)
        axes.invert_yaxis()
        axes.set_xlabel("HR@10")

    return picture(draw, "HR@10 of each model, with two standard errors")


def curves(report: Report) -> str:
    """Draw the learning curves."""

    def draw(axes: "Axes") -> None:
        for name, model in report.models.items():
            axes.plot(model.curve.events, model.curve.hit_rate, _line(name), label=name, linewidth=1.6)
        axes.axvspan(0, report.protocol.warm_up * report.events, color="#eceff5")
        axes.set(xlabel="events (grey: warm-up, not averaged)", ylabel="HR@10, moving average")
        _finish(axes)

    return picture(draw, "Moving average of HR@10 of each model along the stream")


def histories(report: Report) -> str:
    """Draw HR@10 by the length of the viewer's history."""
    figures = {name: model.metrics.by_history for name, model in report.models.items()}
    description = "HR@10 by number of the viewer's earlier events"
    return picture(lambda axes: _lines(axes, figures, HISTORY_BUCKETS, "HR@10"), description)


def scenario(report: ScenarioReport, column: str) -> str:
    """Draw one figure of a scenario along its rows."""
    figures = {
        name: {row: columns[column] for row, columns in table.items() if column in columns}
        for name, table in report.models.items()
    }
    rows = tuple(next(iter(figures.values())))
    description = f"{report.scenario}: {column} of each model"
    return picture(lambda axes: _lines(axes, figures, rows, column), description)


def weights(report: Report) -> str:
    """Draw the blend's weights along the stream: the mean over contexts, and the range in which they lie."""
    told = report.weights

    def draw(axes: "Axes") -> None:
        for name, values in (told.by_expert if told else {}).items():
            (line,) = axes.plot(told.events if told else (), values.mean(axis=1), label=name, linewidth=1.6)
            low, high = values.min(axis=1), values.max(axis=1)
            axes.fill_between(told.events if told else (), low, high, color=line.get_color(), alpha=0.12)
        axes.set(xlabel="events", ylabel="weight; shaded: least to most of all contexts")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

    return picture(draw, "Weights of the blend along the stream")


def _lines(axes: "Axes", figures: dict[str, dict[str, Rate]], across: tuple[str, ...], label: str) -> None:
    """Draw a line a model over named places; figures that are not known leave gaps."""
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
    """Baselines are dashed: to be told from the product without colour."""
    return "--" if _is_baseline(name) else "-"
