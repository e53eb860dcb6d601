"""Rows of titles and viewers: made, packed, loaded, evicted, refused."""

from collections.abc import Callable

import numpy as np
import pytest

from online_models.config import FactorizationConfig, ModelConfig
from online_models.errors import NonFiniteRowError, RowVersionError
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import Recommender
from online_models.tables.hashing import hash_ids
from online_models.tables.rows import PackedTitles
from online_models.tables.titles import TitleTable, title_key
from online_models.tables.viewers import ViewerTable

MakeBatch = Callable[..., EventColumns]


@pytest.fixture
def trained(batch: MakeBatch) -> Recommender:
    """Return a recommender that has learned 300 events of 7 viewers and 40 titles, some rejected."""
    model = Recommender(ModelConfig(known_titles=64))
    rows = [(f"v{k % 7}", f"t{k * 11 % 40}") for k in range(300)]
    model.prequential(batch(*rows, first=1))
    model.prequential(batch(*[(f"v{k}", f"u{k}") for k in range(7)], action=Action.REJECT))
    return model


def rows_of(table: ViewerTable, *viewers: str) -> list[bytes]:
    """Pack viewers as the worker stores them: head, then keys."""
    slots = np.array([table.slot(v) for v in viewers], np.int32)
    heads, keys, starts = table.pack(slots)
    parts = zip(heads, starts, starts[1:], strict=False)
    return [head.tobytes() + keys[a:b].tobytes() for head, a, b in parts]


def test_titles_survive_the_round_trip(trained: Recommender) -> None:
    """A replica loaded from packed rows, in another order, packs to the same rows."""
    titles, replica = trained.titles, TitleTable(trained.config)
    rows = np.arange(len(titles), dtype=np.int32)
    packed = titles.pack(rows)
    order = np.random.default_rng(0).permutation(rows)
    shuffled = PackedTitles.from_bytes([packed.to_bytes()[r] for r in order], titles.config)
    replica.load([titles.ids[r] for r in order], shuffled)
    back = replica.pack(np.array([replica.row(t) for t in titles.ids], np.int32))
    assert back.to_bytes() == packed.to_bytes()
    assert set(replica.arrays.active[: replica.arrays.size[1]]) == {
        replica.row(titles.ids[r]) for r in titles.arrays.active[: titles.arrays.size[1]]
    }
    norm = {t: titles.arrays.norm[titles.row(t)] for t in titles.ids}
    assert all(replica.arrays.norm[replica.row(t)] == pytest.approx(norm[t]) for t in titles.ids)


def test_loading_twice_activates_once(trained: Recommender) -> None:
    """A row that comes again replaces itself, in the same batch too: no title is active twice."""
    replica = TitleTable(trained.config)
    packed = trained.titles.pack(np.arange(len(trained.titles), dtype=np.int32))
    older = PackedTitles(packed.fixed.copy(), packed.pairs)
    older.fixed["bias"] = 7.0
    both = PackedTitles.from_bytes(older.to_bytes() + packed.to_bytes(), trained.config)
    for _ in range(2):
        replica.load(2 * [*trained.titles.ids], both)
    assert np.array_equal(replica.arrays.bias[: packed.fixed.size], packed.fixed["bias"])
    active = replica.arrays.active[: replica.arrays.size[1]].tolist()
    assert len(active) == len(set(active)) == 40


def test_packing_starts_drift_anew(trained: Recommender) -> None:
    """Packed rows are no longer changed; a new event marks the title and its history again."""
    rows = trained.titles.changed()
    assert rows.size == len(trained.titles)
    trained.titles.pack(rows)
    assert trained.titles.changed().size == 0
    assert trained.titles.arrays.drift[: rows.size].max() == 0


def test_a_title_met_as_a_key_gets_its_name(trained: Recommender) -> None:
    """A neighbour known by key only has vectors already; naming it later changes nothing but the name."""
    table = TitleTable(trained.config)
    row = int(table.by_key(np.array([title_key("x")], np.uint64))[0])
    assert [*table.ids] == [""]
    before = table.arrays.out[row].copy()
    assert table.intern(["x"]).tolist() == [row]
    assert [*table.ids] == ["x"]
    assert np.array_equal(before, table.arrays.out[row])


def test_initial_vectors_know_no_order() -> None:
    """Whatever comes first, a title's vectors depend on seed and id alone."""
    one, other, third = (TitleTable(ModelConfig(), seed=s) for s in (1, 1, 2))
    one.intern([f"t{n}" for n in range(50)])
    other.intern([f"t{n}" for n in range(50)][::-1])
    third.intern(["t7"])
    assert np.array_equal(one.arrays.out[one.row("t7")], other.arrays.out[other.row("t7")])
    assert not np.array_equal(one.arrays.out[one.row("t7")], third.arrays.out[0])
    spread = one.arrays.out[:50].std()
    assert spread == pytest.approx(0.05, rel=0.1)


def test_capacity_refuses_titles_and_teaches_nothing(batch: MakeBatch) -> None:
    """Titles beyond the capacity have no row; their events change no title and no taste."""
    model = Recommender(ModelConfig(title_capacity=2))
    model.prequential(batch(("ann", "a"), ("ann", "b")))
    taste = model.viewers.viewers.arrays.taste[0].copy()
    model.prequential(batch(("ann", "c"), ("ann", "d")))
    assert [*model.titles.ids] == ["a", "b"]
    assert model.titles.intern(["b", "c"]).tolist() == [1, -1]
    assert model.titles.arrays.counts[:2, 0].tolist() == [1, 1]
    assert np.array_equal(taste, model.viewers.viewers.arrays.taste[0])
    assert [t for t, _ in model.top_n("eve")] in (["a", "b"], ["b", "a"])


def test_growth_keeps_rows() -> None:
    """Three thousand titles later, the first ones are where they were."""
    table = TitleTable(ModelConfig(factorization=FactorizationConfig(factors=2)))
    table.intern(["first"])
    before = table.arrays.out[0].copy()
    table.intern([f"t{n}" for n in range(3_000)])
    assert table.intern(["first", "t2999"]).tolist() == [0, 3_000]
    assert np.array_equal(before, table.arrays.out[0])
    keys = np.array([title_key(f"t{n}") for n in range(3_000)], np.uint64)
    assert table.by_key(keys).tolist() == list(range(1, 3_001))


def test_viewers_survive_the_round_trip(trained: Recommender) -> None:
    """A table filled by a loader packs to the same bytes, ring, history and all."""
    table = trained.viewers.viewers
    names = [f"v{k}" for k in range(7)]
    stored = dict(zip(names, rows_of(table, *names), strict=True))
    other = ViewerTable(trained.config, trained.titles, slots=1)
    other.acquire(names[::-1], lambda cold: [stored[v] for v in cold])
    for name, row in zip(names, rows_of(other, *names), strict=True):
        assert row == stored[name]
        assert other.known(name) == table.known(name)


def test_eviction_forgets_the_oldest_and_the_loader_brings_them_back(trained: Recommender) -> None:
    """Beyond the slots the viewers of long ago go; loaded again they are as they were."""
    table = ViewerTable(ModelConfig(viewer_slots=4), trained.titles)
    stored = dict(
        zip(names := [f"v{k}" for k in range(4)], rows_of(trained.viewers.viewers, *names), strict=True)
    )
    table.acquire(names, lambda cold: [stored.get(v) for v in cold])
    table.acquire(["v0"])
    table.acquire(["stranger"], lambda cold: [stored.get(v) for v in cold])
    assert table.slot("v1") is None
    assert table.slot("v0") is not None
    assert len(table) <= 4
    table.acquire(["v1"], lambda cold: [stored.get(v) for v in cold])
    assert rows_of(table, "v1")[0] == stored["v1"]


def test_a_reused_slot_starts_clean(trained: Recommender) -> None:
    """A stranger in an evicted viewer's slot is what a stranger in a fresh table is."""
    table = ViewerTable(ModelConfig(viewer_slots=1), trained.titles, slots=1)
    table.acquire(["v1"], lambda _: rows_of(trained.viewers.viewers, "v1"))
    table.arrays.limit[0] = 12
    table.acquire(["stranger"])
    fresh = ViewerTable(ModelConfig(), trained.titles)
    fresh.acquire(["stranger"])
    assert rows_of(table, "stranger") == rows_of(fresh, "stranger")
    assert table.slot("v1") is None


def test_a_batch_larger_than_the_table_is_served() -> None:
    """All viewers of one batch are hot at once, whatever the configured slots."""
    table = ViewerTable(ModelConfig(viewer_slots=2), TitleTable(ModelConfig()), slots=1)
    names = [f"v{n}" for n in range(9)]
    assert len(set(table.acquire(names).tolist())) == len(table) == 9


def test_rows_of_another_version_are_refused(trained: Recommender) -> None:
    """A row with an unknown version number is no row."""
    packed = trained.titles.pack(np.zeros(1, np.int32))
    packed.fixed["version"] = 99
    with pytest.raises(RowVersionError):
        TitleTable(trained.config).load(["a"], packed)
    row = b"\x63" + rows_of(trained.viewers.viewers, "v0")[0][1:]
    with pytest.raises(RowVersionError):
        ViewerTable(trained.config, trained.titles).acquire(["v0"], lambda _: [row])


def test_rows_that_are_not_finite_are_not_packed(trained: Recommender) -> None:
    """A NaN in a vector stops the batch before it is written."""
    trained.titles.arrays.out[3, 1] = np.nan
    with pytest.raises(NonFiniteRowError):
        trained.titles.pack(np.array([3], np.int32))
    trained.viewers.viewers.arrays.taste[0, 0] = np.inf
    with pytest.raises(NonFiniteRowError):
        rows_of(trained.viewers.viewers, "v0")


def test_no_horizon_is_a_configuration_too(batch: MakeBatch) -> None:
    """With the taste vector alone, rows are packed and loaded like any other."""
    config = ModelConfig(factorization=FactorizationConfig(horizons=()))
    model = Recommender(config)
    model.prequential(batch(("ann", "a"), ("bob", "a"), ("bob", "b")))
    packed = model.titles.pack(np.arange(2, dtype=np.int32))
    replica = TitleTable(config)
    replica.load(model.titles.ids, packed)
    assert np.array_equal(replica.arrays.out[:2], model.titles.arrays.out[:2])


def test_ids_hash_apart() -> None:
    """Ten thousand ids have ten thousand hashes, none 0, whatever their neighbours in the batch."""
    ids = [f"v{n}" for n in range(10_000)] + ["", "ü", "a" * 500]
    hashes = hash_ids(ids)
    assert np.unique(hashes).size == len(ids)
    assert hashes.min() > 0
    assert hash_ids(["ü"])[0] == hashes[-2]
    assert hash_ids([]).size == 0
