"""A viewer's known titles, in chunks of one pool."""

import numpy as np
import pytest

from online_models.config import ModelConfig, RewardConfig
from online_models.tables.history import append, mark_known, opinion_of, recent_items, recent_likes, release
from online_models.tables.layout import CHUNK, Viewers
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable

NO_LIMIT = 1 << 30


@pytest.fixture
def viewers() -> Viewers:
    """Return the arrays of a table with room."""
    table = ViewerTable(ModelConfig(), TitleTable(ModelConfig()))
    table.reserve(4_000)
    return table.arrays


@pytest.mark.parametrize("n", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_recent_is_newest_first(viewers: Viewers, n: int) -> None:
    """What was appended comes back newest first, across chunks."""
    for t in range(n):
        append(viewers, 0, t, NO_LIMIT)
    out = np.full(n + 5, -7, np.int32)
    assert recent_likes(viewers, 0, out) == n
    assert out[:n].tolist() == list(range(n))[::-1]


def test_recent_skips_the_unliked_and_stops_when_full(viewers: Viewers) -> None:
    """Titles known but not liked are left out of the history, and do not use up its room."""
    for t in range(100):
        append(viewers, 0, t if t % 2 else ~t, NO_LIMIT)
    out = np.zeros(10, np.int32)
    assert recent_likes(viewers, 0, out) == 10
    assert out.tolist() == [99, 97, 95, 93, 91, 89, 87, 85, 83, 81]


@pytest.mark.parametrize("counts", [0.5, 0.0])
def test_lately_has_what_is_neither_liked_nor_rejected(counts: float) -> None:
    """What is only known stands in its place as ~t, unless it counts nothing or was turned down of late."""
    config = ModelConfig(reward=RewardConfig(neutral=counts))
    titles = TitleTable(config)
    table = ViewerTable(config, titles)
    table.reserve(100)
    for entry in (0, ~1, 2, ~3, ~4, 5):
        append(table.arrays, 0, entry, NO_LIMIT)
    table.arrays.rejected[0, 7] = 3
    out = np.zeros(10, np.int32)
    n = recent_items(table.arrays, titles.params, 0, out)
    assert out[:n].tolist() == ([5, ~4, 2, ~1, 0] if counts else [5, 2, 0])
    few = np.zeros(2, np.int32)
    assert recent_items(table.arrays, titles.params, 0, few) == 2
    assert few.tolist() == ([5, ~4] if counts else [5, 2])


def test_known_is_liked_or_not(viewers: Viewers) -> None:
    """Both kinds are known and marked; what was not appended is neither."""
    for t in range(0, 100, 2):
        append(viewers, 0, t if t % 4 else ~t, NO_LIMIT)
    mark = np.zeros(101, np.int32)
    mark_known(viewers, 0, mark, 3)
    assert [opinion_of(viewers, 0, t) for t in range(6)] == [-1, 0, 1, 0, -1, 0]
    assert np.flatnonzero(mark == 3).tolist() == list(range(0, 100, 2))


def test_beyond_the_limit_the_oldest_chunk_goes(viewers: Viewers) -> None:
    """At a limit of 64 the 65th title pushes out the oldest chunk, which is free again."""
    free = int(viewers.pool[0])
    for t in range(64):
        append(viewers, 0, t, 64)
    assert viewers.known[0] == 64
    assert viewers.pool[0] == free - 64 // CHUNK
    append(viewers, 0, 64, 64)
    assert viewers.known[0] == 65 - CHUNK
    assert viewers.pool[0] == free - 64 // CHUNK
    assert not opinion_of(viewers, 0, CHUNK - 1)
    assert opinion_of(viewers, 0, CHUNK)


def test_release_gives_all_chunks_back(viewers: Viewers) -> None:
    """A released slot is empty, its neighbour untouched, and the pool as full as before."""
    append(viewers, 1, 5, NO_LIMIT)
    free = int(viewers.pool[0])
    for t in range(200):
        append(viewers, 0, t, NO_LIMIT)
    release(viewers, 0)
    assert viewers.pool[0] == free
    assert viewers.known[0] == 0
    assert not opinion_of(viewers, 0, 199)
    assert opinion_of(viewers, 1, 5)
    assert np.unique(viewers.free[:free]).size == free, "a chunk is free twice"
