"""The page that `nearline simulate --closed-loop --report` writes: one HTML file, pictures inside."""

from html import escape
from typing import TYPE_CHECKING, Any, Final

from streams.cli.views.svg import STYLE, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["page"]

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
"""Told apart without colour; the others are drawn through."""
OTHER: Final = "#1d2433"
COLUMNS: Final = {
    "minutes": ("minutes", ".1f"),
    "starts": ("starts", ".2f"),
    "start_share": ("looks with a start", ".0%"),
    "completion": ("finished", ".0%"),
    "abandonment": ("left at once", ".0%"),
    "coverage": ("catalog seen", ".0%"),
    "new_minutes": ("minutes on new titles", ".1f"),
}
"""Measures in the table: heading and format."""


def page(document: Document) -> str:
    """Return the page.

    Parameters
    ----------
    document
        What `nearline simulate --closed-loop --json` writes.
    """
    seeds = len(document["seeds"])
    facts = (
        f"{document['viewers']:,} viewers, {document['titles']:,} titles, {document['days']} days, the first "
        f"{document['warm_up']} not counted, {seeds} world{'s' * (seeds > 1)}; nearline {document['through']}"
    )
    sections = (
        ("Minutes watched per viewer and day", _table(document)),
        ("Day by day", picture(lambda axes: _days(axes, document), "Minutes per viewer and day")),
        ("By the viewer's number of visits", _grouped(document, "by_visit", "visit_ages", "minutes a visit")),
        (
            "New titles, by their age",
            _grouped(document, "by_title_age", "title_ages", "minutes a day for a title, per 1,000 viewers"),
        ),
        ("By kind of account", _grouped(document, "by_group", "groups", "minutes per viewer and day")),
    )
    body = "".join(f"<h2>{title}</h2>\n{content}\n" for title, content in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>nearline: the closed loop</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>The closed loop: who makes viewers watch most</h1>\n<p>{escape(facts)}.</p>\n"
        f'<p class="note">All policies meet the same simulated viewers at the same times with the same luck. '
        f"The oracle knows every taste; the informed policy knows all titles and learns the tastes: what can "
        f"be learned at all. All show one row of 20, but for grid (nearline's list in as many places as a "
        f"page has) and pages (rows). The share is that of the oracle's gain over popularity.</p>\n"
        f"{body}</body></html>\n"
    )


def _table(document: Document) -> str:
    heads = ("policy", *(heading for heading, _ in COLUMNS.values()), "share of the oracle's gain")
    head = "".join(f"<th>{heading}</th>" for heading in heads)
    rows = "".join(f"<tr>{_cells(name, one)}</tr>\n" for name, one in document["policies"].items())
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'


def _cells(name: str, policy: Document) -> str:
    numbers = [_figure(policy[key], form) for key, (_, form) in COLUMNS.items()]
    share = policy["share_of_oracle"]
    cells = (escape(name), *numbers, _figure(share, ".0%") if share else "-")
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _figure(figure: Document, form: str) -> str:
    mean, se = figure["mean"], figure["se"]
    known = se is not None and se == se  # noqa: PLR0124 - NaN; null in JSON
    return format(mean, form) + (f" ± {format(se, form)}" if known else "")


def _days(axes: "Axes", document: Document) -> None:
    for name, policy in document["policies"].items():
        days = range(1, len(policy["by_day"]) + 1)
        axes.plot(days, policy["by_day"], LINES.get(name, "-"), color=COLOURS.get(name, OTHER), label=name)
    axes.axvspan(0.5, document["warm_up"] + 0.5, color="#eceff5")
    axes.set(xlabel="day (grey: not counted)", ylabel="minutes per viewer")
    axes.set_ylim(bottom=0)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _grouped(document: Document, curve: str, names: str, what: str) -> str:
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

    return picture(draw, f"Policies compared: {what}")
