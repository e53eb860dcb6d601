"""Languages of page texts, and their codes in a viewer's row."""

from collections.abc import Sequence
from typing import Final

DEFAULT: Final = "en"

LANGUAGES: Final = (DEFAULT, "de", "es", "fr", "hi", "pt")
"""Languages with translations, as two letters (ISO 639-1)."""


def language_code(languages: Sequence[str]) -> int:
    """Return the code of a reader's first language that has a translation, 0 for none.

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
    """Return the language of a code; the default for none, and for one without a translation."""
    name = code.to_bytes(2, "little").decode("ascii", errors="replace")
    return name if name in LANGUAGES else DEFAULT
