"""Sets of neighbours: what is added is found, whatever moves; what is left is used again."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import WAYS, CoWatchConfig, ModelConfig
from online_models.jit import jit
from online_models.tables.layout import F4, I4, Titles
from online_models.tables.neighbours import MASK, add_neighbour, most_places
from online_models.tables.rows import TITLE_ROWS, PackedTitles
from online_models.tables.titles import TitleTable

CONFIG = ModelConfig(cowatch=CoWatchConfig(neighbours=5 * WAYS))
TITLES = 150
PAIRS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(4, TITLES - 1), st.sampled_from([0.0, 0.25, 1.0])),
    max_size=120,
)


@jit
def add_all(titles: Titles, one: I4, other: I4, w: F4) -> None:
    """Add pairs, one way."""
    for n in range(one.size):
        add_neighbour(titles, one[n], other[n], w[n])


def add(table: TitleTable, pairs: list[tuple[int, int, float]]) -> None:
    """Add pairs, one way, as learning does."""
    table.reserve_neighbours(most_places(len(pairs), TITLES, 5))
    one, other, w = zip(*pairs, strict=True) if pairs else ((), (), ())
    add_all(table.arrays, np.array(one, np.int32), np.array(other, np.int32), np.array(w, np.float32))


def table_of(pairs: list[tuple[int, int, float]]) -> TitleTable:
    """Return a table of titles with pairs."""
    table = TitleTable(CONFIG)
    table.intern([f"t{n}" for n in range(TITLES)])
    add(table, pairs)
    return table


def pairs_of(table: TitleTable) -> list[dict[int, float]]:
    """Return the neighbours of the first titles."""
    found = (table.neighbours(row) for row in range(4))
    return [dict(zip(near.tolist(), weights.tolist(), strict=True)) for near, weights in found]


def places_of(table: TitleTable) -> list[tuple[int, list[int], list[float]]]:
    """Return sets and places of the first titles, empty ones included, without where they lie."""
    a, out = table.arrays, []
    for span in a.span[:4].tolist():
        first, sets = span >> 8, span & MASK
        places = slice(first, first + WAYS * sets)
        out.append((sets, a.nbr[places].tolist(), a.nbr_w[places].tolist()))
    return out


@given(PAIRS)
def test_what_is_added_is_found(pairs: list[tuple[int, int, float]]) -> None:
    """As long as no set of the last size is full, all are there with the sums of their weights."""
    table, wanted = table_of(pairs), [dict[int, float]() for _ in range(4)]
    for one, other, w in pairs:
        wanted[one][other] = wanted[one].get(other, 0.0) + w
    for found, sums in zip(pairs_of(table), wanted, strict=True):
        kept = {other: w for other, w in sums.items() if w > 0}
        if len(kept) <= WAYS:
            assert {other: w for other, w in found.items() if w > 0} == kept
        assert found.items() <= sums.items() | {(other, sums[other]) for other in found}
    assert table.arrays.pool[0] <= most_places(len(pairs), TITLES, 5)


@given(PAIRS, PAIRS, st.sets(st.integers(4, TITLES - 1)))
def test_rows_bring_sets_and_places(
    pairs: list[tuple[int, int, float]], former: list[tuple[int, int, float]], gone: set[int]
) -> None:
    """A loaded row has all neighbours at their places, whatever was there; without evicted ones, too."""
    table, other = table_of(pairs), table_of(former)
    table.evict(np.array(sorted(gone), np.int32))
    rows = np.arange(4, dtype=np.int32)
    packed = table.pack(rows)
    names = {n: title_id for n, title_id in enumerate(table.ids) if title_id}
    assert all(near.keys() <= names.keys() for near in pairs_of(table))
    other.load(table.ids[:4], PackedTitles.from_bytes(packed.to_bytes(), CONFIG))
    assert places_of(other) == places_of(table)
    assert other.pack(rows).to_bytes() == packed.to_bytes()
    more = pairs[: len(pairs) // 2]
    add(table, more)
    add(other, more)
    assert places_of(other) == places_of(table), "they go on alike"


@given(PAIRS, PAIRS)
def test_a_replica_has_the_same_neighbours_in_fewer_places(
    pairs: list[tuple[int, int, float]], later: list[tuple[int, int, float]]
) -> None:
    """In the same order, so that sums over them are the same bits; also of a row that was there before."""
    table, replica, rows = table_of(pairs), TitleTable(CONFIG, learns=False), np.arange(4, dtype=np.int32)
    replica.intern(table.ids)
    for more in ([], later):
        add(table, more)
        packed = table.pack(rows)
        replica.load(table.ids[:4], packed)
        for row, (sets, near, _) in enumerate(places_of(replica)):
            of_table, of_replica = table.neighbours(row), replica.neighbours(row)
            assert [one.tolist() for one in of_replica] == [one.tolist() for one in of_table]
            n = len(of_table[0])
            assert (sets, near[n:]) == (-(-n // WAYS), [-1] * (WAYS * sets - n))
    with pytest.raises(ValueError, match="does not learn"):
        replica.reserve_pairs(1)


@pytest.mark.parametrize("learns", [True, False])
def test_a_row_with_more_neighbours_than_a_title_can_have_does_no_harm(learns: bool) -> None:
    """Those beyond the last place are left out: the pool has no sets of such a size."""
    table = table_of([(n, other, 1.0) for n in range(4) for other in range(4, 84)])
    target = TitleTable(CONFIG, learns=learns)
    packed = table.pack(np.arange(4, dtype=np.int32))
    target.load(table.ids[:4], packed)
    before = places_of(target)
    bad = packed.fixed[1:2].copy()
    bad["sets"], bad["neighbours"] = 600, packed.pairs.size
    target.load(["t1"], PackedTitles(bad, packed.pairs))
    assert places_of(target)[1][0] == 5
    assert [places_of(target)[n] for n in (0, 2, 3)] == [before[n] for n in (0, 2, 3)]


def test_sets_that_a_title_leaves_are_used_again() -> None:
    """Titles that grow one after the other take no more than the largest of them and what is left behind."""
    table = table_of([])
    grow = [(0, n, 1.0) for n in range(4, 100)]
    add(table, grow)
    used = int(table.arrays.pool[0])
    table.evict(np.array([0], np.int32))
    table.intern(["again"])
    add(table, grow)
    assert table.arrays.pool[0] == used
    assert (
        len(pairs_of(table)[0])
        == len({other for _, other, _ in grow if other in pairs_of(table)[0]})
        > 3 * WAYS
    )


def test_what_titles_leave_behind_is_not_copied() -> None:
    """A pool that grows holds the sets of titles alone, and every title has what it had."""
    table = table_of([(n, other, 1.0 + n) for other in range(4, 100) for n in range(4)])
    before, held = places_of(table), sum(WAYS * sets for sets, _, _ in places_of(table))
    assert table.arrays.pool[0] > held
    table.reserve_neighbours(table.arrays.nbr.size)
    assert places_of(table) == before
    assert table.arrays.pool.tolist() == [held, -1, -1, -1, -1, -1, 0]


def test_a_small_title_is_small() -> None:
    """Few neighbours take one set and few bytes of a row; many take all sets, and the weakest leaves."""
    table = table_of([(0, n, 1.0) for n in range(4, 14)] + [(1, n, float(n)) for n in range(4, TITLES)])
    assert [sets for sets, _, _ in places_of(table)] == [1, 5, 0, 0]
    few, many, none, _ = (len(row) for row in table.pack(np.arange(4, dtype=np.int32)).to_bytes())
    assert (few - none, many - none) == (10 * 12, 12 * len(pairs_of(table)[1]))
    assert len(pairs_of(table)[1]) <= 5 * WAYS
    assert TITLES - 1 in pairs_of(table)[1]


@pytest.mark.parametrize("key", ["unordered", "too many"])
def test_a_row_that_no_worker_wrote_does_no_harm(key: str) -> None:
    """Neighbours out of order, or more than a set holds, are left out; other titles keep their places."""
    table = table_of([(n, other, 1.0) for n in range(4) for other in range(4, 64)])
    packed = table.pack(np.arange(4, dtype=np.int32))
    before = places_of(table)
    bad = packed.pairs[:: -1 if key == "unordered" else 1].copy()
    if key == "too many":
        bad["key"] = bad["key"][0]
    table.load(["t1"], PackedTitles(packed.fixed[1:2], bad[: packed.fixed["neighbours"][1]]))
    assert [places_of(table)[n] for n in (0, 2, 3)] == [before[n] for n in (0, 2, 3)]
    assert places_of(table)[1][0] == before[1][0]


def test_readers_of_the_former_arrays_find_their_places() -> None:
    """When the pool grows, arrays that somebody still reads keep spans that lie in their own pool."""
    table = table_of([(0, n, 1.0) for n in range(4, 100)])
    former = table.arrays
    table.reserve_neighbours(4 * former.nbr.size)
    add(table, [(1, n, 1.0) for n in range(4, 100)])
    assert former.nbr.size < table.arrays.nbr.size
    assert ((former.span >> 8) + WAYS * (former.span & MASK)).max() <= former.nbr.size
    assert former.span[1] == 0 < table.arrays.span[1]


def test_rows_with_all_places_are_upgraded() -> None:
    """Those of version 1 become rows with all sets and the same neighbours."""
    table = table_of([(0, n, float(n)) for n in range(4, 60)])
    a, places = table.arrays, CONFIG.cowatch.neighbours
    old = np.zeros(1, TITLE_ROWS._dtype(1, CONFIG))
    whole = replace_sets(table)
    packed = table.pack(np.zeros(1, np.int32))
    for name in set(old.dtype.names or ()) & set(packed.fixed.dtype.names or ()):
        old[name] = packed.fixed[name]
    old["version"] = 1
    old["nbr"][0, whole[0] >= 0] = a.key[whole[0][whole[0] >= 0]]
    old["nbr_w"][0] = whole[1]
    new = PackedTitles.from_bytes([old.tobytes()], CONFIG)
    assert (int(new.fixed["sets"][0]), new.pairs.size) == (places // WAYS, 56)
    assert new.to_bytes() == packed.to_bytes()


def replace_sets(table: TitleTable) -> tuple[I4, F4]:
    """Return the places of the first title, which has all sets."""
    ((sets, near, weights), *_) = places_of(table)
    assert sets == 5
    return np.array(near, np.int32), np.array(weights, np.float32)


def test_snapshots_with_a_row_for_each_title_are_upgraded() -> None:
    """Those of version 1 become tables with all sets for each title, and learn on as before."""
    table = table_of([(n, other, 1.0 + other) for n in range(4) for other in range(4, 100)])
    near, weights = (np.zeros((TITLES, CONFIG.cowatch.neighbours), kind) for kind in (np.int32, np.float32))
    near[:] = -1
    for row, (sets, found, held) in enumerate(places_of(table)):
        near[row, : WAYS * sets], weights[row, : WAYS * sets] = found, held
    with np.load(BytesIO(table.snapshot()[1:])) as archive:
        arrays = {name: archive[name] for name in archive.files if name not in {"span", "pool"}}
    old = BytesIO()
    np.savez(old, **(arrays | {"nbr": near, "nbr_w": weights}))
    again = TitleTable.from_snapshot(b"\1" + old.getvalue())
    assert places_of(again) == places_of(table)
    more = [(n, other, 500.0) for n in range(4) for other in range(100, 110)]
    add(table, more)
    add(again, more)
    assert places_of(again) == places_of(table)
    assert places_of(TitleTable.from_snapshot(again.snapshot())) == places_of(table)


def test_places_bound_what_learning_takes() -> None:
    """The bound counts each size that a title goes through."""
    assert most_places(pairs=1, titles=9, sets=1) == WAYS
    assert most_places(pairs=2, titles=9, sets=5) == 2 * WAYS * (1 + 2 + 4 + 5)
    assert most_places(pairs=5, titles=2, sets=2) == 2 * WAYS * (1 + 2)
    assert replace(CONFIG.cowatch, neighbours=1_024).neighbours // WAYS <= MASK
