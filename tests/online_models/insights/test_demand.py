"""What is wanted: combinations of tags, searches in vain, what serves whom."""

from typing import Any

import pytest

from online_models.insights import demand as demand_module
from online_models.insights.catalog_snapshot import CatalogSnapshot, combined
from online_models.insights.counters import DAY_MS
from online_models.insights.demand import disclosable_records
from schemas import Search
from schemas.catalog import Availability, Tags, Title, TitleKind
from schemas.insights import CohortDemand, FacetDemand
from tests.online_models.insights.counting import Desk, shelf


def test_demand_by_hand() -> None:
    """Two of three titles are Crime; all that is watched is noir and war, three to one."""
    desk = Desk()
    for n in range(20):
        desk.stop(f"v{n}", 60, "noir", country="KR")
        desk.stop(f"v{n}", 20, "war", country="DE")
    found = disclosable_records(desk.demand, desk.stock)
    crime, dark = found["genre:Crime"], found["mood:dark||DE"]
    assert isinstance(crime, FacetDemand)
    assert isinstance(dark, FacetDemand)
    assert (crime.watch_share, crime.titles, crime.catalogue_share) == (0.75, 2, 0.6667)
    assert (crime.excess, crime.watch_minutes, crime.error_minutes) == (0.0833, 1200.0, 0.0)
    assert (dark.watch_share, dark.country, dark.titles) == (1.0, "DE", 2)
    assert "genre:Crime|director:Kim|mood:dark" in found
    assert "genre:Comedy" not in found


def test_rising_and_falling() -> None:
    """War for eight weeks, then noir for two days: noir rises, war falls, and all together stand still."""
    desk = Desk()
    for day in range(56):
        desk.stop("old", 60, "war", at=day * DAY_MS)
    for n in range(40):
        desk.stop(f"v{n}", 60, "war" if n < 20 else "noir", at=57 * DAY_MS)
    found: Any = disclosable_records(desk.demand, desk.stock)
    assert found["genre:Crime"].trend > 1.5
    assert found["genre:Drama"].trend < 0.9
    assert found["mood:dark"].trend == 1.0


def test_a_trend_needs_two_weeks() -> None:
    """Before, recent and usual demand are of the same days: none is published, rather than 1.00."""
    desk = Desk()
    for day in (0, 13):
        for n in range(20):
            desk.stop(f"v{n}", 60, "war", at=day * DAY_MS + n)
        found: Any = disclosable_records(desk.demand, desk.stock)
        assert found["genre:Drama"].trend is None
    desk.stop("v", 60, "war", at=14 * DAY_MS)
    found = disclosable_records(desk.demand, desk.stock)
    assert found["genre:Drama"].trend == 1.0


def test_searches_in_vain() -> None:
    """30 viewers search for what is not there; 25 for what is, and watch it."""
    desk = Desk()
    for n in range(30):
        desk.feed(Search, f"v{n}", query="heist", result_count=0)
    for n in range(25):
        desk.feed(Search, f"w{n}", query="noir", result_count=2, clicked_title_id="noir")
        desk.stop(f"w{n}", 30, at=60_000 + 1_800_000)
    for n in range(19):
        desk.feed(Search, f"x{n}", query="my own name", result_count=0)
    found: Any = disclosable_records(desk.demand, desk.stock)
    assert (found["search|heist"].searches, found["search|heist"].without_result) == (30, 30)
    assert found["search|heist"].watches is None
    assert (found["search|noir"].without_result, found["search|noir"].watches) == (None, 25)
    assert "search|my own name" not in found


def test_what_serves_a_cohort() -> None:
    """Drama's viewers finish noir and leave farce: noir serves them."""
    desk = Desk()
    for n in range(60):
        desk.stop(f"v{n}", 99, "war")
        desk.stop(f"v{n}", 95, "noir")
        desk.stop(f"v{n}", 95 if n < 30 else 10, "farce")
    found = disclosable_records(desk.demand, desk.stock)["cohort|Drama"]
    assert isinstance(found, CohortDemand)
    assert [(one.title_id, one.viewers, one.finished) for one in found.titles] == [
        ("noir", 60, 60),
        ("farce", 60, 30),
    ]


def test_the_origin_of_the_weights_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares and order are the same whether it moved or not, and weights never overflow."""
    found = []
    for limit in (256.0, 0.5):
        monkeypatch.setattr(demand_module, "REBASE", limit)
        desk = Desk()
        for n in range(40):
            desk.stop(f"v{n}", 60, "war" if n % 3 else "noir", at=n * DAY_MS * 5)
        found.append(disclosable_records(desk.demand, desk.stock))
    assert found[0] == found[1]


def test_the_stock_counts_titles_where_they_are_shown() -> None:
    """By tags and country; a series is its episodes; a withdrawn title is gone; the last record counts."""
    stock = shelf()
    only = Availability(countries=("KR",))
    stock.put(Title(title_id="local", tags=Tags(genre=("Crime",)), availability=only))
    stock.put(Title(title_id="whole", kind=TitleKind.SERIES, tags=Tags(genre=("Crime",))))
    assert [stock.count(["genre:Crime"], country) for country in ("", "KR", "DE")] == [3, 3, 2]
    assert stock.count(()) == 4
    stock.put(Title(title_id="local", tags=Tags(genre=("Drama",))))
    stock.withdraw("noir")
    assert (stock.count(["genre:Crime"]), stock.count(["genre:Drama"], "DE"), stock.count(())) == (1, 2, 3)


def test_combinations_are_bounded() -> None:
    """The fullest title has less than 200, each of different kinds, and triples have a genre."""
    full = CatalogSnapshot()
    words = tuple("abcdefgh")
    full.put(Title(title_id="t", tags=Tags(**dict.fromkeys(("genre", "mood", "cast", "director"), words))))
    found = combined(full.labels("t"))
    assert len(found) == len(set(found)) < 200
    for some in found:
        kinds = [label.partition(":")[0] for label in some]
        assert len(set(kinds)) == len(kinds) <= 3
        assert len(kinds) < 3 or kinds[0] == "genre"
