"""Insights over HTTP: bytes as published, the same as CSV, and pages that hide small groups."""

import csv
import io

import pytest

from online_models.insights.sorting import Order
from schemas import topics
from schemas.codec import encode
from schemas.insights import (
    CohortDemand,
    CurvePoint,
    FacetDemand,
    GroupInsight,
    SearchDemand,
    ServedTitle,
    Steepest,
    TitleInsight,
    Wanted,
)
from streams.ops.insights import demand_csv
from tests.streams.serve.conftest import served
from tests.streams.serve.stand import Stand
from tests.streams.steps import T0

TIDE = TitleInsight(
    title_id="tide", at_ms=T0, viewers=640, starts=702, watch_minutes=41_210.5,
    curve=tuple(
        CurvePoint(minute=minute, viewers=viewers)
        for minute, viewers in ((0, 640), (2, 590), (12, 570), (41, 540), (44, 430), (96, 405))
    ),
    steepest=Steepest(minute=41, until=44, viewers=110), finished=405, thumbs_up=120, from_search=77,
    countries=(GroupInsight(name="DE", viewers=400, starts=450, watch_minutes=27_000.0, finished=260),),
)  # fmt: skip
ENGINE = TitleInsight(
    title_id="engine", at_ms=T0, viewers=20, starts=20, watch_minutes=200.0,
    curve=(CurvePoint(minute=0, viewers=20),),
)  # fmt: skip


def facet(
    key: str, watched: float, shown: float, trend: float = 1.0, country: str | None = None
) -> FacetDemand:
    """Make a combination."""
    return FacetDemand(
        key=key, labels=tuple(key.partition("||")[0].split("|")), country=country, at_ms=T0, titles=9,
        watch_minutes=1_000 * watched, error_minutes=0.0, watch_share=watched, catalogue_share=shown,
        excess=round(watched - shown, 4), trend=trend,
    )  # fmt: skip


DEMAND = (
    facet("genre:Drama", 0.11, 0.2),
    facet("genre:Drama|mood:tender", 0.1, 0.01),
    facet("genre:Crime|mood:dark", 0.12, 0.015, 1.31),
    facet("genre:Comedy", 0.2, 0.4, 0.8),
    facet("genre:Comedy||KR", 0.3, 0.4, country="KR"),
    SearchDemand(key="search|=heist", query="=heist", at_ms=T0, searches=140, without_result=96),
    SearchDemand(key="search|tide", query="tide", at_ms=T0, searches=200, watches=180),
    CohortDemand(
        key="cohort|Crime", cohort="Crime", at_ms=T0,
        titles=(
            ServedTitle(title_id="tide", viewers=210, finished=170, watch_minutes=9.0, error_minutes=0.0),
        ),
    ),
)  # fmt: skip


def fill(stand: Stand) -> None:
    """Write insights of two titles, and demand."""
    for one in (TIDE, ENGINE):
        stand.put(topics.INSIGHTS_TITLES, one.title_id, encode(one))
    for wanted in DEMAND:
        stand.put(topics.INSIGHTS_DEMAND, wanted.key, encode(wanted))


def lines(text: str) -> list[list[str]]:
    """Read a table."""
    return list(csv.reader(io.StringIO(text)))


def test_insights_over_http(stand: Stand) -> None:
    """Records as they were published; what nobody may know is not found; orders; tables; pages."""
    fill(stand)
    with served(stand) as client:
        one = client.get("/v1/insights/titles/tide")
        assert one.content == encode(TIDE)
        again = client.get("/v1/insights/titles/tide", headers={"If-None-Match": one.headers["etag"]})
        assert again.status_code == 304
        missing = client.get("/v1/insights/titles/coast")
        assert (missing.status_code, "20 viewers" in missing.json()["detail"]) == (404, True)
        top = client.get("/v1/insights/titles").json()["items"]
        assert [item["title_id"] for item in top] == ["tide", "engine"]
        assert len(client.get("/v1/insights/titles?limit=1").json()["items"]) == 1

        wanted = client.get("/v1/insights/demand").json()
        scarce = ["genre:Crime|mood:dark", "genre:Drama|mood:tender", "genre:Drama", "genre:Comedy"]
        assert [item["key"] for item in wanted["facets"]] == scarce
        assert [item["query"] for item in wanted["searches"]] == ["=heist", "tide"]
        falling = client.get("/v1/insights/demand?order=falling").json()["facets"]
        assert falling[0]["key"] == "genre:Comedy"
        abroad = client.get("/v1/insights/demand?country=KR").json()["facets"]
        assert [item["key"] for item in abroad] == ["genre:Comedy||KR"]
        assert client.get("/v1/insights/demand?order=backwards").status_code == 422

        for table in (
            client.get("/v1/insights/titles", headers={"Accept": "text/csv"}),
            client.get("/v1/insights/titles?format=csv"),
        ):
            assert table.headers["content-type"].startswith("text/csv")
            assert lines(table.text)[1][:5] == ["tide", "640", "702", "41210.5", "405"]
        curve = lines(client.get("/v1/insights/titles/tide?format=csv").text)
        assert ["minute", "44", "430", "", "", ""] in curve
        assert ["country", "DE", "400", "450", "27000.0", "260"] in curve
        demand = lines(client.get("/v1/insights/demand?format=csv").text)
        assert {len(line) for line in demand} == {len(demand[0])}
        assert demand[1][:2] == ["facets", "genre:Crime & mood:dark"]
        assert ["search", "'=heist"] in [line[:2] for line in demand]

        page = " ".join(client.get("/console/titles?id=tide").text.split())
        assert "Most leave between <b>minute 41 and 44</b>: 110 viewers, 17 %." in page
        assert '<rect class="steep"' in page
        assert "minute 44 67 per cent" in page
        demand_page = " ".join(client.get("/console/insights").text.split())
        assert demand_page.index("Crime") < demand_page.index("Comedy")
        assert "=heist" in demand_page
        assert "81 % of 210" in demand_page
        assert "wider combination says the same" in demand_page
        assert "↑ 1.31" in demand_page
        for order in Order:
            assert client.get(f"/console/insights?order={order}&country=KR").status_code == 200


def test_without_insights_pages_say_why(stand: Stand) -> None:
    """Nobody counts: the page names the command."""
    with served(stand) as client:
        assert "nearline insights worker" in client.get("/console/insights").text
        assert "nearline insights worker" in client.get("/console/titles?id=tide").text
        assert client.get("/v1/insights/demand").json() == {"facets": [], "searches": [], "cohorts": []}


@pytest.mark.parametrize("word", ["=1+1", "+1", "-1", "@x"])
def test_words_stay_words_in_a_spreadsheet(word: str) -> None:
    """What viewers typed is never computed."""
    search = SearchDemand(key=f"search|{word}", query=word, at_ms=T0, searches=20)
    assert f"'{word}" in demand_csv(Wanted(facets=(), searches=(search,), cohorts=()))
