"""Viewers' rows as records."""

import numpy as np

from online_models.config import ModelConfig
from online_models.titles import TitleTable
from online_models.viewers import ViewerTable
from streams import viewer_rows
from streams.stage import Row
from tests.streams.steps import Line, MemoryStore, watch


def _rows(line: Line) -> list[Row]:
    """Return the line's stored viewers, by key."""
    return sorted((key, value) for key, value in line.store.rows.items() if key != viewer_rows.SENT)


def test_rows_come_back_as_they_were() -> None:
    """Viewers of no, one and many chunks of titles, read from a store, pack to the same bytes."""
    line = Line()
    line.feed(watch("é", "t1"), *(watch("bob", f"t{n}", n) for n in range(100)))
    config = line.settings.model
    table = ViewerTable(config, line.replica.titles)
    slots = table.acquire(["bob", "stranger", "é"], viewer_rows.loader(line.store))
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
    load = viewer_rows.loader(MemoryStore({b"ada": b"row"}))
    found = load(["eve", "ada"])
    assert found[0] is None
    assert found[1] is not None
    assert found[1].tobytes() == b"row"


def test_the_count_of_what_was_sent() -> None:
    """A number comes back, and none is 0."""
    key, value = viewer_rows.pack_sent(2**40)
    assert (key, viewer_rows.unpack_sent(value), viewer_rows.unpack_sent(None)) == (b"\x01sent", 2**40, 0)
