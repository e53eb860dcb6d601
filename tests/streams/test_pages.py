"""Home pages as bytes: exactly what the codec would have written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import ModelConfig
from online_models.titles import TitleTable
from online_models.viewer_side import Lists
from schemas.codec import decode_home, encode
from schemas.lists import Home, Item, Row, Source, list_id
from schemas.vocabulary import ItemReason, RowKind
from streams.pages import Cause, PageEncoder

REASONS = (None, ItemReason.CO_WATCH, ItemReason.TRENDING)
TIME = 1_700_000_000_000

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64)
"""Whatever the contract takes for an id: quotes, backslashes, any script."""
scores = st.integers(-(10**9), 10**9).filter(lambda n: n % 10).map(lambda n: n / 10_000)
"""Numbers of exactly four decimals, which JSON writes as the kernel does."""


def _encoder(titles: TitleTable) -> PageEncoder:
    """Make an encoder for partition 3."""
    return PageEncoder(titles, topic="viewing.events.v1", partition=3, model_version="m0", ttl_ms=60_000)


def _lists(rows: list[list[int]], score: list[list[float]], reason: list[list[int]]) -> Lists:
    """Make lists of double precision, so that scores stay what they are."""
    return Lists(np.array(rows, "i4"), np.array(score, "f8"), np.array(reason, "u1"))


def _home(cause: Cause, items: list[tuple[str, float, int]]) -> Home:
    """Make the page that the bytes have to mean."""
    listed = tuple(Item(title_id=t, score=s, reason=REASONS[r]) for t, s, r in items)
    row = Row(kind=RowKind.TOP_PICKS, reason=ItemReason.TASTE, items=listed)
    return Home(
        viewer_id=cause.viewer_id,
        list_id=list_id(3, cause.offset, cause.seq),
        seq=cause.seq,
        generated_at_ms=cause.time_ms,
        expires_at_ms=cause.time_ms + 60_000,
        model_version="m0",
        source=Source(topic="viewing.events.v1", partition=3, offset=cause.offset),
        rows=(row,),
    )


@given(
    viewer=ids,
    names=st.lists(ids, min_size=1, max_size=12, unique=True),
    data=st.data(),
    seq=st.integers(0, 2**53 - 1),
    offset=st.integers(0, 2**53),
)
def test_bytes_are_those_of_the_codec(
    viewer: str, names: list[str], data: st.DataObject, seq: int, offset: int
) -> None:
    """Byte for byte: ids with quotes and of any script, the shortest and the longest, every reason."""
    titles = TitleTable(ModelConfig())
    rows = titles.intern(names).tolist()
    score = data.draw(st.lists(scores, min_size=len(rows), max_size=len(rows)))
    reason = data.draw(st.lists(st.integers(0, 2), min_size=len(rows), max_size=len(rows)))
    cause = Cause(viewer, seq, offset, TIME)
    (page,) = _encoder(titles).encode(_lists([rows], [score], [reason]), [cause])
    expected = _home(cause, list(zip(names, score, reason, strict=True)))
    assert page == encode(expected)
    if not any(character in viewer + "".join(names) for character in "\x7f"):
        assert decode_home(page) == expected


def test_many_lists_of_many_lengths() -> None:
    """A title of -1 ends its list wherever it stands, also at the front; the neighbours are untouched."""
    titles = TitleTable(ModelConfig())
    titles.intern(["a", "b", "c"])
    rows = [[0, 1, 2], [-1, 1, 2], [2, -1, 0], [1, 0, -1]]
    causes = [Cause(f"v{n}", n, n, TIME) for n in range(4)]
    pages = _encoder(titles).encode(_lists(rows, [[3, 2, 1]] * 4, [[0, 0, 0]] * 4), causes)
    listed = [[item.title_id for item in decode_home(page).rows[0].items] for page in pages]
    assert listed == [["a", "b", "c"], [], ["c"], ["b", "a"]]
    assert [decode_home(page).viewer_id for page in pages] == ["v0", "v1", "v2", "v3"]


def test_no_list_is_no_page() -> None:
    """Nothing to write is nothing written, also before the first title."""
    empty = Lists(np.zeros((0, 20), "i4"), np.zeros((0, 20), "f4"), np.zeros((0, 20), "u1"))
    assert _encoder(TitleTable(ModelConfig())).encode(empty, []) == []


def test_titles_that_come_later_are_written() -> None:
    """Fragments grow with the table."""
    titles = TitleTable(ModelConfig())
    encoder = _encoder(titles)
    for n, name in enumerate(["first", "second", "third"]):
        (row,) = titles.intern([name]).tolist()
        (page,) = encoder.encode(_lists([[row]], [[1.0]], [[0]]), [Cause("v", n, n, TIME)])
        assert [item.title_id for item in decode_home(page).rows[0].items] == [name]


def test_a_title_that_gets_its_name_later_is_written_with_it() -> None:
    """A row known by its key only, as a neighbour's is, does not keep an empty id for ever."""
    source, titles = TitleTable(ModelConfig()), TitleTable(ModelConfig())
    source.intern(["late", "early"])
    (late,) = titles.by_key(source.arrays.key[:1]).tolist()
    (early,) = titles.intern(["early"]).tolist()
    encoder = _encoder(titles)
    encoder.encode(_lists([[early]], [[1.0]], [[0]]), [Cause("v", 0, 0, TIME)])
    titles.intern(["late"])
    (page,) = encoder.encode(_lists([[late, early]], [[2.0, 1.0]], [[0, 0]]), [Cause("v", 1, 1, TIME)])
    assert [item.title_id for item in decode_home(page).rows[0].items] == ["late", "early"]


@pytest.mark.parametrize(
    ("score", "written"),
    [(0.0, 0.0), (-0.00004, 0.0), (1.00006, 1.0001), (-12.5, -12.5), (9e12, 1e9), (-np.inf, -1e9)],
)
def test_scores_are_rounded_and_bounded(score: float, written: float) -> None:
    """Four decimals, and never a number that the contract forbids."""
    titles = TitleTable(ModelConfig())
    titles.intern(["a"])
    (page,) = _encoder(titles).encode(_lists([[0]], [[score]], [[0]]), [Cause("v", 0, 0, TIME)])
    assert decode_home(page).rows[0].items[0].score == written
