"""Bytes in, bytes out, without a broker: four partitions of viewers and the titles between them."""

import numpy as np
import pytest

from online_models.config import CoWatchConfig, ModelConfig, RewardConfig
from online_models.learners.most_trending import MostTrending
from online_models.ranking.viewer_side import columns
from online_models.recommender import COLUMNS, Recommender
from online_models.simulation import World
from online_models.tables.hashing import hash_ids
from online_models.tables.titles import TitleTable
from schemas import Event, topics
from schemas.codec import decode_dead_letter, decode_event, decode_trending, encode
from schemas.fields import RowKind
from schemas.pages import Home
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from tests.streams.steps import watch
from tests.streams.town import Town

PARTITIONS = 4
EVENTS = 12_000


def _prequential(model: Recommender, events: list[Event]) -> tuple[dict[str, float], int]:
    """Test and learn in process, event by event; return hits by ranking, and the number of tests."""
    verdicts, ids = [], []
    for event in events:
        for n, verdict in enumerate(model.reward(event)):
            verdicts.append((event.viewer_id, verdict, event.event_time_ms))
            ids.append(f"{event.event_id}\0{n}" if n else event.event_id)
    ranks = model.prequential(columns(verdicts, hash_ids(ids)), np.ones(len(verdicts), np.int32))
    found = ranks[ranks[:, 0] >= 0]
    hits = {name: float((found[:, COLUMNS.index(name)] < 10).sum()) for name in ("blend", "popularity")}
    return hits, found.shape[0]


def _settings(shards: int) -> Settings:
    """Make the settings of every comparison: all events tested, room for every pair, a page with every batch.

    Quantiles of watch times are of one partition, so shares serve in their place.
    """
    model = ModelConfig(cowatch=CoWatchConfig(neighbours=256), reward=RewardConfig(quantile_from=10**9))
    return Settings(prequential_share=1.0, title_shards=shards, model=model, page_interval_s=0.0)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Give the events of a small world whose viewers have tastes."""
    return list(World(seed=3, viewers=400, titles=90, rate=50).take(EVENTS))


@pytest.fixture(scope="module")
def in_process(events: list[Event]) -> tuple[Recommender, dict[str, float], int]:
    """Give the recommender without Kafka after the events, its hit rates, and how many it tested."""
    model = Recommender(_settings(1).model)
    return model, *_prequential(model, events)


@pytest.fixture(scope="module", params=[1, 2], ids=["one shard", "two shards"])
def town(request: pytest.FixtureRequest, events: list[Event]) -> Town:
    """Give the town after the events."""
    town = Town(_settings(request.param))
    for event in events:
        town.produce(topics.EVENTS, event.viewer_id.encode(), encode(event))
    town.run()
    return town


def _neighbours(titles: TitleTable, name: str) -> dict[str, float]:
    """Return a title's neighbours by name."""
    row = titles.row(name)
    assert row is not None
    near, weights = titles.neighbours(row)
    return {titles.ids[t]: w for t, w in zip(near.tolist(), weights.tolist(), strict=True)}


def test_counters_are_exact(town: Town, in_process: tuple[Recommender, dict[str, float], int]) -> None:
    """Every title's watches, rejections, touches and decayed counts are those of one process."""
    ours, theirs = town.replica.titles, in_process[0].titles
    named = [t for t in theirs.ids if theirs.arrays.counts[theirs.row(t)].any()]
    assert len(named) > 60
    for name in ("counts", "watches", "trend"):
        expected = getattr(theirs.arrays, name)[[theirs.row(t) for t in named]]
        np.testing.assert_allclose(
            getattr(ours.arrays, name)[[ours.row(t) for t in named]], expected, rtol=1e-6
        )


def test_cowatch_is_exact(town: Town, in_process: tuple[Recommender, dict[str, float], int]) -> None:
    """Every pair of titles has the weight that one process gives it, whatever the partitions."""
    theirs = in_process[0].titles
    for name in theirs.ids:
        expected = _neighbours(theirs, name)
        if expected:
            assert _neighbours(town.replica.titles, name) == pytest.approx(expected, rel=1e-3)


def test_hit_rates_are_those_of_one_process(
    town: Town, in_process: tuple[Recommender, dict[str, float], int]
) -> None:
    """Ranked from a replica 200 events old: the same share of hits within three standard errors."""
    _, expected, tested = in_process
    quality = town.stage.quality
    assert quality.tested == tested
    for name, hits in expected.items():
        noise = 3 * (hits * (1 - hits / tested)) ** 0.5
        assert abs(quality.hits[name] - hits) < noise
    assert quality.hits["blend"] > 1.2 * quality.hits["popularity"]


def test_pages_are_current_and_numbered(
    town: Town, events: list[Event], in_process: tuple[Recommender, dict[str, float], int]
) -> None:
    """Seq grows by one a viewer's page, nobody is shown what they have, the cause is an event of theirs."""
    last: dict[str, Home] = {}
    for page in town.pages():
        assert page.seq == (last[page.viewer_id].seq if page.viewer_id in last else 0) + 1
        last[page.viewer_id] = page
        key, value = town.log[topics.EVENTS, page.source.partition][page.source.offset]
        assert key == page.viewer_id.encode()
        assert decode_event(value).viewer_id == page.viewer_id
    known = in_process[0].viewers.viewers
    for viewer, page in last.items():
        had = {title for title, _ in known.known(viewer)}
        offered = (row for row in page.rows if row.kind is not RowKind.CONTINUE_WATCHING)
        assert had.isdisjoint(item.title_id for row in offered for item in row.items)
    assert len(last) > 0.9 * len({event.viewer_id for event in events})


def test_the_trending_list_is_that_of_one_process(
    town: Town, in_process: tuple[Recommender, dict[str, float], int]
) -> None:
    """The newest list holds the same titles in the same order; with two shards there is none."""
    written = town.log[topics.TRENDING, partition_for(b"global", PARTITIONS)]
    if len(town.log[topics.SIGNALS, 1]):
        assert written == []
        return
    model = in_process[0]
    expected = MostTrending(model.titles, 1, 20).top(model.title_side.newest_ms())
    found = [(item.title_id, item.score) for item in decode_trending(written[-1][1]).items[:20]]
    assert found == [(title, pytest.approx(score, rel=1e-3)) for title, score in expected]


def test_nothing_is_owed_and_nothing_refused(town: Town) -> None:
    """Every signal came back, every partition had work, no record was a dead letter."""
    assert town.stage.lag.events() == 0
    assert all(town.log[topics.HOME, p] for p in range(PARTITIONS))
    assert not town.log[topics.DEAD_LETTERS, 0]


def test_rubbish_between_events_reaches_the_dead_letters_and_nothing_else() -> None:
    """Each bad record is one letter that names its place, and the good ones around it make pages."""
    town = Town(_settings(1))
    bad = [b"", b"{", b'{"type":"stop"}', b"\xff", None, b"[" * 200_000]
    for number, value in enumerate(bad):
        town.produce(topics.EVENTS, b"ada", value)
        event = watch("ada", f"t{number}", number)
        town.produce(topics.EVENTS, b"ada", encode(event))
    town.run()
    home = partition_for(b"ada", PARTITIONS)
    letters = [decode_dead_letter(value) for _, value in town.log[topics.DEAD_LETTERS, 0]]
    assert [(x.source.partition, x.source.offset) for x in letters] == [
        (home, 2 * n) for n in range(len(bad))
    ]
    assert [page.seq for page in town.pages()] == [1]
    assert town.pages()[0].source.offset == 2 * len(bad) - 1
