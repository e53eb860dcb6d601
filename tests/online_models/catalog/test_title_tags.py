"""Tags of titles: interned, replaced, packed, and kept in snapshots."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.artwork.features import TasteFeatures, word_of
from online_models.catalog.catalog import Catalog
from online_models.catalog.title_tags import TitleTags, labels_of
from online_models.catalog.vocabulary import canonical_keys
from online_models.config import ModelConfig
from online_models.page.catalog_index import CatalogIndex
from online_models.page.config import PageConfig
from online_models.tables import numbering
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
from schemas import Tags, Title

NAMES = st.lists(st.sampled_from("abcdef"), max_size=4)
RECORDS = st.lists(st.tuples(st.integers(0, 9), NAMES), max_size=60)


def title(genres: list[str], release_ms: int | None = None) -> Title:
    """Return a title of genres."""
    return Title(title_id="t", tags=Tags(genre=tuple(genres)), release_ms=release_ms)


def said(tags: TitleTags, rows: int) -> list[list[str]]:
    """Return the tags of the first rows by name."""
    indptr, ids = tags.of(np.arange(rows))
    return [[tags.names[t] for t in ids[a:b]] for a, b in pairwise(indptr)]


@given(RECORDS)
def test_the_newest_record_counts(records: list[tuple[int, list[str]]]) -> None:
    """Whatever the order of records, a row has the tags of its last; a copy of the state has the same."""
    tags, newest = TitleTags(), {}
    for row, genres in records:
        tags.put(np.array([row]), [labels_of(title(genres))])
        newest[row] = list(dict.fromkeys(f"genre:{g}" for g in genres))
    wanted = [newest.get(row, []) for row in range(12)]
    assert said(tags, 12) == wanted
    assert said(TitleTags.from_state(*tags.state()), 12) == wanted


def test_replaced_records_do_not_pile_up() -> None:
    """A thousand changes of one title take no more room than a few."""
    tags = TitleTags()
    for n in range(1_000):
        tags.put(np.array([0]), [labels_of(title([f"g{n % 7}", f"g{n % 5}"]))])
    assert tags._pool.size < 16


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers out of use are given again at once."""
    monkeypatch.setattr(numbering, "PAUSE", 0)


@pytest.mark.usefixtures("soon")
def test_a_nightly_catalog_takes_no_more_room() -> None:
    """Every title with a new actor and a new series each night: there are never more than of two nights."""
    catalog = Catalog(TitleTable(ModelConfig()))
    for night in range(30):
        for n in range(10):
            tags = Tags(genre=("Drama",), cast=(f"actor {night}-{n}",))
            catalog.put(Title(title_id=f"t{n}", name="x", series_id=f"s{night}-{n // 2}", tags=tags))
    rows = np.arange(10)
    assert said(catalog.tags, 10) == [["genre:Drama", f"cast:actor 29-{n}"] for n in rows]
    assert len(catalog.tag_names) <= 21
    series = catalog.facts.series(10)
    assert [[*series].index(number) for number in series] == [n // 2 * 2 for n in rows]
    assert len(catalog.facts._numbering) <= 12
    copy = Catalog.from_snapshot(catalog.snapshot(), catalog.titles)
    for one in (catalog, copy):
        one.put(Title(title_id="t0", tags=Tags(mood=("dark",))))
        one.put(Title(title_id="t1", tags=Tags(mood=("light",))))
    assert copy.snapshot() == catalog.snapshot()
    assert len(copy.tag_names) <= 22


@pytest.mark.usefixtures("soon")
def test_who_keeps_numbers_of_tags_learns_that_they_mean_something_else() -> None:
    """Stated tags, liked words and headings of pages go by the present names."""
    catalog = Catalog(TitleTable(ModelConfig()))
    index = CatalogIndex(catalog.titles, catalog, PageConfig())
    viewers = ViewerTable(ModelConfig(), 4)
    taste = TasteFeatures(viewers, catalog)
    slot = viewers.acquire(["ada"])

    def stated(name: str) -> int:
        return int(index.stated_tags(canonical_keys([name])[None])[0, 0])

    catalog.put(Title(title_id="a", tags=Tags(genre=("Drama",))))
    number = stated("genre:Drama")
    assert taste.of(slot).vocabulary == ["Drama"]
    catalog.put(Title(title_id="a", tags=Tags(genre=("War",))))
    catalog.put(Title(title_id="b", tags=Tags(genre=("Crime",))))
    assert catalog.tag_names[number] == "genre:Crime"
    assert (stated("genre:Crime"), stated("genre:Drama")) == (number, -1)
    taste.of(slot)
    assert _words_of(taste) == [
        None if name is None else name.partition(":")[2] for name in catalog.tag_names
    ]


@given(RECORDS)
def test_words_that_are_numbered_one_by_one_are_in_the_order_of_the_alphabet(
    records: list[tuple[int, list[str]]],
) -> None:
    """As if all of them were numbered anew; words of tags that are gone do not pile up."""
    catalog = Catalog(TitleTable(ModelConfig()))
    viewers = ViewerTable(ModelConfig(), 4)
    taste, slot = TasteFeatures(viewers, catalog), viewers.acquire(["ada"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbering, "PAUSE", 0)
        for n, (row, genres) in enumerate(records):
            tags = Tags(genre=tuple(dict.fromkeys(f"{name} {n // 2}" for name in genres)))
            catalog.put(Title(title_id=f"t{row}", tags=tags, release_ms=0))
            vocabulary = list(taste.of(slot).vocabulary)
            assert vocabulary == sorted(set(vocabulary))
            assert _words_of(taste) == [word_of(label) for label in catalog.tag_names]
            assert len(vocabulary) <= 3 * len(catalog.tag_names)


def _words_of(taste: TasteFeatures) -> list[str | None]:
    """Return the word of each tag by its number."""
    return [None if number < 0 else taste._vocabulary[number] for number in taste._word.tolist()]


def test_decades() -> None:
    """The year is the calendar's, also before 1970; no date, no decade."""
    years = {"2000-01-01": "2000s", "1999-12-31T23:59:59.999": "1990s", "1888-10-14": "1880s"}
    for date, decade in years.items():
        at = int(np.datetime64(date, "ms").astype(np.int64))
        assert labels_of(title([], at)) == [f"decade:{decade}"]
    assert labels_of(title([])) == []


def test_kept_in_a_snapshot() -> None:
    """Tags survive; a snapshot made before there were any has none; a withdrawn title keeps its own."""
    table = TitleTable(ModelConfig())
    catalog = Catalog(table)
    catalog.put(Title(title_id="a", tags=Tags(mood=("dark",), pace=("slow",)), release_ms=0))
    catalog.withdraw("a")
    copy = Catalog.from_snapshot(catalog.snapshot(), table)
    assert said(copy.tags, 1) == [["mood:dark", "pace:slow", "decade:1970s"]]
    assert copy.snapshot() == catalog.snapshot()
    assert said(TitleTags.from_state({}, {}), 1) == [[]]
