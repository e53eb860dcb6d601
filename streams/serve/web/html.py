"""Templates: where they are, what they can say, and how they become answers."""

from collections.abc import Iterable
from contextvars import ContextVar
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

__all__ = ["SIGNED_IN", "STATIC", "page", "path_part"]

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
"""Files that are served as they are."""
SIGNED_IN: Final = ContextVar("signed_in", default=False)
"""Whether who asks for a page has signed in and so can sign out."""


def path_part(text: object) -> str:
    """Return a text as one part of an address.

    Examples
    --------
    >>> path_part("a/b c")
    'a%2Fb%20c'
    """
    return quote(str(text), safe="")


def meta(facts: Iterable[str]) -> Markup:
    """Return facts about a title beside each other; an age limit gets a frame.

    Examples
    --------
    >>> str(meta(["1999", "16+"]))
    '<span>1999</span> <b>16+</b>'
    """
    frames = {True: Markup("<b>{}</b>"), False: Markup("<span>{}</span>")}
    return Markup(" ").join(frames[fact.endswith("+")].format(fact) for fact in facts)


def moment(text: str | None) -> str:
    """Return a time in ISO 8601 as people read it, a dash for none.

    Examples
    --------
    >>> moment("2026-11-25T11:40:18+00:00"), moment(None)
    ('2026-11-25 11:40', '-')
    """
    return text[:16].replace("T", " ") if text else "-"


def page(template: str, /, **values: object) -> HTMLResponse:
    """Return a template's text as an answer that nobody keeps."""
    text = _TEMPLATES.get_template(template).render(signed_in=SIGNED_IN.get(), **values)
    return HTMLResponse(text, headers={"Cache-Control": "no-store"})


_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(u=path_part, meta=meta, moment=moment)
_STAMP = max(int(path.stat().st_mtime) for path in STATIC.iterdir())
_TEMPLATES.globals.update(place="", query="", bad=False, stamp=f"{version('nearline')}-{_STAMP}")
