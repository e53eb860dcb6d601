"""Texts of rows are what was put last, also for readers that have taken the arrays before."""

from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.tables.texts import SIZE, SIZE_BITS, STRIDE, TextColumn

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
puts = st.lists(st.dictionaries(st.integers(0, 9), texts, max_size=5), max_size=40)


@given(puts)
def test_each_row_has_its_newest_text(changes: list[dict[int, str | None]]) -> None:
    """Whatever was overwritten, of whatever length and script; the arrays say the same."""
    column, expected = TextColumn(), dict[int, str | None]()
    for change in changes:
        former, before = column.encoded.flat(), dict(expected)
        column.put(np.array([*change], np.int32), [*change.values()])
        expected |= change
        rows = max(expected, default=-1) + 1
        assert [*column] == [expected.get(row) or "" for row in range(rows)]
        assert [column.find(row) for row in range(rows)] == [expected.get(row) for row in range(rows)]
        for (data, places), some in ((column.encoded.flat(), [expected]), (former, [before, expected])):
            for row, place in enumerate(places[:rows].tolist()):
                start, size = place >> SIZE_BITS, place & SIZE
                assert start + size + STRIDE <= data.size
                assert bytes(data[start : start + size]) in {_json(one.get(row)) for one in some}


def _json(text: str | None) -> bytes:
    """Return a text as a column has it."""
    column = TextColumn()
    column.put(np.zeros(1, np.int32), [text])
    data, places = column.encoded.flat()
    return bytes(data[: places[0] & SIZE])


def test_texts_that_nobody_has_any_more_take_no_room() -> None:
    """Names that change every night."""
    column, rows = TextColumn(), np.arange(100)
    for night in range(100):
        column.put(rows, [f"title {n} of night {night}" for n in rows])
    assert column.encoded.flat()[0].size < 20_000
    assert column[99] == "title 99 of night 99"


def test_other_rows_are_refused() -> None:
    """As a list does, also in a loop over all."""
    column = TextColumn()
    column.extend(3)
    assert (len(column), [*column], column[1:]) == (3, ["", "", ""], ["", ""])
    for row in (-1, 3):
        with pytest.raises(IndexError, match="of 3"):
            column[row]
    with pytest.raises(ValueError, match="a text of 1048578 bytes; 1048575 at most"):
        column.put(np.zeros(1, np.int32), ["x" * (SIZE + 1)])


def test_whoever_reads_beside_the_writer_finds_whole_texts() -> None:
    """The former one or the new one of a row, also while the column grows and is copied."""
    column, stop, wrong = TextColumn(), Event(), list[str]()
    column.extend(50)

    def read() -> None:
        while not stop.is_set():
            data, places = column.encoded.flat()
            for row in range(50):
                place = int(places[row])
                start = place >> SIZE_BITS
                text = bytes(data[start : start + (place & SIZE)]).decode()
                found = [text.strip('"'), column[row]]
                wrong.extend(one for one in found if one and one != _of(row, len(one)))

    readers = [Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    random = np.random.default_rng(0)
    for _ in range(2_000):
        rows = random.permutation(50)[:5]
        column.put(rows, [_of(row, int(random.integers(4, 94))) for row in rows])
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def _of(row: int, size: int) -> str:
    """Return a text that says whose it is, and how long."""
    return f"{row:02}{size:02}".ljust(size, chr(97 + row % 26))
