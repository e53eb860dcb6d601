"""Words of the simulated world: tags, and invented names of titles and people."""

from typing import Final

import numpy as np

__all__ = ["COUNTRIES", "COUNTRY_LANGUAGE", "DEVICES", "TAG_WORDS", "person_name", "title_name"]

TAG_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "genre": (
        *("Action", "Adventure", "Animation", "Comedy", "Crime", "Documentary", "Drama", "Family", "Fantasy"),
        *("Horror", "Mystery", "Romance", "Science Fiction", "Thriller"),
    ),
    "theme": (
        *("heist", "coming of age", "revenge", "small town", "space", "courtroom", "sport", "cooking", "war"),
        *(
            "friendship",
            "politics",
            "time travel",
            "survival",
            "road trip",
            "family secrets",
            "artificial minds",
        ),
        *("the sea", "music"),
    ),
    "mood": ("dark", "feel-good", "tense", "dreamy", "witty", "bleak", "tender", "wild", "eerie", "warm"),
    "pace": ("slow", "steady", "fast"),
    "language": ("en", "es", "de", "hi", "ko", "fr"),
}
"""The closed vocabularies, by kind of tag."""

COUNTRIES: Final = ("DE", "ES", "FR", "GB", "IN", "KR", "US")
COUNTRY_LANGUAGE: Final = ("de", "es", "fr", "en", "hi", "ko", "en")
"""Language of each country."""
DEVICES: Final = ("tv", "phone", "web", "tablet")

_QUALITIES: Final = (
    *("Amber", "Borrowed", "Broken", "Copper", "Distant", "Drowned", "Electric", "Falling", "First", "Glass"),
    *(
        "Hidden",
        "Hollow",
        "Invisible",
        "Last",
        "Little",
        "Midnight",
        "Northern",
        "Paper",
        "Quiet",
        "Restless",
    ),
    *("Salt", "Second", "Silver", "Sleeping", "Stolen", "Tender", "Thirteenth", "Velvet", "Wild", "Winter"),
)
_THINGS: Final = (
    *(
        "Archive",
        "Bridge",
        "Cartographer",
        "Choir",
        "Coast",
        "Compass",
        "Engine",
        "Estuary",
        "Garden",
        "Harbour",
    ),
    *(
        "Island",
        "Lantern",
        "Ledger",
        "Letters",
        "Lighthouse",
        "Machine",
        "Market",
        "Meridian",
        "Mirror",
        "Orchard",
    ),
    *("Parade", "Promise", "River", "Signal", "Sky", "Station", "Summer", "Theatre", "Tide", "Weather"),
)
_SYLLABLES: Final = tuple(a + b for a in "bdfklmnrstvz" for b in "aeiou")


def title_name(number: int) -> str:
    """Return the name of a title, different for each number.

    Examples
    --------
    >>> title_name(0), title_name(31), title_name(900)
    ('Amber Archive', 'Borrowed Cartographer', 'Amber Archive II')
    """
    part, place = divmod(number, len(_QUALITIES) * len(_THINGS))
    quality, turn = place % len(_QUALITIES), place // len(_QUALITIES)
    name = f"{_QUALITIES[quality]} {_THINGS[(quality + turn) % len(_THINGS)]}"
    return f"{name} {_roman(part + 1)}" if part else name


def person_name(rng: np.random.Generator) -> str:
    """Draw the name of a person from syllables."""
    first, last = rng.integers(len(_SYLLABLES), size=2), rng.integers(len(_SYLLABLES), size=3)
    return " ".join("".join(_SYLLABLES[at] for at in part).capitalize() for part in (first, last))


def _roman(number: int) -> str:
    text = ""
    for value, mark in ((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        text += mark * (number // value)
        number %= value
    return text
