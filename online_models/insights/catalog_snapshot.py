"""Counts of the catalog: number of titles by tags and country of availability."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Final

from schemas.catalog import Title, TitleKind

__all__ = ["KINDS", "CatalogSnapshot", "combined"]

KINDS: Final = ("genre", "director", "cast", "mood", "theme", "language")
"""Kinds of tags that form combinations."""
EACH: Final = 3
"""Tags of a kind that count for a title, the first ones: catalogs list tags in order of importance."""


class CatalogSnapshot:
    """The titles of the catalog by their tags.

    A series is not counted, only its episodes: viewers watch episodes.

    Examples
    --------
    >>> from schemas.catalog import Tags
    >>> catalog = CatalogSnapshot()
    >>> catalog.put(Title(title_id="a", tags=Tags(genre=("Drama",), mood=("dark",))))
    >>> catalog.put(Title(title_id="b", tags=Tags(genre=("Drama",))))
    >>> catalog.labels("a"), catalog.count(["genre:Drama"]), catalog.count(["genre:Drama", "mood:dark"])
    (('genre:Drama', 'mood:dark'), 2, 1)
    """

    def __init__(self) -> None:
        self._labels: dict[str, tuple[str, ...]] = {}
        self._with: defaultdict[str, set[str]] = defaultdict(set)
        self._everywhere: set[str] = set()
        self._only: defaultdict[str, set[str]] = defaultdict(set)
        self._countries: dict[str, tuple[str, ...]] = {}

    def put(self, title: Title) -> None:
        """Store a catalog record."""
        self.withdraw(title.title_id)
        if title.kind is TitleKind.SERIES:
            return
        labels = tuple(
            f"{kind}:{tag}" for kind in KINDS for tag in dict.fromkeys(getattr(title.tags, kind)[:EACH])
        )
        self._labels[title.title_id] = labels
        for label in labels:
            self._with[label].add(title.title_id)
        self._countries[title.title_id] = title.availability.countries
        for country in title.availability.countries:
            self._only[country].add(title.title_id)
        if not title.availability.countries:
            self._everywhere.add(title.title_id)

    def withdraw(self, title_id: str) -> None:
        """Remove a title."""
        for label in self._labels.pop(title_id, ()):
            _discard(self._with, label, title_id)
        for country in self._countries.pop(title_id, ()):
            _discard(self._only, country, title_id)
        self._everywhere.discard(title_id)

    def labels(self, title_id: str) -> tuple[str, ...]:
        """Return a title's tags as ``kind:tag``; an unknown title has none."""
        return self._labels.get(title_id, ())

    def genres(self, title_id: str) -> list[str]:
        """Return a title's genres."""
        return [label[6:] for label in self.labels(title_id) if label.startswith("genre:")]

    def count(self, labels: Sequence[str], country: str = "") -> int:
        """Return the number of titles with all given tags, in one country or anywhere."""
        sets = [self._with.get(label, set()) for label in labels]
        if not country:
            return len(set.intersection(*sets)) if sets else len(self._labels)
        there = (self._everywhere, self._only.get(country, set()))
        return sum(len(set.intersection(titles, *sets)) for titles in there)


def _discard(titles: dict[str, set[str]], name: str, title_id: str) -> None:
    """Take a title from those of a name; a name without titles goes, too."""
    titles[name].discard(title_id)
    if not titles[name]:
        del titles[name]


def combined(labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the combinations of a title's tags that count demand: one tag, two, or a genre with two others.

    Parameters
    ----------
    labels
        A title's tags, kind by kind.

    Examples
    --------
    >>> combined(["genre:Drama", "mood:dark"])
    [('genre:Drama',), ('mood:dark',), ('genre:Drama', 'mood:dark')]
    >>> combined(["genre:Drama", "genre:Crime"])
    [('genre:Drama',), ('genre:Crime',)]
    """
    kinds = [label.partition(":")[0] for label in labels]
    places = range(len(labels))
    pairs = [(i, j) for i, j in combinations(places, 2) if kinds[i] != kinds[j]]
    triples = [
        (i, j, k)
        for i, j, k in combinations(places, 3)
        if kinds[i] == "genre" and len({kinds[i], kinds[j], kinds[k]}) == 3
    ]
    return [tuple(labels[at] for at in chosen) for chosen in [*((i,) for i in places), *pairs, *triples]]
