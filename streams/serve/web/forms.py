"""Forms of the console: their fields, who sent them, and the pages that act on what they define."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec
from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from schemas.audit import AuditVia
from streams.errors import StreamError
from streams.ops.audit import Operator
from streams.serve.web.rendering import console_page, path_part

__all__ = ["Fields", "Form", "Who", "acted", "number_of", "page_of_actions", "shown", "status_of"]


class Fields:
    """The fields of a form, as they were typed.

    Examples
    --------
    >>> fields = Fields("a=+x+&b=1&b=&c=u%2C+v%0Aw")
    >>> fields["a"], fields["none"], fields.each("b"), fields.nth("b", 7), fields.listed("c")
    ('x', '', ['1', ''], '', ['u', 'v', 'w'])
    """

    def __init__(self, body: str = "") -> None:
        self._given = parse_qs(body, keep_blank_values=True)

    def __getitem__(self, name: str) -> str:
        """Return a field without blanks around it; empty if there is none."""
        return self.nth(name, 0)

    def nth(self, name: str, n: int) -> str:
        """Return the n-th field of a name, from 0; empty if there is none."""
        return next(iter(self.each(name)[n:]), "")

    def each(self, name: str) -> list[str]:
        """Return the fields of a name, in order."""
        return [one.strip() for one in self._given.get(name, [])]

    def listed(self, name: str) -> list[str]:
        """Return the parts of a field between commas and lines."""
        parts = self[name].replace("\n", ",").split(",")
        return [part.strip() for part in parts if part.strip()]


async def _read(request: Request) -> Fields:
    return Fields((await request.body()).decode(errors="replace"))


def _who(request: Request) -> Operator:
    return Operator(request.user.display_name, AuditVia.HTTP)


Form = Annotated[Fields, Depends(_read)]
Who = Annotated[Operator, Depends(_who)]


def number_of(text: str, *, percent: bool = False) -> Any:  # noqa: ANN401 - a number or what was typed
    """Return a number; what is none stays text, so that the contract says what is wrong with it.

    Examples
    --------
    >>> number_of("7"), number_of("2.5", percent=True), number_of("many")
    (7, 0.025, 'many')
    """
    try:
        found = msgspec.json.decode(text, type=int | float)
    except msgspec.MsgspecError:
        return text
    return round(found / 100, 6) if percent else found


def status_of(error: StreamError) -> int:
    """Return the status of a page that says why an action was refused."""
    return {1: 409, 2: 422}.get(error.exit_code, 503)


def shown(here: str, name: str) -> Response:
    """Lead the browser to what was acted on, on the page at a path."""
    return RedirectResponse(f"{here}#{path_part(name)}", 303)


def acted(
    here: str, name: str, act: Callable[[], object], refused: Callable[[StreamError], Response]
) -> Response:
    """Act, and show what was acted on; or the page that says why that was refused."""
    try:
        act()
    except StreamError as error:
        return refused(error)
    return shown(here, name)


def page_of_actions(
    place: tuple[str, str, str],
    cards: Callable[[], list[dict[str, Any]]],
    refused: StreamError | None,
    form: Fields | None,
    **values: object,
) -> Response:
    """Render a page of definitions and what may be done to them.

    Parameters
    ----------
    place
        Template, path below ``/console``, and heading.
    cards
        Returns the template's values of each definition.
    refused
        Why the last action was refused: shown above all, and the status of the page.
    form
        What was typed, if a definition was refused.
    values
        Further values of the template.
    """
    error, found = refused, []
    try:
        found = cards()
    except StreamError as failed:
        error = error or failed
    template, path, heading = place
    values |= {"cards": found, "form": form or Fields(), "typed": form is not None}
    response = console_page(template, path, heading, error=error, **values)
    if refused is not None:
        response.status_code = status_of(refused)
    return response
