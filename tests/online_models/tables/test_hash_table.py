"""The hash table: rows by key and by name, whatever was inserted and removed before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import ModelConfig
from online_models.tables.hash_table import KeyIndex
from online_models.tables.hashing import hash_ids
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable

TWINS = ("WBC|J}\\?S?a", "Uqpale\\QZEO")
"""Two names with the same key, found by search."""


viewer = st.integers(0, 30)


def table(*, slots: int) -> ViewerTable:
    """Return an empty table of so many slots at most."""
    return ViewerTable(ModelConfig(viewer_slots=slots), TitleTable(ModelConfig()), slots=1)


@given(st.lists(st.lists(viewer, min_size=1, max_size=9) | viewer, max_size=30))
def test_who_is_hot_is_found_and_nobody_else(batches: list[list[int] | int]) -> None:
    """After every batch, and every viewer that is forgotten, a name leads to its slot, or to none."""
    viewers, names = table(slots=12), [f"v{n}" for n in range(31)]
    for batch in batches:
        if isinstance(batch, int):
            viewers.forget(names[batch])
            assert viewers.slot(names[batch]) is None
        else:
            slots = viewers.acquire([names[n] for n in batch])
            assert [viewers.ids[slot] for slot in slots.tolist()] == [names[n] for n in batch]
        hot = {name: slot for slot, name in enumerate(viewers.ids) if name}
        assert {name: viewers.slot(name) for name in names} == dict.fromkeys(names) | hot
        assert len(viewers) == len(hot) <= 12


def test_two_names_of_one_key_are_two_viewers() -> None:
    """Nobody gets another's slot for a name that hashes like theirs, alone or in a batch, in any order."""
    one, other = TWINS
    assert one != other
    assert np.unique(hash_ids(TWINS)).size == 1
    for first, second in (TWINS, TWINS[::-1]):
        viewers = table(slots=8)
        assert viewers.acquire([first]).tolist() == [0]
        assert viewers.slot(second) is None
        assert viewers.acquire([second, "ada", first]).tolist() == [1, 2, 0]
        viewers.forget(first)
        assert (viewers.slot(first), viewers.slot(second)) == (None, 1)
        assert viewers.acquire([first, second]).tolist() == [0, 1]
    assert np.unique(table(slots=8).acquire(TWINS)).size == len(TWINS)


@given(st.lists(st.integers(1, 200), min_size=1, max_size=16, unique=True), st.data())
def test_gaps_close(keys: list[int], data: st.DataObject) -> None:
    """Whatever is taken out of a crowded table, also across its end: the rest is found."""
    index = KeyIndex(np.array(keys, np.uint64), np.arange(len(keys), dtype=np.int32))
    gone = data.draw(st.lists(st.sampled_from(range(len(keys))), unique=True))
    index.remove(np.array(gone, np.int32))
    found = index.find_many(np.array(keys, np.uint64))
    assert found.tolist() == [-1 if n in gone else n for n in range(len(keys))]


@given(
    st.lists(st.integers(1, 2**64 - 1), unique=True, max_size=60),
    st.lists(st.integers(1, 2**64 - 1), max_size=20),
)
def test_the_index_is_a_dictionary(keys: list[int], others: list[int]) -> None:
    """A key that was inserted leads to its row, any other to none."""
    index = KeyIndex(np.array(keys, np.uint64), np.arange(len(keys), dtype=np.int32))
    known = {key: row for row, key in enumerate(keys)}
    found = index.find_many(np.array(keys + others, np.uint64))
    assert found.tolist() == [known.get(key, -1) for key in keys + others]
