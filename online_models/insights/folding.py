"""Folds combinations of tags that say the same: one hit film is wanted in all words that describe it."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from schemas.insights import FacetDemand

__all__ = ["FoldedDemand", "folded", "title_sets"]

SAME: Final = 0.9
"""Share of a combination's minutes from which a narrower one explains it: what is left is a tenth."""


class FoldedDemand(NamedTuple):
    """A combination, and those that it explains."""

    facet: FacetDemand
    restated: tuple[FacetDemand, ...]
    """Wider or equal combinations with the same minutes, in the requested order."""
    titles: tuple[str, ...]
    """Ids of the titles that the catalog has of the combination, sorted."""


def folded(
    facets: Sequence[FacetDemand], titles_of: Callable[[Sequence[str]], AbstractSet[str]]
) -> list[FoldedDemand]:
    """Fold each combination under the most specific one that explains it.

    A combination explains another if all its titles are among those of the other, and it has nearly all
    minutes of the other. The most specific one has the fewest titles, then the most tags.

    Parameters
    ----------
    facets
        Combinations of one country, in any order.
    titles_of
        Returns the titles that have all of some tags.

    Returns
    -------
    list of FoldedDemand
        In the order in which the first of each group came.
    """
    sets = {one.key: frozenset(titles_of(one.labels)) for one in facets}
    specific = sorted(facets, key=lambda one: (len(sets[one.key]), -len(one.labels), one.key))
    by_key = {one.key: one for one in facets}
    groups: dict[str, list[FacetDemand]] = {}
    for one in facets:
        groups.setdefault(_explained_by(one, specific, sets), []).append(one)
    return [
        FoldedDemand(
            by_key[key],
            tuple(one for one in group if one.key != key),
            tuple(sorted(sets[key])),
        )
        for key, group in groups.items()
    ]


def title_sets(
    facets: Iterable[FacetDemand], catalog: Iterable[tuple[str, Iterable[str]]]
) -> Callable[[Sequence[str]], AbstractSet[str]]:
    """Return a function that returns the titles with all of some tags of these combinations.

    Parameters
    ----------
    facets
        The combinations.
    catalog
        Titles and their tags as ``kind:value``; read once.

    Examples
    --------
    >>> one = FacetDemand(
    ...     key="a|b", labels=("a", "b"), at_ms=10**12, watch_minutes=1.0, error_minutes=0.0, watch_share=1.0,
    ...     titles=1, catalogue_share=1.0, excess=0.0,
    ... )
    >>> sorted(title_sets([one], [("t", ["a", "b", "c"]), ("u", ["a"])])(("a", "b")))
    ['t']
    """
    having: dict[str, set[str]] = {label: set() for one in facets for label in one.labels}
    for title_id, labels in catalog:
        for label in having.keys() & set(labels):
            having[label].add(title_id)
    return lambda labels: frozenset.intersection(*(frozenset(having.get(label, ())) for label in labels))


def _explained_by(
    facet: FacetDemand, specific: Sequence[FacetDemand], sets: dict[str, frozenset[str]]
) -> str:
    """Return the key of the combination under which one is folded: its own where nothing explains it."""
    own = sets[facet.key]
    if not own:
        return facet.key
    least = SAME * facet.watch_minutes
    for one in specific:  # the most specific first; at the latest the combination itself
        if sets[one.key] and sets[one.key] <= own and one.watch_minutes >= least:
            return one.key if one is facet else _explained_by(one, specific, sets)
    return facet.key
