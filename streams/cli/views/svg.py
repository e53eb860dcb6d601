"""What written pages share: their look, and pictures as SVG elements inside."""

import io
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["STYLE", "picture"]

STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1d2433 }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0 }
td, th { padding: .25rem .8rem } td, th + th { text-align: right; white-space: nowrap }
td:first-child, th:first-child { text-align: left }
thead { border-bottom: 2px solid #1d2433 } tbody tr:nth-child(even) { background: #f2f4f8 }
svg { max-width: 100%; height: auto } .scroll { overflow-x: auto } .note { color: #556 }
"""


def picture(draw: "Callable[[Axes], object]", description: str) -> str:
    """Draw into an SVG element; the same drawing gives the same bytes.

    Ids inside are made from the description, so that two pictures share a page.

    Parameters
    ----------
    draw
        Draws on the axes that it is given.
    description
        For those who do not see it.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(b=False)
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": description, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawn = text.getvalue()
    label = f'<svg role="img" aria-label="{escape(description)}" '
    return label + drawn[drawn.index("<svg ") + len("<svg ") :]
