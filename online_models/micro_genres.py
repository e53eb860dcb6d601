r"""Micro-genres: names such as "slow-paced emotional romantic dramas", composed out of a viewer's taste.

Every combination of up to four of the viewer's strongest tags, a genre among them and at most two genres and
one tag of any other kind, is weighed by what it adds to the divergence of the viewer's watches from
everybody's, :math:`p_u \log (p_u / p)` with both shares smoothed as those of single tags are
(:mod:`online_models.tag_affinity`): a combination has to be both theirs and frequent. Of those that fit the
same watches the longest name counts. Those with titles enough for a row are taken, best first, unless most of
their titles stand in a row taken before.

The words are English; parts say what each stands for, so that another language can order them in its own way.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.kernels.layout import I4
from online_models.tag_affinity import PRIOR, Tagged, Taste, log_lift

__all__ = ["MicroGenre", "Part", "micro_genres", "phrase"]

LEAST = 8
"""Titles that a micro-genre has at least: a row of which something is left once the watched ones are gone."""
STRONGEST = 12
"""Tags that are combined: 793 combinations at most."""
MOST_PARTS = 4
"""Tags in a name: "slow-paced emotional romantic dramas" has four."""
SUPPORT = 2
"""Watched titles that have a tag, before it speaks for a taste: one is chance."""

ORDER = ("pace", "mood", "language", "theme", "genre", "director", "cast", "decade")
"""Kinds in the order of their words."""
HEADS = (
    "documentary", "western", "musical", "horror", "thriller", "comedy", "drama", "adventure", "mystery",
    "romance",
)  # fmt: skip
"""Genres that can be the noun, those that go before others first; others where none of these is."""
NOUNS = {
    "documentary": "documentaries", "western": "westerns", "musical": "musicals", "horror": "horror films",
    "thriller": "thrillers", "comedy": "comedies", "drama": "dramas", "adventure": "adventures",
    "mystery": "mysteries", "romance": "romances",
}  # fmt: skip
NAMES = ("director", "cast", "decade")
"""Kinds whose values keep their capitals."""
WORDS = {
    "pace": "{}-paced", "language": "{}-language", "director": "by {}", "cast": "with {}",
    "decade": "of the {}",
}  # fmt: skip
ADJECTIVES = {"romance": "romantic", "drama": "dramatic", "comedy": "comic", "animation": "animated"}
LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "ml": "Malayalam", "mr": "Marathi", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "sv": "Swedish", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tr": "Turkish",
    "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""Names of the languages that films are mostly made in (ISO 639-1); others go by their tag."""


class Part(NamedTuple):
    """One word of a name."""

    kind: str
    """Kind of the tag: `genre`, `mood`, ..."""
    value: str
    """The tag in the catalogue's words."""
    text: str
    """How it reads in the name."""


class MicroGenre(NamedTuple):
    """A name, and the titles that it fits."""

    parts: tuple[Part, ...]
    titles: I4
    """Rows of all titles that have every tag, in order of rows."""
    strength: float
    """What it adds to the divergence of the viewer's watches from everybody's, in nats."""

    @property
    def name(self) -> str:
        """The parts, read one after the other."""
        return " ".join(part.text for part in self.parts)


def phrase(labels: Sequence[str]) -> tuple[Part, ...]:
    """Put tags (``kind:value``) in order and words; a genre has to be among them.

    Examples
    --------
    >>> [part.text for part in phrase(["genre:Drama", "pace:slow", "genre:Romance", "mood:emotional"])]
    ['slow-paced', 'emotional', 'romantic', 'dramas']
    >>> [part.text for part in phrase(["genre:Thriller", "decade:1990s", "genre:Crime", "language:hi"])]
    ['Hindi-language', 'crime', 'thrillers', 'of the 1990s']
    """
    tags = [tuple(label.split(":", 1)) for label in labels]
    genres = sorted((value for kind, value in tags if kind == "genre"), key=_headiness)
    ordered = sorted(
        tags, key=lambda tag: (_place(tag[0]), tag[0] == "genre" and tag[1] == genres[0], tag[1])
    )
    parts = []
    for kind, value in ordered:
        text = _noun(value) if (kind, value) == ("genre", genres[0]) else _text(kind, value)
        parts.append(Part(kind, value, text))
    return tuple(parts)


def micro_genres(
    taste: Taste,
    tagged: Tagged,
    names: Sequence[str],
    allowed: NDArray[np.bool_] | None = None,
    *,
    most: int = 5,
    least: int = LEAST,
) -> list[MicroGenre]:
    """Compose the micro-genres that a taste is strongest in.

    Parameters
    ----------
    taste, tagged, names
        The viewer's taste, the titles' tags, and the tags' names (``kind:value``).
    allowed
        [T] titles that may be listed; all when left out.
    most
        How many at most.
    least
        Titles that each has at least.

    Returns
    -------
    micro_genres
        The strongest first; of equal ones the longest, then by name.
    """
    listed = np.ones(tagged.indptr.size - 1, np.bool_) if allowed is None else allowed
    strong = _strongest(taste, tagged, names)
    having = {tag: tagged.having(tag) for tag in strong}
    found = []
    for tags in _combinations(strong, names):
        all_of = np.logical_and.reduce([having[tag] for tag in tags])
        titles = np.flatnonzero(all_of & listed).astype(np.int32)
        mine = float(taste.weight[all_of[taste.history]].sum())
        if titles.size >= least and all_of[taste.history].sum() >= SUPPORT:
            strength = _strength(mine, float(taste.weight.sum()), _share(tagged, all_of))
            found.append(MicroGenre(phrase([names[tag] for tag in tags]), titles, strength))
    found.sort(key=lambda one: (-round(one.strength, 9), -len(one.parts), one.name))
    taken: list[MicroGenre] = []
    for one in found:
        shared = (np.isin(one.titles, other.titles).sum() for other in taken)
        if len(taken) < most and one.strength > 0 and all(2 * n <= one.titles.size for n in shared):
            taken.append(one)
    return taken


def _strongest(taste: Taste, tagged: Tagged, names: Sequence[str]) -> list[int]:
    """Return the tags that are combined, the strongest first."""
    seen: dict[int, float] = {}
    times: dict[int, int] = {}
    for row, weight in zip(taste.history.tolist(), taste.weight.tolist(), strict=True):
        for tag in tagged.ids[tagged.indptr[row] : tagged.indptr[row + 1]].tolist():
            seen[tag] = seen.get(tag, 0.0) + weight
            times[tag] = times.get(tag, 0) + 1
    theirs = [t for t, n in times.items() if n >= SUPPORT and taste.lift[t] > 0 and _kind(names[t]) in ORDER]
    return sorted(theirs, key=lambda t: (-seen[t] * taste.lift[t], names[t]))[:STRONGEST]


def _combinations(tags: Sequence[int], names: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Yield the sets of tags that a name can be made of."""
    for n in range(2, MOST_PARTS + 1):
        for some in combinations(tags, n):
            kinds = [_kind(names[tag]) for tag in some]
            others = [kind for kind in kinds if kind != "genre"]
            if 1 <= kinds.count("genre") <= 2 and len(others) == len(set(others)):  # noqa: PLR2004 - see above
                yield some


def _share(tagged: Tagged, titles: NDArray[np.bool_]) -> float:
    total = float(tagged.watches.sum())
    return float(tagged.watches[titles].sum()) / total if total > 0 else 0.0


def _strength(mine: float, total: float, share: float) -> float:
    """Return p_u log(p_u / p), smoothed."""
    (lift,) = log_lift(np.array([mine]), total, np.array([share]), PRIOR)
    return float((mine + PRIOR * share) / (total + PRIOR) * lift)


def _kind(label: str) -> str:
    return label.split(":", 1)[0]


def _place(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _headiness(genre: str) -> tuple[int, str]:
    name = genre.lower()
    return (HEADS.index(name) if name in HEADS else len(HEADS), name)


def _noun(genre: str) -> str:
    return NOUNS.get(genre.lower(), f"{genre.lower()} titles")


def _text(kind: str, value: str) -> str:
    if kind == "language":
        value = LANGUAGES.get(value.split("-", maxsplit=1)[0].lower(), value)
    elif kind not in NAMES:
        value = ADJECTIVES.get(value.lower(), value.lower()) if kind == "genre" else value.lower()
    return WORDS.get(kind, "{}").format(value)
