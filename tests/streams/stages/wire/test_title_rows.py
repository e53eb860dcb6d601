"""Titles' rows as records."""

import numpy as np
import pytest

from online_models.config import FactorizationConfig, ModelConfig
from online_models.tables.titles import TitleTable
from streams.errors import StateError
from streams.stages.wire import title_rows
from tests.neighbours import set_neighbours


def test_rows_come_back_as_they_were() -> None:
    """What is packed and loaded into another table packs to the same bytes, by key where it has no name."""
    config = ModelConfig()
    titles, other = TitleTable(config), TitleTable(config)
    rows = titles.intern(["a", "é" * 64, "c"])
    titles.by_key(np.array([1234], np.uint64))
    titles.arrays.counts[rows] = [[3, 1, 0], [0, 0, 2], [9, 9, 9]]
    set_neighbours(titles, rows[0], [rows[2], 3], [0.5, 0.25])
    packed = title_rows.pack(titles, np.arange(4, dtype=np.int32))
    keyed = title_rows.KEYED + np.uint64(1234).tobytes()
    assert [key for key, _ in packed] == [b"a", ("é" * 64).encode(), b"c", keyed]
    title_rows.load(other, {key: value or b"" for key, value in packed})
    named = other.intern(["a", "é" * 64, "c"])
    again = title_rows.pack(other, np.append(named, other.find(np.array([1234], np.uint64))))
    assert again == packed


def test_rows_of_another_shape_are_refused() -> None:
    """The operator is told that the configuration changed under the state."""
    titles = TitleTable(ModelConfig())
    packed = title_rows.pack(titles, titles.intern(["a"]))
    other = ModelConfig(factorization=FactorizationConfig(factors=8))
    with pytest.raises(StateError, match="another model configuration") as caught:
        title_rows.unpack([packed[0][1] or b""], other)
    assert "NEARLINE_MODEL" in caught.value.next_step
