"""Selection and bit sets: the kernels find what sorting and counting find."""

from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog
from online_models.config import ModelConfig
from online_models.page import selection as bits
from online_models.page.candidates import draw
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.page.layout import STRONG, WORD
from online_models.page.scratch import CandidateShelves, new_scratch
from online_models.page.selection import PILES, SelectionScratch, select_best, select_named
from online_models.ranking.exploration import number as key_of
from online_models.tables.layout import U8
from online_models.tables.titles import TitleTable
from schemas import Tags, Title


def scratch(size: int, most: int) -> SelectionScratch:
    """Return working memory."""
    shelves: CandidateShelves = new_scratch(size, 1, 1, most)
    return shelves.selection


@given(
    size=st.integers(0, 12 * PILES),
    most=st.integers(1, PILES),
    levels=st.sampled_from([1, 2, 40, 10_000]),
    hidden=st.sampled_from([0.0, 0.1, 0.95, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@example(size=12 * PILES, most=40, levels=10_000, hidden=0.1, seed=1)  # what a bound is for
@example(size=12 * PILES, most=40, levels=1, hidden=0.0, seed=1)  # more equal ones than are compared
@example(size=PILES + 1, most=PILES // 2, levels=40, hidden=0.0, seed=1)
def test_the_best_of_candidates(size: int, most: int, levels: int, hidden: float, seed: int) -> None:
    """Best first, ties in ascending order, -1 where none is left; of named candidates by name."""
    rng = np.random.default_rng(seed)
    key = rng.integers(-levels, levels, size).astype(np.float32) / 8
    key[rng.random(size) < hidden] = -np.inf
    order = np.lexsort((np.arange(size), -key))
    order = order[np.isfinite(key[order])][:most]
    want = [*order.tolist(), *[-1] * (most - order.size)]
    title, score = np.full(most, -1, np.int32), np.full(most, -np.inf, np.float32)
    select_best(key, scratch(size, most), title, score)
    assert title.tolist() == want
    assert score[: order.size].tolist() == key[order].tolist()
    name = np.sort(rng.permutation(10 * size)[:size]).astype(np.int32)
    title[:] = -1
    select_named(key, name, size, scratch(size, most), title, score)
    assert title[: order.size].tolist() == name[order].tolist()
    assert (title[order.size :] == -1).all()


@given(
    size=st.integers(0, 5 * WORD),
    most=st.integers(1, 100),
    hidden=st.sampled_from([0.0, 0.5, 0.98, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_drawn_has_the_highest_numbers(size: int, most: int, hidden: float, seed: int) -> None:
    """Of the remaining titles, a set holds as many of the viewer's highest numbers as required."""
    rng = np.random.default_rng(seed)
    lot, mine = rng.integers(0, 2**32, size, np.uint32), rng.integers(0, 2**32, dtype=np.uint32)
    there = rng.random(size) >= hidden
    left = has(there, -(-size // WORD))
    out = np.empty_like(left)
    found = draw(lot, mine, left, int(there.sum()), most, out)
    drawn = [t for t in range(size) if there[t] and bits.contains(out, t)]
    assert len(drawn) == found >= min(most, there.sum())
    number = [float(key_of(lot[t], mine)) for t in range(size)]
    others = [number[t] for t in np.flatnonzero(there).tolist() if t not in drawn]
    assert max(others, default=-1.0) < min([number[t] for t in drawn], default=2.0**24)


@given(
    size=st.integers(0, 3 * PILES * WORD),
    most=st.integers(1, 70),
    levels=st.sampled_from([1, 2, 40, 10_000]),
    hidden=st.sampled_from([0.0, 0.1, 0.95, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@example(size=3 * PILES * WORD, most=40, levels=10_000, hidden=0.1, seed=1)
def test_the_best_of_all_titles(size: int, most: int, levels: int, hidden: float, seed: int) -> None:
    """As by `select_best`; those that may be shown are left, and of any set the best are found."""
    rng = np.random.default_rng(seed)
    row = rng.integers(-levels, levels, size).astype(np.float32) / 8
    row[rng.random(size) < hidden] = -np.inf
    words, work = -(-size // WORD), scratch(size, most)
    left, high = np.empty((2, words), np.uint64)
    for some in (np.ones(size, np.bool_), rng.random(size) < 0.9, rng.random(size) < 0.01):
        title, score = np.full((2, most), -1, np.int32), np.full((2, most), -np.inf, np.float32)
        if some.all():
            bits.select_top(row, work, title[0], score[0], left, high)
            assert left.tolist() == has(row > -np.inf, words).tolist()
            assert ((high & ~left) == 0).all()
        else:
            bits.select_from_set(has(some, words), left, high, row, work, title[0], score[0])
        select_best(np.where(some, row, np.float32(-np.inf)), work, title[1], score[1])
        assert title[0].tolist() == title[1].tolist()
        assert score[0].tolist() == score[1].tolist()
        title[0], score[0] = -1, -np.inf
        work.key[:size] = np.where(some, row, np.float32(-np.inf))
        bits.select_best_of_many(work.key[:size], work, title[0], score[0], np.empty_like(left))
        assert title[0].tolist() == title[1].tolist()


def has(row: Any, words: int) -> U8:
    """Return a set as the words that the kernels should write."""
    there = np.zeros(words * WORD, np.bool_)
    there[: row.size] = row
    return np.packbits(there, bitorder="little").view(np.uint64)


@given(size=st.integers(1, 5 * WORD), seed=st.integers(0, 2**32 - 1))
def test_sets_of_titles(size: int, seed: int) -> None:
    """What may be shown, what has several tags, how many, which, and their sum of values."""
    rng = np.random.default_rng(seed)
    words = -(-size // WORD)
    row = np.where(rng.random(size) < 0.3, -np.inf, rng.normal(size=size)).astype(np.float32)
    left, both, name = np.empty(words, np.uint64), np.empty(words, np.uint64), np.empty(size, np.int32)
    shown = row > -np.inf
    for bound in (0.0, -np.inf):
        bits.mark_reaching(row, np.float32(bound), left)
        assert left.tolist() == has(shown & (row >= bound), words).tolist()
    assert [bits.contains(left, t) for t in range(size)] == shown.tolist()
    each = rng.random((STRONG, size)) < 0.7
    tagged = np.array([has(one, words) for one in each])
    value = rng.random(max(1, size - 3))  # titles may be newer than what is known of their watches
    for c in range(1, 1 << STRONG):
        every = np.all(each[[k for k in range(STRONG) if c & (1 << k)]], axis=0)
        bits.intersect(tagged, c, both)
        assert both.tolist() == has(every, words).tolist()
        assert bits.count_common(both, left) == (every & shown).sum()
        n = bits.list_common(both, left, name)
        assert name[:n].tolist() == np.flatnonzero(every & shown).tolist()
        some = np.flatnonzero(every)
        some = some[some < value.size]
        assert np.isclose(bits.sum_members(both, value), value[some].sum())


def test_tags_are_the_same_as_lists_and_as_bits() -> None:
    """A frequent tag is stored as bits, a rare one is marked from its list; any number of titles."""
    titles = TitleTable(ModelConfig())
    catalog = Catalog(titles)
    for n in range(5 * WORD):
        tags = Tags(genre=("Drama",) if n % 3 else ("Crime",), cast=(f"actor {n // 4}",))
        catalog.put(Title(title_id=f"t{n}", tags=tags))
    index = CatalogIndex(titles, catalog, PageConfig()).arrays()
    assert {
        kind: int((index.bitset_of[index.tag_kind == kind] >= 0).sum()) for kind in np.unique(index.tag_kind)
    } == {
        4: 2,
        6: 0,
    }
    for tag in range(index.tag_share.size):
        having = index.tagged[index.tagged_start[tag] : index.tagged_start[tag + 1]]
        for words in (3, 5, 6):
            out = np.empty(words, np.uint64)
            bits.mark_tagged(index, tag, out)
            there = np.isin(np.arange(words * WORD), having)
            assert out.tolist() == has(there, words).tolist()
