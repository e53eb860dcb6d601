"""Two sides that meet only in signals and packed rows do what one process does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog
from online_models.config import ModelConfig
from online_models.feedback.reward_function import Action
from online_models.learners import title_side
from online_models.learners.title_side import TitleSide, shard_of
from online_models.ranking.viewer_side import EventColumns, ViewerSide
from online_models.recommender import Recommender
from online_models.tables.tag_numbers import TagRows
from online_models.tables.titles import TitleTable

Row = tuple[str, str, int, float]
CONFIG = ModelConfig()
EAGER = ModelConfig(publish_drift=0.0)
"""Every movement is worth a record."""


def some_rows(n: int, seed: int = 0) -> list[Row]:
    """Draw positives, rejections and touches of 9 viewers on 60 titles."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice([Action.POSITIVE, Action.REJECT, Action.TOUCH], n, p=[0.8, 0.1, 0.1])
    return [
        (
            f"v{rng.integers(9)}",
            f"t{min(rng.geometric(0.04), 60)}",
            int(kind),
            float(rng.choice([0.5, 1.0, 2.0])),
        )
        for kind in kinds
    ]


def columns(rows: list[Row], first: int) -> EventColumns:
    """Turn rows into a batch whose event ids and times begin at ``first``."""
    viewers, titles, actions, weights = zip(*rows, strict=True)
    at = np.arange(first, first + len(rows))
    return EventColumns(viewers, titles, actions, weights, (1_000 * at).tolist(), (at + 1).astype(np.uint64))


class Apart:
    """A viewers' side on a replica, and title shards that hear of everything by signals."""

    def __init__(self, shards: int = 1, config: ModelConfig = CONFIG) -> None:
        self.replica = TitleTable(config)
        self.viewers = ViewerSide(self.replica, Catalog(self.replica))
        self.shards = [TitleSide(TitleTable(config), shard=s, shards=shards) for s in range(shards)]

    def learn(self, batch: EventColumns) -> None:
        """Observe, hand the signals over by key, absorb, and publish what changed."""
        signals, _ = self.viewers.observe(self.viewers.feedback(batch))
        for side in self.shards:
            table = side.titles
            table.intern(batch.titles)
            theirs = table.by_key(self.replica.arrays.key[: len(self.replica)])
            mine = signals.replace(
                title=theirs[signals.title], history=theirs[signals.history].astype(np.int32)
            )
            side.absorb(mine)
            rows = side.take_changed()
            rows = rows[side.owned()[rows] == 1]
            self.replica.load([table.ids[r] for r in rows], table.pack(rows))


def row_pairs(one: TitleTable, other: TitleTable) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the same titles in two tables."""
    names = [t for t in one.ids if t]
    return np.array([one.row(t) for t in names]), np.array([other.row(t) for t in names])


def neighbours(table: TitleTable, title: str) -> dict[str, float]:
    """Return a title's neighbours by name."""
    row = table.row(title)
    assert row is not None
    return {table.ids[j]: float(w) for j, w in zip(*table.neighbours(row), strict=True)}


def test_apart_is_together_when_the_replica_is_fresh() -> None:
    """With the replica loaded after each event: vectors within rounding, counts and weights exactly."""
    together, apart = Recommender(EAGER), Apart(config=EAGER)
    for k, row in enumerate(some_rows(250)):
        together.prequential(columns([row], k))
        apart.learn(columns([row], k))
    a, b = row_pairs(together.titles, apart.replica)
    one, other = together.titles.arrays, apart.replica.arrays
    assert np.array_equal(one.counts[a], other.counts[b])
    assert np.array_equal(one.watches[a], other.watches[b])
    assert np.array_equal(one.trend[a], other.trend[b])
    for title in together.titles.ids:
        assert neighbours(together.titles, title) == neighbours(apart.replica, title)
    learner = apart.shards[0].titles
    a, b = row_pairs(together.titles, learner)
    assert learner.arrays.out[b] == pytest.approx(one.out[a], abs=1e-5)
    assert learner.arrays.bias[b] == pytest.approx(one.bias[a], abs=1e-5)


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 1_000), st.integers(1, 60))
def test_three_shards_count_as_one(seed: int, size: int) -> None:
    """Counters, trends and co-watch rows depend neither on the shards nor on the replica's age."""
    one, three = Apart(1), Apart(3)
    rows = some_rows(180, seed)
    for k in range(0, len(rows), size):
        for side in (one, three):
            side.learn(columns(rows[k : k + size], k))
    a, b = row_pairs(one.replica, three.replica)
    for name in ("counts", "watches", "trend", "trend_at"):
        assert np.array_equal(getattr(one.replica.arrays, name)[a], getattr(three.replica.arrays, name)[b]), (
            name
        )
    for title in one.replica.ids:
        assert neighbours(one.replica, title) == neighbours(three.replica, title)


def test_shards_share_all_titles_once() -> None:
    """Every title has exactly one shard, and no shard is much larger than another."""
    keys = np.arange(2, 20_002, 2, dtype=np.uint64)
    shards = shard_of(keys, 3)
    assert np.bincount(shards).min() > 3_000
    assert shard_of(keys, 1).max() == 0


def test_owned_grows_with_the_table() -> None:
    """New titles are shared out as they come; what was owned stays so."""
    sides = [TitleSide(TitleTable(CONFIG), shard=s, shards=3) for s in range(3)]
    for n in (10, 10, 2_000):
        for side in sides:
            side.titles.intern([f"t{k}" for k in range(n)])
        owned = np.stack([side.owned() for side in sides])
        assert owned.shape == (3, n)
        assert (owned.sum(axis=0) == 1).all()


def test_testing_live_teaches_the_same() -> None:
    """The worker's tested learning fills the same signals as the untested, and ranks what can be ranked."""
    rows = some_rows(200)
    sides = []
    for _ in range(2):
        table = TitleTable(CONFIG)
        side = ViewerSide(table, Catalog(table))
        signals, _ = side.observe(side.feedback(columns(rows, 0)))
        TitleSide(table).absorb(signals)
        sides.append(side)
    more = columns(some_rows(100, seed=9), 1_000)
    plain, _ = sides[0].observe(sides[0].feedback(more))
    tested, ranks = sides[1].observe_tested(sides[1].feedback(more), np.ones(100, np.int32))
    for name, one in plain.as_dict().items():
        if name != "history":
            assert np.array_equal(one, getattr(tested, name)), name
    assert ((ranks >= 0) & (ranks < 60)).any()
    assert np.array_equal(sides[0].viewers.arrays.taste, sides[1].viewers.arrays.taste)


def test_what_changed_is_what_is_published() -> None:
    """A positive's title and history and a rejected title are worth a record, untouched ones are not."""
    table = TitleTable(CONFIG)
    viewers, titles = ViewerSide(table, Catalog(table)), TitleSide(table)
    signals, _ = viewers.observe(
        viewers.feedback(columns([(f"v{n}", f"t{n}", 1, 1.0) for n in range(300)], 0))
    )
    titles.absorb(signals)
    table.pack(titles.take_changed())
    rows = [("v0", "t1", 1, 1.0), ("v5", "t6", 2, 1.0), ("v7", "t8", 3, 0.1)]
    signals, _ = viewers.observe(viewers.feedback(columns(rows, 300)))
    titles.absorb(signals)
    changed = {table.ids[r] for r in titles.take_changed()}
    assert {"t0", "t1", "t6", "t8"} <= changed
    assert len(changed) < 60


def test_rows_for_drift_alone_are_a_quarter_of_the_named_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that names many titles writes few others: the replicas read every row."""
    monkeypatch.setattr(title_side, "MOST_DRIFTED", 4)
    table = TitleTable(EAGER)
    viewers, titles = ViewerSide(table, Catalog(table)), TitleSide(table)
    every = [(f"v{n}", f"t{n}", 1, 1.0) for n in range(60)]
    signals, _ = viewers.observe(viewers.feedback(columns(every, 0)))
    titles.absorb(signals)
    table.pack(titles.take_changed())
    table.load_tags(TagRows(["genre:Drama"], np.ones((1, EAGER.width + 2), np.float32)))
    signals, _ = viewers.observe(
        viewers.feedback(columns([(f"w{n}", f"t{n}", 1, 1.0) for n in range(32)], 60))
    )
    titles.absorb(signals)
    named = {*map(table.row, (f"t{n}" for n in range(32)))}
    assert len({*table.changed().tolist()} - named) > 8
    assert len({*titles.take_changed().tolist()} - named) == 8


def test_of_what_drifted_the_farthest_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What signals and labels name is written each time; of the rest a few, until nothing is left."""
    monkeypatch.setattr(title_side, "MOST_DRIFTED", 4)
    table = TitleTable(EAGER)
    viewers, titles = ViewerSide(table, Catalog(table)), TitleSide(table)
    signals, _ = viewers.observe(
        viewers.feedback(columns([(f"v{n}", f"t{n}", 1, 1.0) for n in range(60)], 0))
    )
    titles.absorb(signals)
    assert table.pack(titles.take_changed()).fixed.size == 60
    table.load_tags(TagRows(["genre:Drama"], np.ones((1, EAGER.width + 2), np.float32)))
    signals, _ = viewers.observe(viewers.feedback(columns([("v0", "t1", 1, 1.0)], 60)))
    titles.absorb(signals)
    titles.label({"t50": ["genre:Drama"]})
    waiting, drift = titles.titles.changed(), table.arrays.drift.copy()
    named = [*map(table.row, ("t0", "t1", "t50"))]
    rest = sorted({*waiting.tolist()} - {*named}, key=lambda row: (-drift[row], row))
    assert len(rest) > 8
    first = titles.take_changed()
    table.pack(first)
    assert first.tolist() == sorted([*named, *rest[:4]])
    then = titles.take_changed()
    table.pack(then)
    assert then.tolist() == sorted(rest[4:8])
    while (more := titles.take_changed()).size:
        table.pack(more)
    assert not titles.titles.changed().size
