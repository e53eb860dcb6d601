"""Titles' rows as records."""

import numpy as np
import pytest

from online_models.config import CoWatchConfig, ModelConfig
from online_models.tables.titles import TitleTable
from streams.errors import StateError
from streams.stages.wire import title_rows


def test_rows_come_back_as_they_were() -> None:
    """What is packed and loaded into another table packs to the same bytes; nameless rows are not packed."""
    config = ModelConfig()
    titles, other = TitleTable(config), TitleTable(config)
    rows = titles.intern(["a", "é" * 64, "c"])
    titles.by_key(np.array([1234], np.uint64))
    titles.arrays.counts[rows] = [[3, 1, 0], [0, 0, 2], [9, 9, 9]]
    titles.arrays.nbr[rows[0], :2] = [rows[2], 3]
    titles.arrays.nbr_w[rows[0], :2] = [0.5, 0.25]
    packed = title_rows.pack(titles, np.arange(4, dtype=np.int32))
    assert [key for key, _ in packed] == [b"a", ("é" * 64).encode(), b"c"]
    other.load([key.decode() for key, _ in packed], title_rows.unpack([v or b"" for _, v in packed], config))
    again = title_rows.pack(other, other.intern([key.decode() for key, _ in packed]))
    assert again == packed


def test_rows_of_another_shape_are_refused() -> None:
    """The operator is told that the configuration changed under the state."""
    titles = TitleTable(ModelConfig())
    packed = title_rows.pack(titles, titles.intern(["a"]))
    other = ModelConfig(cowatch=CoWatchConfig(neighbours=64))
    with pytest.raises(StateError, match="another model configuration") as caught:
        title_rows.unpack([packed[0][1] or b""], other)
    assert "NEARLINE_MODEL" in caught.value.next_step
