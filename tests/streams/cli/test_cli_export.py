"""`nearline export`: what is on the topics is in Parquet files, once, and ids leave only on purpose."""

import json
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from schemas import topics
from schemas.codec import encode
from schemas.events import Forget, Impression, Play
from schemas.fields import ItemReason, RowKind
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, ServedTitle
from schemas.pages import Home, Item, Row, Source
from streams.cli import main
from streams.config.settings import Settings
from streams.kafka.produce import put
from streams.ops.exports import runs
from streams.ops.exports.checkpoint import NAME, ExportCheckpoint
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.streams.cli.test_cli_insights import CRIME, HEIST, TIDE
from tests.streams.steps import T0

COHORT = CohortDemand(
    key="cohort|Crime", cohort="Crime", at_ms=T0,
    titles=(ServedTitle(title_id="tide", viewers=30, finished=22, watch_minutes=80.0, error_minutes=1.0),),
)  # fmt: skip


def a_home(viewer: str, seq: int) -> Home:
    """Return a page of two rows and three titles."""
    rows = (
        Row(kind=RowKind.TOP_PICKS, reason=ItemReason.TASTE, items=(
            Item(title_id="a", score=1.5, because="genre:Crime"),
            Item(title_id="b", score=1.0, reason=ItemReason.TRENDING, propensity=0.25),
        )),
        Row(kind=RowKind.TRENDING_NOW, items=(Item(title_id="c", score=0.5),)),
    )  # fmt: skip
    return Home(
        viewer_id=viewer, list_id=f"0-{seq}-{seq}", seq=seq, generated_at_ms=T0 + seq, expires_at_ms=T0 + 10,
        model_version="1@x", source=Source(topic="t", partition=0, offset=seq), rows=rows,
    )  # fmt: skip


@pytest.fixture
def settings(embedded: EmbeddedCluster, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give settings for a fresh cluster with topics; commands find it by the environment."""
    embedded.create([f"{topic_prefix}{name}" for name in topics.TOPICS])
    monkeypatch.setenv("NEARLINE_BROKERS", embedded.bootstrap_servers)
    monkeypatch.setenv("NEARLINE_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("NEARLINE_CHECK_CRCS", "false")
    return Settings.load()


def _page(settings: Settings, viewer: str, seq: int | None) -> None:
    """Publish a page, or a tombstone."""
    put(settings, topics.HOME, viewer.encode(), None if seq is None else encode(a_home(viewer, seq)))


def _export(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["export", *map(str, words), "--json", "-"]) == code
    found = capsys.readouterr()
    document: dict[str, Any] = json.loads(found.out) if code == 0 else {"error": " ".join(found.err.split())}
    return document


def _rows(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ds.dataset(folder, format="parquet").to_table().to_pylist()
    return sorted(rows, key=lambda row: (row["list_id"], row["row"], row["slot"]))


@pytest.mark.embedded
def test_pages_are_rows_of_titles(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every title with its place and reason, that of its row if it has none; no id of a viewer by default."""
    _page(settings, "ada", 1)
    done = _export(capsys, "pages", "--to", tmp_path / "pages")
    assert (done["records"], done["rows"], done["files"], done["unusable"]) == (1, 3, 1, 0)
    rows = _rows(tmp_path / "pages")
    assert [(r["row_kind"], r["slot"], r["title_id"], r["reason"], r["propensity"]) for r in rows] == [
        ("top_picks", 0, "a", "taste", None),
        ("top_picks", 1, "b", "trending", 0.25),
        ("trending_now", 0, "c", None, None),
    ]
    assert {r["viewer_id"] for r in rows} == {None}
    assert b"ada" not in b"".join(file.read_bytes() for file in (tmp_path / "pages").rglob("*.*"))


@pytest.mark.embedded
def test_an_export_goes_on_where_the_last_one_ended(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """New records only; one that died before its checkpoint leaves nothing twice."""
    for seq in (1, 2):
        _page(settings, "ada", seq)
    command = ("pages", "--to", tmp_path, "--viewers", "plain")
    assert _export(capsys, *command)["rows"] == 6
    assert _export(capsys, *command)["records"] == 0
    _page(settings, "ada", 3)
    saved = 0

    def save(self: ExportCheckpoint, folder: Path) -> None:
        nonlocal saved
        saved += 1
        if saved == 2:  # the files are there
            raise KeyboardInterrupt
        original(self, folder)

    original = ExportCheckpoint.save
    monkeypatch.setattr(ExportCheckpoint, "save", save)
    with pytest.raises(KeyboardInterrupt):
        runs.export_pages(runs.ExportPlan(settings, tmp_path, runs.ViewerIds.PLAIN))
    monkeypatch.undo()
    monkeypatch.setenv("NEARLINE_BROKERS", settings.brokers)
    monkeypatch.setenv("NEARLINE_TOPIC_PREFIX", settings.topic_prefix)
    _page(settings, "ada", 4)
    _export(capsys, *command)
    assert [row["seq"] for row in _rows(tmp_path) if row["slot"] == 1] == [1, 2, 3, 4]


@pytest.mark.embedded
def test_a_viewer_who_is_forgotten_is_named_and_not_exported(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is read together with the request is left out; what was exported before can be deleted by it."""
    (tmp_path / "key").write_bytes(bytes(range(32)))
    command = ("pages", "--to", tmp_path / "out", "--viewers", "pseudonyms", "--key", tmp_path / "key")
    _page(settings, "ada", 1)
    _page(settings, "bo", 1)
    _export(capsys, *command)
    before = {row["viewer_id"] for row in _rows(tmp_path / "out")}
    assert len(before) == 2
    assert not before & {"ada", "bo"}
    _page(settings, "ada", 2)
    _page(settings, "ada", None)
    done = _export(capsys, *command)
    assert (done["rows"], done["forgotten"]) == (0, 1)
    gone = {row["viewer_id"] for row in ds.dataset(tmp_path / "out/_forgotten").to_table().to_pylist()}
    assert len(gone) == 1
    assert gone < before
    assert len(_rows(tmp_path / "out")) == 6  # readers of the folder skip what begins with an underscore


@pytest.mark.embedded
def test_exposures_are_impressions(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Impressions with place and probability; no other event, no undecodable one, nobody who is forgotten."""
    shown: dict[str, Any] = {"event_time_ms": T0, "list_id": "0-1-1", "row": 0, "slot": 2, "title_id": "a"}
    for event in (
        Impression(
            event_id="1", viewer_id="ada", propensity=0.5, row_kind=RowKind.TRENDING_NOW, device="tv", **shown
        ),
        Impression(event_id="2", viewer_id="bo", **shown),
        Play(event_id="3", viewer_id="ada", event_time_ms=T0, title_id="a"),
        Forget(event_id="4", viewer_id="bo", event_time_ms=T0),
    ):
        put(settings, topics.EVENTS, event.viewer_id.encode(), encode(event))
    put(settings, topics.EVENTS, b"ada", b'{"type":"impression"}')
    done = _export(capsys, "exposures", "--to", tmp_path, "--viewers", "plain")
    assert (done["records"], done["rows"], done["forgotten"], done["unusable"]) == (5, 1, 1, 1)
    (row,) = _rows(tmp_path)
    assert (row["event_id"], row["viewer_id"], row["row_kind"], row["slot"]) == (
        "1",
        "ada",
        "trending_now",
        2,
    )
    assert (row["propensity"], row["device"], row["at"].timestamp() * 1000) == (0.5, "tv", T0)


@pytest.mark.embedded
def test_insights_are_four_tables(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that is published, as it is now; a second export replaces the first."""
    put(settings, topics.INSIGHTS_TITLES, b"tide", encode(TIDE))
    demand: tuple[FacetDemand | SearchDemand | CohortDemand, ...] = (CRIME, HEIST, COHORT)
    for one in demand:
        put(settings, topics.INSIGHTS_DEMAND, one.key.encode(), encode(one))
    for _ in range(2):
        assert _export(capsys, "insights", "--to", tmp_path)["rows"] == 1 + len(TIDE.curve) + 1 + 3
    read = {
        name: pq.read_table(tmp_path / f"{name}.parquet").to_pylist()
        for name in ("titles", "groups", "demand")
    }
    assert (read["titles"][0]["viewers"], read["titles"][0]["thumbs_up"]) == (60, 25)
    assert (read["groups"][0]["kind"], read["groups"][0]["name"]) == ("country", "DE")
    by_type = {row["type"]: row for row in read["demand"]}
    assert by_type["facets"]["labels"] == ["genre:Crime"]
    assert (by_type["search"]["query"], by_type["search"]["without_result"]) == ("heist", 96)
    assert (by_type["cohort"]["cohort"], by_type["cohort"]["title_id"], by_type["cohort"]["finished"]) == (
        "Crime", "tide", 22,
    )  # fmt: skip


@pytest.mark.embedded
def test_a_folder_takes_no_other_export(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another rule for ids, another topic, a topic made anew: the message names it."""
    _page(settings, "ada", 1)
    _export(capsys, "pages", "--to", tmp_path)
    told = _export(capsys, "pages", "--to", tmp_path, "--viewers", "plain", code=2)["error"]
    assert "another rule for viewers' ids" in told
    assert "another topic" in _export(capsys, "exposures", "--to", tmp_path, code=2)["error"]
    text = (tmp_path / NAME).read_text().replace(": 1", ": 99")
    (tmp_path / NAME).write_text(text)
    assert "was made anew" in _export(capsys, "pages", "--to", tmp_path, code=2)["error"]


def test_pseudonyms_need_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str], nowhere: str) -> None:
    """Without one, with one that is too short, or one that nothing uses: refused before a broker is asked."""
    (tmp_path / "short").write_bytes(b"x" * 15)
    to = ("pages", "--to", tmp_path, "--brokers", nowhere)
    assert "need a key" in _export(capsys, *to, "--viewers", "pseudonyms", code=2)["error"]
    assert "15 bytes" in _export(capsys, *to, "--key", tmp_path / "short", code=2)["error"]
    (tmp_path / "long").write_bytes(b"x" * 16)
    assert "need no key" in _export(capsys, *to, "--key", tmp_path / "long", code=2)["error"]
