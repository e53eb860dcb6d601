"""Forms of the console: their fields, who sent them, and what a definition's fields become."""

from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec
from fastapi import Depends, Request

from schemas.audit import AuditVia
from streams.errors import StreamError
from streams.ops.audit import Operator

__all__ = ["Fields", "Form", "Who", "number_of", "status_of"]


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
