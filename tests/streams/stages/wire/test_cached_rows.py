"""Rows in memory: the bound, who leaves, and what rows of each kind really take."""

import gc
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from online_models.experiments.exposure import Exposure, ViewerTally
from online_models.insights.titles import TitleTally
from online_models.insights.visits import ViewerVisits, Visit, observe
from online_models.learners.attribution import ImpressionLog
from streams.stages.experiments import rows as result_rows
from streams.stages.insights import rows as insight_rows
from streams.stages.wire import impression_rows
from streams.stages.wire.cached_rows import EACH, TIMES, CachedRows, RowMemory
from tests.streams.steps import T0, MemoryStore, watch

NAMES = [f"viewer-{n:04}" for n in range(1_000)]


def _cache(memory: RowMemory, rows: dict[bytes, bytes] | None = None) -> CachedRows[bytes]:
    return CachedRows(MemoryStore(rows), bytes, memory)


def test_those_that_were_not_used_for_longest_leave() -> None:
    """Within the bound of all partitions together; what a batch needs stays, however much it is."""
    memory = RowMemory(100 * (EACH + 10 * TIMES))
    rows = {name.encode(): b"0123456789" for name in NAMES}
    one, other = _cache(memory, rows), _cache(memory, rows)
    one.load(NAMES[:60])
    other.load(NAMES[:30])
    one.load(NAMES[:10])
    assert len(one.hot) == 60
    one.load(NAMES[60:90])
    assert len(one.hot) == 70
    assert {*NAMES[:10], *NAMES[60:90]} < one.hot.keys()
    assert not {*NAMES[10:30]} & one.hot.keys()
    assert one.weight + other.weight <= memory.limit
    one.load(NAMES[100:300])
    assert one.hot.keys() == {*NAMES[100:300]}
    one.load(NAMES[:1])
    assert one.weight + other.weight <= memory.limit


def test_a_row_that_grew_counts_with_its_new_size() -> None:
    """Rows are weighed whenever they are packed; a partition that is revoked takes its weight along."""
    memory = RowMemory(2_000_000)
    cache = _cache(memory)
    cache.hot["ada"] = b""
    cache.weigh("ada", b"x" * 10)
    cache.weigh("ada", b"x" * 200_000)
    assert cache.weight == EACH + 200_000 * TIMES
    assert memory.is_full
    cache.load(["bob"])
    assert cache.hot == {}
    assert cache.weight == 0
    cache.hot["ada"] = b""
    cache.weigh("ada", b"x" * 200_000)
    assert memory.is_full
    del cache
    gc.collect()
    assert not memory.is_full


def _visits(rng: random.Random) -> ViewerVisits:
    out, titles = ViewerVisits(), rng.choice((1, 3, 20, 64))
    for k in range(titles):
        event = watch(f"v{rng.random()}", f"t{rng.randrange(9_000)}", k)
        genres = [f"genre {rng.randrange(9)}"]
        observe(out, event, T0 + k, viewer=7, event_hash=rng.getrandbits(64), genres=lambda _: genres)  # noqa: B023
    return out


def _tally(rng: random.Random) -> TitleTally:
    out = TitleTally()
    for _ in range(rng.choice((1, 19, 300))):
        country, cohort = f"{chr(65 + rng.randrange(20))}X", f"genre {rng.randrange(16)}"
        out.add(Visit("t", rng.getrandbits(64), country, cohort, T0, 1, 600, -1, rng.randrange(100), ups=1))
    return out


def _log(rng: random.Random) -> ImpressionLog:
    out = ImpressionLog()
    for k in range(rng.choice((1, 40, 2_000))):
        title = f"title-{rng.randrange(9_000)}"
        out.record_shelf(title, rng.choice(("top_picks", "my_list")), at_ms=T0 + k)
        out.record_artwork(title, f"{rng.randrange(9)}.jpg", 1, at_ms=T0 + k)
        out.record_search(f"words {rng.random()}", title, at_ms=T0 + k)
    return out


def _in_experiments(rng: random.Random) -> ViewerTally:
    counts = [rng.randrange(5_000) for _ in range(12)]
    arms = {f"x{n}": Exposure("new", T0 + n, list(counts), [100, 300]) for n in range(rng.choice((1, 8)))}
    seen = [rng.getrandbits(64) for _ in range(16)]
    return ViewerTally(T0, 1_000.5, T0 + 5, "AT", 12, "l", seen, arms, list_id="l", shown=["t"] * 20)


@pytest.mark.parametrize(
    ("make", "pack", "unpack"),
    [
        (_visits, insight_rows.VIEWERS.pack, insight_rows.VIEWERS.unpack),
        (_tally, insight_rows.pack_tally, insight_rows.unpack_tally),
        (_log, impression_rows.pack, impression_rows.read),
        (_in_experiments, result_rows.VIEWERS.pack, result_rows.VIEWERS.unpack),
    ],
)
def test_no_row_takes_more_than_it_is_weighed_with(
    make: Callable[[random.Random], Any],
    pack: Callable[[Any], bytes],
    unpack: Callable[[bytes], Any],
) -> None:
    """As bytes of Python's allocator, both as they came to be and as they were read."""
    for read in (False, True):
        rng = random.Random(2)
        rows = [pack(make(rng)) for _ in range(20)]
        rng = random.Random(2)
        gc.collect()
        tracemalloc.start()
        held = [unpack(row) for row in rows] if read else [make(rng) for _ in range(20)]
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        weighed = sum(EACH + TIMES * len(row) for row in rows)
        assert taken < weighed, (taken / 20, weighed / 20)
        assert weighed < 12 * taken  # or the bound would be no use
        assert len(held) == 20
