"""The page that `nearline evaluate --report` writes: one HTML file, pictures inside, nothing to fetch."""

import io
from html import escape
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from online_models.evaluation import HISTORY_BUCKETS, ModelResult, Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

__all__ = ["page"]

STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1d2433 }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: .25rem .8rem }
td, th + th { text-align: right } td:first-child, th:first-child { text-align: left }
thead { border-bottom: 2px solid #1d2433 } tbody tr:nth-child(even) { background: #f2f4f8 }
svg { max-width: 100%; height: auto } .scroll { overflow-x: auto } .note { color: #556 }
"""
DASHED: Final = frozenset({"popularity", "decayed_popularity", "isgd", "biased_mf", "funk_mf", "chance"})
"""Baselines are dashed: to be told from the product without colour."""


def page(name: str, report: Report) -> str:
    """Return the page.

    Parameters
    ----------
    name
        What the stream is called.
    report
        What was measured.
    """
    rules = report.protocol.to_dict()
    facts = f"{report.events:,} events, {report.viewers:,} viewers, {report.titles:,} titles"
    listed = ", ".join(f"{key} {value}" for key, value in rules.items() if value is not None)
    sections = [
        ("Scores", _table(report)),
        ("HR@10 by model", _picture(_bars, report, "HR@10 of each model, with two standard errors")),
        (
            "HR@10 along the stream",
            _picture(_curves, report, "Moving average of HR@10 of each model along the stream"),
        ),
        (
            "HR@10 by length of the viewer's history",
            _picture(_histories, report, "HR@10 by number of earlier events"),
        ),
    ]
    body = "".join(f"<h2>{title}</h2>\n{content}\n" for title, content in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>nearline: {escape(name)}</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>Test, then learn: {escape(name)}</h1>\n<p>{facts}.</p>\n"
        f'<p class="note">At each positive event all titles met so far minus the viewer\'s own are ranked, '
        f"then it is learned. A title never met is a miss; ties count half. {escape(listed)}.</p>\n"
        f"{body}</body></html>\n"
    )


def _table(report: Report) -> str:
    head = "".join(
        f"<th>{name}</th>" for name in ("model", "HR@10", "±", "NDCG@10", "MRR", "tests", "events/s")
    )
    rows = "".join(f"<tr>{_cells(name, model)}</tr>\n" for name, model in report.models.items())
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'


def _cells(name: str, model: ModelResult) -> str:
    metrics = model.metrics
    numbers = (metrics.hit_rate, metrics.hit_rate_se, metrics.ndcg, metrics.mrr)
    tests = f"{metrics.tested:,}" + (f" (1 in {model.every})" if model.every > 1 else "")
    speed = f"{model.events_per_s:,.0f}" if model.events_per_s else "-"
    return "".join(
        f"<td>{cell}</td>" for cell in (escape(name), *(f"{n:.4f}" for n in numbers), tests, speed)
    )


def _picture(draw: "Callable[[Axes, Report], None]", report: Report, description: str) -> str:
    """Draw into an SVG element; the same report gives the same bytes."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.add_subplot()
    draw(axes, report)
    axes.spines[["top", "right"]].set_visible(b=False)
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "nearline", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    label = f'<svg role="img" aria-label="{escape(description)}" '
    return label + drawn[drawn.index("<svg ") + len("<svg ") :]


def _bars(axes: "Axes", report: Report) -> None:
    names = list(report.models)
    metrics = [model.metrics for model in report.models.values()]
    rates, errors = [m.hit_rate for m in metrics], [2 * m.hit_rate_se for m in metrics]
    colours = ["#9aa3b5" if name in DASHED else "#2f6fde" for name in names]
    axes.barh(names, rates, xerr=errors, color=colours, ecolor="#1d2433", capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel("HR@10")


def _curves(axes: "Axes", report: Report) -> None:
    for name, model in report.models.items():
        axes.plot(model.curve.events, model.curve.hit_rate, _line(name), label=name, linewidth=1.6)
    axes.axvspan(0, report.protocol.warm_up * report.events, color="#eceff5")
    axes.set(xlabel="events (grey: warm-up, not averaged)", ylabel="HR@10, moving average")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _histories(axes: "Axes", report: Report) -> None:
    for name, model in report.models.items():
        found = [
            (at, rate)
            for at, key in enumerate(HISTORY_BUCKETS)
            if (rate := model.metrics.by_history.get(key)) is not None
        ]
        places, rates = [at for at, _ in found], [rate for _, rate in found]
        axes.plot(places, rates, _line(name), marker="o", label=name, linewidth=1.6)
    axes.set_xticks(range(len(HISTORY_BUCKETS)), HISTORY_BUCKETS)
    axes.set(xlabel="the viewer's earlier events", ylabel="HR@10")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _line(name: str) -> str:
    return "--" if name in DASHED else "-"
