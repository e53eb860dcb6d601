"""Combinations of tags that say the same are one line."""

from itertools import combinations

from online_models.insights.folding import folded, title_sets
from schemas.insights import FacetDemand

CATALOG = {
    "hit": ["cast:Kim", "genre:Crime", "genre:Drama", "mood:dark", "theme:sea"],
    "war": ["genre:Drama", "mood:dark"],
    "joke": ["genre:Comedy"],
    "pun": ["genre:Comedy"],
}


def facet(*labels: str, minutes: float) -> FacetDemand:
    """Make a combination."""
    having = [name for name, own in CATALOG.items() if {*labels} <= {*own}]
    return FacetDemand(
        key="|".join(labels), labels=labels, at_ms=10**12, watch_minutes=minutes, error_minutes=0.0,
        watch_share=minutes / 2_000, titles=len(having), catalogue_share=0.1, excess=0.1,
    )  # fmt: skip


def test_one_hit_is_one_line() -> None:
    """All its combinations, and wider ones that it has nearly all minutes of; what else is watched stays."""
    words = CATALOG["hit"]
    hit = [
        facet(*some, minutes=950.0 if some in {("genre:Drama",), ("mood:dark",)} else 900.0)
        for n in (1, 2, 3)
        for some in combinations(words, n)
    ]
    comedy = facet("genre:Comedy", minutes=500.0)
    facets = [*hit, comedy]
    found = folded(facets, title_sets(facets, CATALOG.items()))
    assert [(one.facet.key, one.titles) for one in found] == [
        ("cast:Kim|genre:Crime|genre:Drama", ("hit",)),
        ("genre:Comedy", ("joke", "pun")),
    ]
    assert len(found[0].restated) == len(hit) - 1
    assert found[1].restated == ()


def test_a_tag_that_has_minutes_of_its_own_is_a_line() -> None:
    """A hit that has half of the minutes of its genre does not explain the genre; the order is kept."""
    facets = [
        facet("genre:Drama", minutes=1_000.0),
        facet("genre:Crime", minutes=500.0),
        facet("genre:Crime", "mood:dark", minutes=500.0),
    ]
    found = folded(facets, title_sets(facets, CATALOG.items()))
    assert [(one.facet.key, [same.key for same in one.restated]) for one in found] == [
        ("genre:Drama", []),
        ("genre:Crime|mood:dark", ["genre:Crime"]),
    ]


def test_what_the_catalog_no_longer_has_stands_alone() -> None:
    """Of a combination without a title nothing is known."""
    facets = [facet("genre:Gone", minutes=10.0), facet("genre:Lost", minutes=10.0)]
    found = folded(facets, title_sets(facets, CATALOG.items()))
    assert [one.facet.key for one in found] == ["genre:Gone", "genre:Lost"]
