"""`nearline replay`: a file of ratings through the embedded cluster, with and without a worker."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas import Rate
from schemas.codec import decode_event
from schemas.topics import CATALOG, EVENTS, prefixed
from streams.cli import main
from streams.kafka.clients import TopicPartition, consumer
from streams.ops.local_kafka.embedded import EmbeddedCluster

KEYS = {
    "events", "lists", "dead_letters", "seconds", "events_per_s", "lists_per_s",
    "freshness_ms", "held_back_ms", "hr@10", "tested", "replica_age_events",
}  # fmt: skip
RATINGS = 600


@pytest.fixture
def ratings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give 600 ratings as RecBole writes them: 30 viewers of two tastes, each rates 20 of 40 titles once."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(4)
    lines = ["user_id:token\titem_id:token\trating:float\ttimestamp:float\n"]
    for at, pair in enumerate(rng.permutation(RATINGS).tolist()):
        viewer, title = pair % 30, pair // 30 + 20 * (pair % 2)
        lines.append(f"{viewer}\t{title}\t{int(rng.integers(3, 6))}\t{880_000_000 + at}\n")
    path = tmp_path / "tiny.inter"
    path.write_text("".join(lines))
    return path


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Replay and read standard output, which must hold the document and nothing else."""
    assert main(["replay", *words, "--json", "-"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(document) == KEYS
    return document


@pytest.mark.slow
@pytest.mark.embedded
def test_every_event_is_answered_and_tested(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists, freshness and hit rates of all ratings; the worker's folder is gone afterwards."""
    words = ("--ratings", str(ratings), "--embedded", "--speed", "100/s", "--feedback", "all")
    document = _run(capsys, *words)
    assert (document["events"], document["dead_letters"]) == (RATINGS, 0)
    assert 0 < document["lists"] <= RATINGS
    assert 0 < document["freshness_ms"]["p50"] <= document["freshness_ms"]["p99"]
    assert document["tested"] > 0
    assert 0 <= document["hr@10"]["blend"] <= 1
    assert 0 <= document["hr@10"]["popularity"] <= 1
    assert document["seconds"] >= RATINGS / 100 - 0.1
    assert not list((ratings.parent / ".nearline").iterdir())


def test_without_a_worker_the_events_are_on_the_topic(
    embedded: EmbeddedCluster, ratings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Positives only, as ratings, with the file's own times, and its titles beside them."""
    brokers = embedded.bootstrap_servers
    words = ("--ratings", str(ratings), "--brokers", brokers, "--prefix", "r.", "--no-worker")
    document = _run(capsys, *words)
    assert document["lists"] is None
    assert document["hr@10"] == {"blend": None, "popularity": None}
    events = [decode_event(value) for value in _values(brokers, f"r.{EVENTS}")]
    assert document["events"] == len(events) < RATINGS
    assert all(isinstance(event, Rate) and (event.stars or 0) >= 4 for event in events)
    assert min(event.event_time_ms for event in events) >= 880_000_000_000
    assert len(_values(brokers, f"r.{CATALOG}")) == 40


def _values(brokers: str, topic: str) -> list[bytes]:
    """Read a topic of the embedded cluster."""
    reader = consumer(brokers)
    parts = [TopicPartition(topic, number, 0) for number in range(4)]
    count = sum(reader.get_watermark_offsets(part, timeout=60)[1] for part in parts)
    reader.assign(parts)
    found: list[bytes] = []
    while len(found) < count:
        found += [message.value() or b"" for message in reader.consume(count - len(found), timeout=60)]
    reader.close()
    return found


def test_a_limit_takes_the_first_ones(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--limit 10` replays the ten earliest."""
    words = ("--ratings", str(ratings), "--embedded", "--no-worker", "--limit", "10", "--feedback", "all")
    assert _run(capsys, *words)["events"] == 10


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["--speed", "20"], "2000/s"),
        (["--feedback", "some"], "positives or all"),
        (["--ratings", "absent.inter"], "give the path"),
    ],
)
def test_bad_usage_is_code_2(
    ratings: Path, words: list[str], advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong and what to write instead, before anything is started."""
    assert main(["replay", "--ratings", str(ratings), *words]) == 2
    said = capsys.readouterr().err
    assert advice in said
    assert words[1] in said


def test_a_file_that_is_none_of_ours_is_code_2(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A text file is no file of ratings; the cause and the next step are said."""
    ratings.write_text("this is\nno table\n")
    assert main(["replay", "--ratings", str(ratings), "--embedded"]) == 2
    said = capsys.readouterr().err
    assert ratings.name in said
    assert " next: " in said


def test_no_broker_is_code_3(nowhere: str, ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A closed port ends it before a worker is started."""
    assert main(["replay", "--ratings", str(ratings), "--brokers", nowhere]) == 3
    assert "nearline kafka start" in capsys.readouterr().err


def test_topics_of_a_prefix_are_made(
    embedded: EmbeddedCluster, ratings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs do not mix: without a prefix each gets one of its own."""
    words = ("--ratings", str(ratings), "--brokers", embedded.bootstrap_servers, "--no-worker")
    _run(capsys, *words)
    names = set(consumer(embedded.bootstrap_servers).list_topics(timeout=60).topics)
    (own,) = {name.removesuffix(EVENTS) for name in names if name.endswith(EVENTS)}
    assert own.startswith("replay-")
    assert {spec.name for spec in prefixed(own).values()} <= names
