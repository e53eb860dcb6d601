"""Templates: their environment and filters, and how they become responses."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from streams.errors import StreamError
from streams.serve.access.permissions import GRANTED, scopes_of
from streams.serve.access.sessions import SIGNED_IN
from streams.serve.problems import Problem, respond

__all__ = ["STATIC", "console_page", "page", "path_part", "problem_page"]

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
"""Files that are served as they are."""


CONSOLE: Final = (
    ("", "Overview"), ("/viewers", "Viewers"), ("/titles", "Titles"), ("/trending", "Trending"),
    ("/insights", "Insights"), ("/experiments", "Experiments"), ("/rules", "Rules"), ("/preview", "Preview"),
    ("/dead-letters", "Dead letters"), ("/topics", "Topics"), ("/model", "Model"), ("/access", "Access"),
)  # fmt: skip
"""Pages of the console: path below ``/console`` and name."""


def is_open(path: str, method: str = "GET") -> bool:
    """Return whether whoever asks may see a page, or use a button (method POST)."""
    return not (scopes_of(method, path) or frozenset()).isdisjoint(GRANTED.get())


def path_part(text: object) -> str:
    """Return a text as one part of an address.

    Examples
    --------
    >>> path_part("a/b c")
    'a%2Fb%20c'
    """
    return quote(str(text), safe="")


def meta(facts: Iterable[str]) -> Markup:
    """Return facts about a title side by side; an age limit gets a frame.

    Examples
    --------
    >>> str(meta(["1999", "16+"]))
    '<span>1999</span> <b>16+</b>'
    """
    frames = {True: Markup("<b>{}</b>"), False: Markup("<span>{}</span>")}
    return Markup(" ").join(frames[fact.endswith("+")].format(fact) for fact in facts)


def moment(text: str | None) -> str:
    r"""Return an ISO 8601 time to the minute, a dash for none.

    Examples
    --------
    >>> moment("2026-11-25T11:40:18+00:00"), moment(None) == "\N{EN DASH}"
    ('2026-11-25 11:40', True)
    """
    return text[:16].replace("T", " ") if text else "\N{EN DASH}"


def short(value: float) -> str:
    """Return a number of few characters, for an axis.

    Examples
    --------
    >>> short(0), short(0.5), short(1000), short(20_000), short(3_500_000)
    ('0', '0.5', '1,000', '20k', '3.5M')
    """
    for least, unit, name in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if value >= least:
            return f"{value / unit:g}{name}"
    return f"{value:,g}"


def code(text: str) -> Markup:
    """Return a text with what is between backticks as code.

    Examples
    --------
    >>> str(code("a `b<c>` d"))
    'a <code>b&lt;c&gt;</code> d'
    """
    parts = text.split("`")
    marked = (Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))
    return Markup("").join(marked)


def page(template: str, /, **values: object) -> HTMLResponse:
    """Render a template as a response that is not cached."""
    text = _TEMPLATES.get_template(template).render(signed_in=SIGNED_IN.get(), **values)
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


def console_page(
    template: str, path: str, heading: str, *, error: StreamError | None = None, **values: object
) -> HTMLResponse:
    """Render a page of the console.

    Parameters
    ----------
    template
        The template.
    path
        Path of the page below ``/console``: its entry in the navigation.
    heading
        Title and heading.
    error
        An error that is shown above the page.
    values
        Values of the template.
    """
    links = [(own, name) for own, name in CONSOLE if is_open(f"/console{own}")]
    return page(template, place="console", here=path, heading=heading, error=error, links=links, **values)


def problem_page(request: Request, problem: Problem) -> Response:
    """Return a problem as a page for browsers, as a message for htmx, as a document for all others."""
    if "text/html" not in request.headers.get("accept", "") or request.url.path.startswith("/v1/"):
        return respond(problem)
    if "hx-request" in request.headers:
        response = page("toast.html", text=problem.detail, bad=True)
        response.headers.update({"HX-Retarget": "#toasts", "HX-Reswap": "afterbegin"})
    else:
        response = page("problem.html", problem=problem)
    response.status_code = problem.status
    response.headers.update(problem.headers)
    return response


_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(u=path_part, meta=meta, moment=moment, code=code, short=short)
_NEWEST = max(int(path.stat().st_mtime) for path in STATIC.iterdir())
_TEMPLATES.globals.update(
    is_open=is_open, place="", query="", bad=False, stamp=f"{version('nearline')}-{_NEWEST}"
)
