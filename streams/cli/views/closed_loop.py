"""The result of `nearline simulate --closed-loop`: a table for the terminal, and the HTML report."""

from typing import TYPE_CHECKING, Any, Final

from streams.ops.runs.closed_loop import PRODUCT

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from rich.table import Table

    from online_models.simulation.closed_loop import LoopReport

__all__ = ["report", "table"]

Document = dict[str, Any]
COLOURS: Final = {
    "random": "#b8bfcc",
    "popularity": "#8a94a8",
    "nearline": "#2f6fde",
    "informed": "#e0a030",
    "grid": "#8fb4f2",
    "pages": "#1b4796",
}
LINES: Final = {"random": ":", "popularity": "--", "informed": "-."}
"""Line styles that distinguish policies without colour; all others are solid."""
OTHER: Final = "#1d2433"
COLUMNS: Final = {
    "minutes": ("minutes", ".1f"),
    "starts": ("starts", ".2f"),
    "start_share": ("views with a start", ".0%"),
    "completion": ("finished", ".0%"),
    "abandonment": ("left at once", ".0%"),
    "coverage": ("catalog seen", ".0%"),
    "new_minutes": ("minutes on new titles", ".1f"),
}
"""Measures in the report's table: heading and format."""


def table(result: "LoopReport") -> "Table":
    """Return the table for the terminal: a line a policy."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    out = Table(box=SIMPLE_HEAD, title="minutes watched per viewer and day")
    for name in ("policy", "minutes", "±", "gain", "share", "starts", "done", "left", "seen"):
        out.add_column(name, justify="left" if name == "policy" else "right", no_wrap=True)
    for name in result.policies:
        measures = {key: figure.mean for key, figure in result.measures[name].items()}
        gain, share = result.gains[name].get("popularity"), result.shares.get(name)
        out.add_row(
            f"[bold]{name}[/]" if name == PRODUCT else name,
            f"{measures['minutes']:.1f}",
            number(result.measures[name]["minutes"].se, ".1f"),
            number(gain.mean if gain else None, "+.1f"),
            number(share.mean if share else None, ".0%"),
            f"{measures['starts']:.2f}",
            *(f"{measures[key]:.0%}" for key in ("completion", "abandonment", "coverage")),
        )
    return out


def number(value: float | None, form: str) -> str:
    """Format a number; a dash for None and NaN."""
    return "-" if value is None or value != value else format(value, form)  # noqa: PLR0124 - NaN


def report(document: Document) -> str:
    """Return the HTML report of what `nearline simulate --closed-loop --json` writes."""
    from streams.cli.views.reports import drawing, render

    by_age = "minutes a day for a title, per 1,000 viewers"
    drawings = (
        ("Day by day", drawing(lambda axes: _days(axes, document), "Minutes per viewer and day")),
        ("By the viewer's number of visits", _grouped(document, "by_visit", "visit_ages", "minutes a visit")),
        ("New titles, by their age", _grouped(document, "by_title_age", "title_ages", by_age)),
        ("By kind of account", _grouped(document, "by_group", "groups", "minutes per viewer and day")),
    )
    header = ("policy", *(heading for heading, _ in COLUMNS.values()), "share of the oracle's gain")
    rows = [_cells(name, policy) for name, policy in document["policies"].items()]
    return render("closed_loop.html", document=document, header=header, rows=rows, drawings=drawings)


def _cells(name: str, policy: Document) -> tuple[str, ...]:
    numbers = [_figure(policy[key], form) for key, (_, form) in COLUMNS.items()]
    share = policy["share_of_oracle"]
    return (name, *numbers, _figure(share, ".0%") if share else "-")


def _figure(figure: Document, form: str) -> str:
    """Format a mean with its standard error, if that is known."""
    se = number(figure["se"], form)
    return format(figure["mean"], form) + ("" if se == "-" else f" ± {se}")


def _days(axes: "Axes", document: Document) -> None:
    for name, policy in document["policies"].items():
        days = range(1, len(policy["by_day"]) + 1)
        axes.plot(days, policy["by_day"], LINES.get(name, "-"), color=COLOURS.get(name, OTHER), label=name)
    axes.axvspan(0.5, document["warm_up"] + 0.5, color="#eceff5")
    axes.set(xlabel="day (grey: not counted)", ylabel="minutes per viewer")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _grouped(document: Document, curve: str, names: str, what: str) -> "Markup":
    """Draw bars of a measure: groups across, a bar a policy."""
    from streams.cli.views.reports import drawing

    def draw(axes: "Axes") -> None:
        policies = document["policies"]
        width = 0.8 / len(policies)
        for at, (name, policy) in enumerate(policies.items()):
            places = [group + at * width for group in range(len(document[names]))]
            axes.bar(places, policy[curve], width, color=COLOURS.get(name, OTHER), label=name)
        middle = 0.4 - width / 2
        axes.set_xticks([group + middle for group in range(len(document[names]))], document[names])
        axes.set_ylabel(what)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

    return drawing(draw, f"Policies compared: {what}")
