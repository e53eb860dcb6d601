"""Languages that pages are written in, and their codes in a viewer's row."""

from collections.abc import Sequence
from typing import Final

DEFAULT: Final = "en"

LANGUAGES: Final = (DEFAULT, "hi")
"""Languages that there is a catalog of, as two letters (ISO 639-1)."""


def language_code(languages: Sequence[str]) -> int:
    """Return the first of a reader's languages that there is a catalog of, as a number; 0 for none.

    Examples
    --------
    >>> language_of(language_code(["ta", "hi-IN", "en"])), language_of(language_code(["ta"]))
    ('hi', 'en')
    """
    for tag in languages:
        base = tag.split("-", maxsplit=1)[0].lower()
        if base in LANGUAGES:
            return int.from_bytes(base.encode("ascii"), "little")
    return 0


def language_of(code: int) -> str:
    """Return the language of a code; the default where it says none, or one that there is no catalog of."""
    said = code.to_bytes(2, "little").decode("ascii", errors="replace")
    return said if said in LANGUAGES else DEFAULT
