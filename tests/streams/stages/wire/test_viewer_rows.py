"""Viewers' rows as records."""

import numpy as np
import pytest

from online_models.config import ModelConfig
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
from streams.engine.stage import Row
from streams.errors import StateError
from streams.stages.wire import viewer_rows
from streams.stages.wire.partition_rows import is_reserved
from tests.streams.steps import Line, MemoryStore, watch


def _rows(line: Line) -> list[Row]:
    """Return the line's stored viewers, by key."""
    return sorted((key, value) for key, value in line.store.rows.items() if not is_reserved(key))


def test_rows_come_back_as_they_were() -> None:
    """Viewers of no, one and many chunks of titles, read from a store, pack to the same bytes."""
    line = Line()
    line.feed(watch("é", "t1"), *(watch("bob", f"t{n}", n) for n in range(100)))
    config = line.settings.model
    table = ViewerTable(config, line.replica.titles)
    slots = table.acquire(["bob", "stranger", "é"], viewer_rows.loader(line.store, config))
    packed = viewer_rows.pack(table, slots)
    assert [key for key, _ in packed] == [b"bob", b"stranger", "é".encode()]
    assert [packed[0], packed[2]] == _rows(line)
    assert len(packed[1][1] or b"") < len(packed[2][1] or b"") < len(packed[0][1] or b"")


def test_packing_nobody_is_nothing() -> None:
    """No slots, no rows."""
    table = ViewerTable(ModelConfig(), TitleTable(ModelConfig()))
    assert viewer_rows.pack(table, np.zeros(0, np.int32)) == []


def test_the_loader_tells_strangers() -> None:
    """A viewer without a row is None, in the order of the question."""
    line = Line()
    line.feed(watch("ada", "t1"))
    load = viewer_rows.loader(line.store, line.settings.model)
    assert load(["eve", "ada"]) == [None, line.store.rows[b"ada"]]


@pytest.mark.parametrize("broken", [b"", b"\1", b"\1" + bytes(200)])
def test_rows_that_fit_no_version_are_refused_without_the_viewers_name(broken: bytes) -> None:
    """Empty, short or long: the operator is told, and the log does not learn whose row it is."""
    load = viewer_rows.loader(MemoryStore({b"ada lovelace": broken}), ModelConfig())
    with pytest.raises(StateError) as caught:
        load(["ada lovelace"])
    assert "lovelace" not in str(caught.value)
