"""`nearline insights titles | demand`: tables, CSV and JSON of what was published."""

import json
from pathlib import Path

import pytest

from schemas import Title, topics
from schemas.codec import encode
from schemas.insights import CurvePoint, FacetDemand, GroupInsight, SearchDemand, Steepest, TitleInsight
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka.produce import put
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.streams.steps import T0

TIDE = TitleInsight(
    title_id="tide", at_ms=T0, viewers=60, starts=62, watch_minutes=900.5, finished=40, thumbs_up=25,
    curve=tuple(CurvePoint(minute=m, viewers=left) for m, left in ((0, 60), (40, 60), (44, 40))),
    steepest=Steepest(minute=40, until=44, viewers=20),
    countries=(GroupInsight(name="DE", viewers=40, starts=41, watch_minutes=700.0, finished=30),),
)  # fmt: skip
CRIME = FacetDemand(
    key="genre:Crime", labels=("genre:Crime",), at_ms=T0, watch_minutes=900.0, error_minutes=0.0,
    watch_share=0.3, titles=9, catalogue_share=0.1, excess=0.2, trend=1.4,
)  # fmt: skip
HEIST = SearchDemand(key="search|heist", query="heist", at_ms=T0, searches=140, without_result=96)


@pytest.fixture
def where(embedded: EmbeddedCluster, topic_prefix: str) -> list[str]:
    """Give a cluster with insights of one title and some demand, as options."""
    names = (topics.INSIGHTS_TITLES, topics.INSIGHTS_DEMAND, topics.CATALOG)
    embedded.create([f"{topic_prefix}{name}" for name in names])
    settings = Settings(brokers=embedded.bootstrap_servers, topic_prefix=topic_prefix)
    put(settings, topics.INSIGHTS_TITLES, b"tide", encode(TIDE))
    put(settings, topics.CATALOG, b"tide", encode(Title(title_id="tide", name="Paper Tide")))
    for one in (CRIME, HEIST):
        put(settings, topics.INSIGHTS_DEMAND, one.key.encode(), encode(one))
    return ["--brokers", embedded.bootstrap_servers, "--prefix", topic_prefix]


def test_titles_as_a_table_and_as_csv(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A line a title; of one title its curve with the steepest step marked; CSV alone on standard output."""
    assert main(["insights", "titles", *where]) == 0
    told = capsys.readouterr().out
    assert "Paper Tide" in told
    assert "minute 40 to 44" in told
    assert main(["insights", "titles", "tide", *where]) == 0
    told = capsys.readouterr().out
    assert "67% ←" in told
    assert "DE" in told
    assert main(["insights", "titles", "tide", "--csv", "-", *where]) == 0
    assert capsys.readouterr().out.startswith("part,name,viewers")


def test_a_title_of_which_nothing_may_be_told(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The message says why and what to start."""
    assert main(["insights", "titles", "coast", *where]) == 1
    assert "fewer than 20 viewers" in " ".join(capsys.readouterr().err.split())


def test_demand_as_a_table_csv_and_json(
    where: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The same records in all forms."""
    assert main(["insights", "demand", "--csv", str(tmp_path / "demand.csv"), "--json", "-", *where]) == 0
    told = capsys.readouterr()
    assert [one["key"] for one in json.loads(told.out)["facets"]] == ["genre:Crime"]
    assert "heist" in told.err
    assert "facets,genre:Crime" in (tmp_path / "demand.csv").read_text(encoding="utf-8")
    assert main(["insights", "demand", "--country", "KR", "--json", "-", *where]) == 0
    assert json.loads(capsys.readouterr().out)["facets"] == []
