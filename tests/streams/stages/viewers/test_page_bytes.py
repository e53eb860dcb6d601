"""Home pages as bytes: exactly what the codec would have written."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog
from online_models.config import ModelConfig
from online_models.page.build import blank_pages, pages_of_lists
from online_models.page.headings import PageDecoder
from online_models.page.layout import Pages
from online_models.page.messages import messages
from online_models.page.shelf_kinds import REASONS as WHY
from online_models.ranking.viewer_side import Lists
from online_models.tables import numbering
from online_models.tables.codes import BECAUSE_WATCHED, EXPLORE, EXPLORED, KINDS, TAG_SHELF
from online_models.tables.titles import TitleTable
from schemas import Tags, Title
from schemas.codec import decode_home, encode
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home, Item, Row, Source, list_id
from streams.stages.viewers.page_bytes import Cause, Causes, PageEncoder

REASONS = (None, ItemReason.CO_WATCH, ItemReason.TRENDING)
TIME = 1_700_000_000_000

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64)
"""Whatever the contract takes for an id: quotes, backslashes, any script."""
scores = st.integers(-(10**9), 10**9).filter(lambda n: n % 10).map(lambda n: n / 10_000)
"""Numbers of exactly four decimals, which JSON writes as the kernel does."""


def _encoder(titles: TitleTable) -> PageEncoder:
    """Make an encoder for partition 3."""
    about = {"topic": "viewing.events.v1", "partition": 3, "model_version": "m0", "ttl_ms": 60_000}
    return PageEncoder(titles, Catalog(titles), **about)


def _lists(rows: list[list[int]], score: list[list[float]], reason: list[list[int]]) -> Pages:
    """Make pages of one row and of double precision, so that scores stay what they are."""
    return pages_of_lists(
        Lists(np.array(rows, "i4"), np.array(score, "f8"), np.array(reason, "u1"), np.zeros(len(rows), "i4"))
    )


def _write(encoder: PageEncoder, pages: Pages, *causes: Cause) -> list[bytes]:
    """Write pages in English."""
    return encoder.encode(pages, Causes.of(causes), [0] * len(causes))


def _home(cause: Cause, items: list[tuple[str, float, int]]) -> Home:
    """Make the page that the bytes have to mean."""
    titles = tuple(Item(title_id=t, score=s, reason=REASONS[r]) for t, s, r in items)
    row = Row(kind=RowKind.TOP_PICKS, title="Top picks for you", reason=ItemReason.TASTE, items=titles)
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
    (page,) = _write(_encoder(titles), _lists([rows], [score], [reason]), cause)
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
    pages = _write(_encoder(titles), _lists(rows, [[3, 2, 1]] * 4, [[0, 0, 0]] * 4), *causes)
    found = [[item.title_id for item in decode_home(page).items_of(RowKind.TOP_PICKS)] for page in pages]
    assert found == [["a", "b", "c"], [], ["c"], ["b", "a"]]
    assert decode_home(pages[1]).rows == ()
    assert [decode_home(page).viewer_id for page in pages] == ["v0", "v1", "v2", "v3"]


def test_no_list_is_no_page() -> None:
    """Nothing to write is nothing written, also before the first title."""
    empty = Lists(
        np.zeros((0, 20), "i4"), np.zeros((0, 20), "f4"), np.zeros((0, 20), "u1"), np.zeros(0, "i4")
    )
    assert _write(_encoder(TitleTable(ModelConfig())), pages_of_lists(empty)) == []


def test_titles_that_come_later_are_written() -> None:
    """Fragments grow with the table."""
    titles = TitleTable(ModelConfig())
    encoder = _encoder(titles)
    for n, name in enumerate(["first", "second", "third"]):
        (row,) = titles.intern([name]).tolist()
        (page,) = _write(encoder, _lists([[row]], [[1.0]], [[0]]), Cause("v", n, n, TIME))
        assert [item.title_id for item in decode_home(page).rows[0].items] == [name]


def test_a_title_that_gets_its_name_later_is_written_with_it() -> None:
    """A row known by its key only, as a neighbour's is, does not keep an empty id for ever."""
    source, titles = TitleTable(ModelConfig()), TitleTable(ModelConfig())
    source.intern(["late", "early"])
    (late,) = titles.by_key(source.arrays.key[:1]).tolist()
    (early,) = titles.intern(["early"]).tolist()
    encoder = _encoder(titles)
    _write(encoder, _lists([[early]], [[1.0]], [[0]]), Cause("v", 0, 0, TIME))
    titles.intern(["late"])
    (page,) = _write(encoder, _lists([[late, early]], [[2.0, 1.0]], [[0, 0]]), Cause("v", 1, 1, TIME))
    assert [item.title_id for item in decode_home(page).rows[0].items] == ["late", "early"]


@pytest.mark.parametrize(
    ("score", "written"),
    [(0.0, 0.0), (-0.00004, 0.0), (1.00006, 1.0001), (-12.5, -12.5), (9e12, 1e9), (-np.inf, -1e9)],
)
def test_scores_are_rounded_and_bounded(score: float, written: float) -> None:
    """Four decimals, and never a number that the contract forbids."""
    titles = TitleTable(ModelConfig())
    titles.intern(["a"])
    (page,) = _write(_encoder(titles), _lists([[0]], [[score]], [[0]]), Cause("v", 0, 0, TIME))
    assert decode_home(page).rows[0].items[0].score == written


rows_made = st.lists(
    st.tuples(
        st.integers(0, KINDS - 1),
        st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True),
        st.lists(st.integers(0, len(WHY) - 1), min_size=4, max_size=4),
    ),
    max_size=4,
)


def _made(rows: list[tuple[int, list[int], list[int]]], q: int, pages: Pages) -> None:
    """Lay out the ``q``-th page by hand: kinds, titles, reasons."""
    for r, (kind, titles, reasons) in enumerate(rows):
        pages.kind[q, r] = kind
        pages.title[q, r, : len(titles)] = titles
        pages.score[q, r, : len(titles)] = [0.25 * n for n in titles]
        pages.reason[q, r] = reasons
        pages.because[q, r, : len(titles)] = [(-1, t, -2 - t % 3)[t % 3] for t in titles]
        pages.progress[q, : len(titles)] = [-1.0 if t == 2 else t / 8 for t in titles]
        pages.left[q, : len(titles)] = [10**t for t in titles]
        if kind in {BECAUSE_WATCHED, BECAUSE_WATCHED + 1}:
            pages.arg[q, r, 0] = titles[0]
        if kind == TAG_SHELF:
            pages.arg[q, r, :2] = (titles[0] % 3, (titles[0] + 1) % 3)
        if kind == EXPLORE:
            pages.candidates[q] = 7
            pages.reason[q, r] = EXPLORED


@given(
    first=rows_made,
    second=rows_made,
    parts=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1, width=32)), max_size=3),
)
def test_rows_of_every_kind_are_written_as_their_words(
    first: list[tuple[int, list[int], list[int]]],
    second: list[tuple[int, list[int], list[int]]],
    parts: list[tuple[int, float]],
) -> None:
    """The bytes say what the rows in words say: an English page beside a Hindi one."""
    titles = TitleTable(ModelConfig())
    titles.intern([f"t{n}" for n in range(6)])
    encoder = _encoder(titles)
    catalog = encoder._catalog
    catalog.put(Title(title_id="t1", name='"É"', tags=Tags(genre=("Drama", "Crime"), mood=("dark",))))
    pages = blank_pages(2, 4, 4, 3)
    for q, rows in enumerate((first, second)):
        _made(rows, q, pages)
        for k, one in enumerate(parts[q:]):
            pages.category[q, k], pages.category_share[q, k] = one
    hindi = int.from_bytes(b"hi", "little")
    causes = Causes.of([Cause("v", 1, 2, TIME), Cause("w", 3, 4, TIME)])
    written = encoder.encode(pages, causes, [0, hindi])
    wording = PageDecoder(titles.ids, catalog.facts.name, catalog.tag_names)
    for q, language in enumerate(("en", "hi")):
        home = decode_home(written[q])
        assert home.rows == wording.rows(pages, q, messages(language))
        assert home.categories == wording.categories(pages, q, messages(language))
        end = b',"categories":%b}' % msgspec.json.encode(home.categories) if home.categories else b"]}"
        assert written[q].endswith(end)
        assert home.language == (None if language == "en" else "hi")


def test_a_heading_follows_the_titles_new_name() -> None:
    """A seed that is called otherwise from now on is called so on the next page."""
    titles = TitleTable(ModelConfig())
    titles.intern(["a", "b"])
    encoder = _encoder(titles)
    headings = []
    for name in ("Old", "New"):
        encoder._catalog.put(Title(title_id="a", name=name))
        pages = blank_pages(1, 1, 4)
        _made([(BECAUSE_WATCHED, [0, 1], [1, 1, 1, 1])], 0, pages)
        (page,) = _write(encoder, pages, Cause("v", 0, 0, TIME))
        headings.append(decode_home(page).rows[0].title)
    assert headings == ["Because you watched Old", "Because you watched New"]


def test_a_category_follows_the_tag_that_has_the_number_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of a tag that no title has any more becomes another's: the next page names that one."""
    monkeypatch.setattr(numbering, "PAUSE", 0)
    titles = TitleTable(ModelConfig())
    encoder = _encoder(titles)
    categories = []
    for genre in ("Drama", "War", "Crime"):
        encoder._catalog.put(Title(title_id=f"of {genre == 'Crime'}", tags=Tags(genre=(genre,))))
        pages = blank_pages(1, 1, 4, 1)
        pages.category[0, 0], pages.category_share[0, 0] = 0, 0.5
        (page,) = _write(encoder, pages, Cause("v", 0, 0, TIME))
        categories += [one.tag for one in decode_home(page).categories]
    assert categories == ["genre:Drama", "genre:Drama", "genre:Crime"]
