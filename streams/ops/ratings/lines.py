"""Find the line at which a text file of ratings goes wrong; slow, and only called when something did."""

import math
from dataclasses import dataclass

__all__ = ["Fault", "first_fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A line, counted from 1, and what was expected on it."""

    line: int
    expected: str


def first_fault(
    data: bytes, delimiter: str, header_lines: int, columns: dict[str, int], width: int
) -> Fault | None:
    """Return the first line that is no rating, or None.

    Examples
    --------
    >>> first_fault(b"1 2 five 9", " ", 0, {"rating": 2, "time": 3}, 4)
    Fault(line=1, expected='a finite number as the rating')
    """
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if number <= header_lines or not line.strip():
            continue
        fields = line.split(delimiter)
        if len(fields) != width:
            return Fault(
                number, f"{width} columns with {_named(delimiter)} between them, found {len(fields)}"
            )
        wrong = next((role for role, at in columns.items() if not _fits(role, fields[at])), None)
        if wrong:
            kind = "an id" if wrong in {"viewer", "title"} else "a finite number"
            return Fault(number, f"{kind} as the {wrong}")
    return None


def _fits(role: str, text: str) -> bool:
    if role in {"viewer", "title"}:
        return bool(text)
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _named(delimiter: str) -> str:
    return {"\t": "tabs", ",": "commas"}.get(delimiter, delimiter)
