"""`nearline inspect`: what the topics say, in tables and in JSON."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from online_models.learners.title_side import shard_of
from online_models.tables.titles import title_key
from schemas import MyList, Preferences, Rate, Title, topics
from schemas.codec import encode
from schemas.events import ListAction
from schemas.partitioner import partition_for
from streams.cli import main
from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.engine.stage import Outcome
from streams.kafka import scan as topic_scan
from streams.kafka.clients import producer
from streams.ops.local_kafka.embedded import PARTITIONS, EmbeddedCluster
from tests.streams.steps import T0, Line, watch


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedCluster]:
    """Give a cluster that holds what both stages wrote about a small crowd."""
    with EmbeddedCluster() as cluster:
        cluster.create([topics.VIEWER_STATE, topics.TITLE_MODEL, topics.HOME, topics.CATALOG, topics.EVENTS])
        writer = producer(cluster.bootstrap_servers)

        def put(topic: str, key: bytes, value: bytes | None, partition: int) -> None:
            writer.produce(topic, key=key, value=value, partition=partition)

        def publish(outcome: Outcome, learned: list[Outcome]) -> None:
            for key, value in outcome.rows:
                put(topics.VIEWER_STATE, key, value, partition_for(key, PARTITIONS))
            for page in outcome.outputs.get((topics.HOME, 0), []):
                put(topics.HOME, page["key"], page["value"], partition_for(page["key"], PARTITIONS))
            for key, value in (row for one in learned for row in one.rows):
                put(topics.TITLE_MODEL, key, value, 0)

        line = Line()
        crowd = [watch(f"v{v}", f"t{(v + k) % 6}", 3 * v + k) for v in range(12) for k in range(2)]
        told = Preferences(event_id="p", viewer_id="ada", event_time_ms=T0, maturity=12, languages=("hi",))
        wish = MyList(
            event_id="m", viewer_id="ada", event_time_ms=T0 + 6, title_id="t5", action=ListAction.ADD
        )
        down = Rate(event_id="r", viewer_id="ada", event_time_ms=T0 + 5, title_id="t4", stars=1.0)
        ada = [told], [watch("ada", "t1", 1, country="IN"), down, wish], [watch("ada", "[red]", 9)]
        for batch in (crowd, *ada, [watch("v4", "t3", 9)], [watch("v4", "t2", 10)]):
            records = line.records(batch)
            for record in records:
                put(topics.EVENTS, record.key, record.value, 0)
            outcome = line.step(records)
            publish(outcome, line.learn(outcome))
        film = Title(title_id="t1", name="The First", maturity=6)
        put(topics.CATALOG, b"t1", encode(film), partition_for(b"t1", PARTITIONS))
        put(topics.CATALOG, b"new", encode(Title(title_id="new")), partition_for(b"new", PARTITIONS))
        put(topics.VIEWER_STATE, APPLIED_KEY, pack_applied(41), 2)
        assert writer.flush(10) == 0
        yield cluster


def _inspect(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run the command and read its JSON."""
    assert main(["inspect", *words, "--brokers", cluster.bootstrap_servers, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_viewer(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """State and page of a viewer, newest title first, with what was not liked."""
    found = _inspect(cluster, capsys, "viewer", "ada")
    assert (found["positives"], found["known"], found["last_page"]) == (2, 3, 3)
    assert (found["country"], found["maturity_limit"]) == ("IN", 12)
    assert found["partition"] == partition_for(b"ada", PARTITIONS)
    assert found["last_event"] == "2023-11-14T22:13:20+00:00"
    assert found["recent"] == [
        {"title_id": "[red]", "liked": True},
        {"title_id": "t4", "liked": False},
        {"title_id": "t1", "liked": True},
    ]
    assert [(one["title_id"], one["weight"]) for one in found["rejected"]] == [("t4", 1.0)]
    assert found["page"]["seq"] == 3
    assert found["page"]["viewer_id"] == "ada"
    assert (found["language"], found["my_list"]) == ("hi", ["t5"])
    assert [(one["title_id"], one["weight"]) for one in found["loved"]] == [("[red]", 1.5), ("t1", 1.5)]


def test_titles_have_their_names(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """In the tables for people, with the id; the id alone where the catalog has no name."""
    for words in (["viewer", "ada"], ["title", "t2"]):
        assert main(["inspect", *words, "--brokers", cluster.bootstrap_servers]) == 0
        shown = capsys.readouterr().out
        assert "The First (t1)" in shown
        assert "t1" not in shown.replace("(t1)", "")


def test_what_the_newest_page_changed(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """The event, the page before, and rows by their places; a table for people."""
    found = _inspect(cluster, capsys, "viewer", "v4", "--diff")
    assert (found["seq"], found["former"]) == (3, 2)
    assert (found["event"]["type"], found["event"]["title_id"]) == ("stop", "t2")
    rows = {row["kind"]: row for row in found["rows"]}
    assert (rows["top_picks"]["was"], rows["top_picks"]["now"]) == (1, 1)
    assert rows["top_picks"]["left"] == ["t2"]
    assert main(["inspect", "viewer", "v4", "--diff", "--brokers", cluster.bootstrap_servers]) == 0
    assert "Top picks for you" in capsys.readouterr().out
    assert main(["inspect", "viewer", "nobody", "--diff", "--brokers", cluster.bootstrap_servers]) == 1
    assert "spelling" in capsys.readouterr().err


def test_only_the_viewers_partition_is_read(
    cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of state and pages, one partition each."""
    asked: list[tuple[str, list[int]]] = []
    real = topic_scan.read

    def noted(settings: Any, topic: str, starts: Any) -> Any:
        asked.append((topic, list(starts)))
        return real(settings, topic, starts)

    monkeypatch.setattr("streams.kafka.scan.read", noted)
    _inspect(cluster, capsys, "viewer", "ada")
    home = [partition_for(b"ada", PARTITIONS)]
    assert (topics.VIEWER_STATE, home) in asked
    assert (topics.HOME, home) in asked
    assert (topics.TITLE_MODEL, [0]) in asked


def test_a_title(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Counters, neighbours by name with the strongest first, and the catalog's record."""
    found = _inspect(cluster, capsys, "title", "t1")
    assert (found["positives"], found["rejections"], found["touches"]) == (5, 0, 0)
    assert {one["title_id"] for one in found["neighbours"]} == {"t0", "t2", "[red]"}
    weights = [one["weight"] for one in found["neighbours"]]
    assert weights == sorted(weights, reverse=True)
    assert found["catalog"] == {"title_id": "t1", "name": "The First", "maturity": 6}
    assert set(found["trending"]) == {"3600.0", "86400.0", "604800.0"}
    assert shard_of(np.array([title_key("t1")], np.uint64), 1)[0] == found["partition"]


def test_a_title_that_nobody_watched(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """The catalog alone is an answer."""
    found = _inspect(cluster, capsys, "title", "new")
    assert found["catalog"] == {"title_id": "new"}
    assert "positives" not in found


def test_the_state(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows by partition add up to viewers and titles; the stage's own records are not rows."""
    found = _inspect(cluster, capsys, "state")["partitions"]
    rows = {
        stage: sum(part["rows"] for part in found if part["stage"] == stage)
        for stage in ("viewers", "titles")
    }
    assert rows == {"viewers": 13, "titles": 7}
    assert [part["applied"] for part in found if part["stage"] == "viewers"] == [-1, -1, 41, -1]


def test_tables_show_ids_as_they_are(cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like markup is an id; every kind has a table for people."""
    for words in (["viewer", "ada"], ["title", "t1"], ["title", "t2"], ["title", "new"], ["state"]):
        assert main(["inspect", *words, "--brokers", cluster.bootstrap_servers]) == 0
    said = capsys.readouterr().out
    assert "[red]" in said
    for word in (
        "watched together with",
        "no viewer has watched it yet",
        "not in the catalog",
        "page 3",
        "my list",
    ):
        assert word in said


@pytest.mark.parametrize("words", [["viewer", "nobody"], ["title", "nothing"]])
def test_what_is_unknown_is_an_error_with_a_next_step(
    cluster: EmbeddedCluster, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """Code 1, and what to look at."""
    assert main(["inspect", *words, "--brokers", cluster.bootstrap_servers]) == 1
    said = capsys.readouterr().err
    assert words[1] in said
    assert "spelling" in said


def test_missing_topics_are_told(embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 1 and the command that makes them."""
    assert main(["inspect", "viewer", "x", "--brokers", embedded.bootstrap_servers]) == 1
    assert "topics apply" in capsys.readouterr().err


def test_no_broker_is_code_3(nowhere: str) -> None:
    """A closed port is the broker's matter."""
    assert main(["inspect", "state", "--brokers", nowhere]) == 3
