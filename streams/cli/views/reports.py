"""HTML reports: one self-contained file from a template, with drawings as SVG elements inside."""

import io
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["drawing", "render"]

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, /, **values: object) -> str:
    """Return a report: a template of `templates/` with values."""
    return _TEMPLATES.get_template(template).render(**values)


def drawing(draw: "Callable[[Axes], object]", description: str) -> Markup:
    """Draw into an SVG element; the same drawing gives the same bytes.

    Ids inside the element are derived from the description, so that two drawings can share a page.

    Parameters
    ----------
    draw
        Draws on the axes that it is given.
    description
        Text alternative for screen readers.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.add_subplot()
    draw(axes)
    axes.spines[["top", "right"]].set_visible(b=False)
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": description, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    label = f'<svg role="img" aria-label="{escape(description)}" '
    return Markup(label + svg[svg.index("<svg ") + len("<svg ") :])  # noqa: S704 - matplotlib escapes its texts
