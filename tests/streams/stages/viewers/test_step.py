"""The viewers' step without a broker: who gets a page, and what it holds."""

import pytest

from online_models.config import ModelConfig
from online_models.page.config import PageConfig
from schemas import Availability, MyList, Play, Rate, Search, Tags, Thumb, Title, topics
from schemas.events import ListAction
from schemas.fields import RowKind
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.wire.partition_rows import SENT
from tests.streams.stages.viewers.crowd import crowd, preferences
from tests.streams.steps import T0, Line, pages_of, record, records_of, watch


def _listed(outcome: Outcome) -> dict[str, list[str]]:
    """Return the titles on each viewer's page, each once."""
    return {
        page.viewer_id: list(dict.fromkeys(item.title_id for row in page.rows for item in row.items))
        for page in pages_of(outcome)
    }


@pytest.fixture
def line() -> Line:
    """Give both stages, with a crowd that has taught them twelve titles."""
    line = Line()
    line.feed(*crowd())
    return line


def test_pages_go_to_the_moved_and_only_to_them(line: Line) -> None:
    """What shows on a page moves it: a watch, a no, a start, a search, the viewer's own list."""
    common = {"viewer_id": "bob", "event_time_ms": T0}
    search = Search(event_id="b2", query="q", result_count=1, clicked_title_id="t1", **common)
    added = MyList(event_id="c", viewer_id="cat", event_time_ms=T0, title_id="t2", action=ListAction.ADD)
    begun = Play(event_id="d", viewer_id="dan", event_time_ms=T0, title_id="t2")
    down = Rate(event_id="e", viewer_id="eve", event_time_ms=T0, title_id="t3", thumb=Thumb.DOWN)
    outcome = line.feed(search, added, begun, down, watch("ada", "t1"))
    rows = {page.viewer_id: page for page in pages_of(outcome)}
    assert list(rows) == ["bob", "cat", "dan", "eve", "ada"]
    assert [i.title_id for i in rows["cat"].items_of(RowKind.MY_LIST)] == ["t2"]
    assert [i.title_id for i in rows["dan"].items_of(RowKind.CONTINUE_WATCHING)] == ["t2"]


def test_a_plain_list_goes_to_those_whose_taste_moved() -> None:
    """Watching, judging, turning down, seeking move a page of one row; starts, wishes, a rewatch do not."""
    line = Line(Settings(prequential_share=0.0, page=PageConfig(rows=1)))
    line.feed(*crowd())
    common = {"viewer_id": "bob", "event_time_ms": T0}
    still = [
        Play(event_id="b1", title_id="t1", **common),
        MyList(event_id="b3", title_id="t2", action=ListAction.ADD, **common),
        watch("crowd0", "t0", 999),
    ]
    down = Rate(event_id="e", viewer_id="eve", event_time_ms=T0, title_id="t3", thumb=Thumb.DOWN)
    sought = Search(event_id="s", viewer_id="sam", event_time_ms=T0, query="q", result_count=0)
    found = _listed(line.feed(*still, watch("ada", "t1"), down, sought))
    assert set(found) == {"ada", "eve", "sam"}
    assert "t1" not in found["ada"]
    assert "t3" not in found["eve"]
    assert len(found["ada"]) == 11


def test_a_page_says_where_it_comes_from(line: Line) -> None:
    """Two events of a viewer in a batch make one page, caused by the second, in the viewer's partition."""
    first = line.offset
    outcome = line.feed(watch("ada", "t1", 5), watch("ada", "t2", 6), watch("bob", "t2", 7))
    (ada, bob) = pages_of(outcome)
    assert (ada.source.topic, ada.source.partition, ada.source.offset) == (topics.EVENTS, 0, first + 1)
    assert ada.list_id == f"0-{first + 1}-1"
    assert (ada.generated_at_ms, ada.expires_at_ms) == (T0 + 6, T0 + 6 + 86_400_000)
    assert ada.model_version == f"1@{ModelConfig().fingerprint()}"
    assert bob.source.offset == first + 2
    assert [m["key"] for m in outcome.outputs[topics.HOME, 0]] == [b"ada", b"bob"]


def test_every_event_can_have_a_page() -> None:
    """With list_per_event each event that says something has a page of its own, repeats and rewatches too."""
    line = Line(Settings(list_per_event=True))
    events = [watch("ada", "t1", 1), watch("bob", "t1", 2), watch("ada", "t2", 3), watch("ada", "t1", 4)]
    pages = pages_of(line.feed(*events))
    assert [(page.viewer_id, page.seq) for page in pages] == [("ada", 1), ("bob", 1), ("ada", 2), ("ada", 3)]
    assert [page.source.offset for page in pages] == [0, 1, 2, 3]
    (again,) = pages_of(line.feed(watch("ada", "t3", 5), watch("ada", "t2", 3)))
    assert again.seq == 4


def test_seq_grows_by_one_a_page(line: Line) -> None:
    """A viewer's pages are numbered without a gap, over a restart too."""
    seqs = []
    for n in range(4):
        (page,) = pages_of(line.feed(watch("ada", f"t{n}", n)))
        seqs.append(page.seq)
        if n == 1:
            line.restart()
    assert seqs == [1, 2, 3, 4]


def test_a_repeated_event_changes_nothing_and_is_counted(line: Line) -> None:
    """A producer's retry makes no page, no row and no signal, even from another country."""
    event = watch("ada", "t1", country="IN")
    line.feed(event)
    again = watch("ada", "t1", country="US")
    outcome = line.feed(again, again, event)
    assert (outcome.rows, outcome.outputs, outcome.dead_letters) == ([], {}, [])
    assert line.count("events_total", stage="viewers", outcome="duplicate") == 3
    before = line.side.viewers.arrays.country[line.side.viewers.slot("ada")]
    line.restart()
    line.feed(watch("ada", "t2", 1))
    assert line.side.viewers.arrays.country[line.side.viewers.slot("ada")] == before


def test_repeated_preferences_change_nothing(line: Line) -> None:
    """The same preferences a second time make no page, several liked titles or none."""
    told = [preferences("ada", 1, maturity=12), preferences("bob", 2, liked_titles=("t1", "t2"))]
    assert set(_listed(line.feed(*told))) == {"ada", "bob"}
    outcome = line.feed(*told)
    assert (outcome.rows, outcome.outputs) == ([], {})


def test_dead_letters_move_on(line: Line) -> None:
    """A batch of nothing but rubbish has letters and no rows; rubbish beside events stops nothing."""
    bad = record(b"{", b"ada", offset=line.offset)
    outcome = line.step([bad])
    assert (len(outcome.dead_letters), outcome.rows, outcome.outputs) == (1, [], {})
    mixed = [record(b"", b"x", offset=line.offset), *records_of([watch("ada", "t1")], line.offset + 1)]
    outcome = line.step(mixed)
    assert [letter.source.offset for letter in outcome.dead_letters] == [line.offset - 2]
    assert set(_listed(outcome)) == {"ada"}


def test_titles_never_met_are_learned_and_then_listed(line: Line) -> None:
    """A title needs no catalog: once watched by one, it is on the lists of others."""
    assert "brand new" not in _listed(line.feed(watch("ada", "t1")))["ada"]
    line.feed(watch("bob", "brand new"))
    assert "brand new" in _listed(line.feed(watch("ada", "t2", 1)))["ada"]


def test_titles_beyond_the_capacity_are_not_learned() -> None:
    """Invented ids cannot fill the memory; the event is remembered and the partition moves on."""
    line = Line(Settings(prequential_share=0.0, model=ModelConfig(title_capacity=3)))
    line.feed(*(watch("ada", f"t{n}", n) for n in range(3)))
    outcome = line.feed(watch("bob", "t99"))
    assert (outcome.outputs, [key for key, _ in outcome.rows]) == ({}, [b"bob", SENT.key])
    assert len(line.replica.titles) == 3


def test_guards_hold_on_pages(line: Line) -> None:
    """Maturity, window, country and withdrawal keep a title off pages, whoever watched it."""
    line.put(
        *(Title(title_id=f"t{n}") for n in range(4, 12)),
        Title(title_id="t1", maturity=16),
        Title(title_id="t2", availability=Availability(end_ms=T0 + 10)),
        Title(title_id="t3", availability=Availability(countries=("IN",))),
    )
    line.withdraw("t4")
    line.feed(preferences("child", 1, maturity=12))
    late = T0 + 1_000
    outcome = line.feed(
        watch("child", "t5", event_time_ms=late),
        watch("adult", "t5", event_time_ms=late, country="US"),
        watch("indian", "t5", event_time_ms=late, country="IN"),
    )
    found = {viewer: set(titles) for viewer, titles in _listed(outcome).items()}
    open_to_all = {f"t{n}" for n in range(6, 12)}
    assert found["child"] == open_to_all
    assert found["adult"] == open_to_all | {"t0", "t1"}
    assert found["indian"] == open_to_all | {"t0", "t1", "t3"}
    limits = {page.viewer_id: (page.country, page.maturity) for page in pages_of(outcome)}
    assert limits == {"child": (None, 12), "adult": ("US", None), "indian": ("IN", None)}


def test_a_limit_is_taken_back_by_preferences_without_one(line: Line) -> None:
    """Preferences replace what was said before: no maturity means no limit."""
    line.put(Title(title_id="t1", maturity=16))
    assert "t1" not in _listed(line.feed(preferences("ada", 1, maturity=12)))["ada"]
    line.restart()
    assert "t1" in _listed(line.feed(preferences("ada", 2, genres=("Drama",))))["ada"]


def test_the_later_of_two_causes_is_named(line: Line) -> None:
    """Preferences behind a watch in the same batch are the page's cause, and the other way round."""
    first = line.offset
    told, seen = preferences("ada", 1, maturity=12), watch("bob", "t1")
    outcome = line.feed(watch("ada", "t1"), told, preferences("bob", 2, maturity=3), seen)
    assert [page.source.offset - first for page in pages_of(outcome)] == [1, 3]


def test_an_empty_model_makes_an_empty_page() -> None:
    """The first event of all gets a page, with nothing on it yet."""
    line = Line()
    assert _listed(line.feed(watch("ada", "t1"))) == {"ada": []}
    assert line.count("lists_total") == 1
    assert line.count("learned_total") == 1


def test_length_of_the_list_is_a_setting() -> None:
    """A row has as many items as the setting says."""
    line = Line(Settings(prequential_share=0.0, list_length=3))
    line.feed(*crowd())
    (page,) = pages_of(line.feed(watch("ada", "t1")))
    assert len(page.items_of(RowKind.TOP_PICKS)) == 3
    assert max(len(row.items) for row in page.rows) == 3


def test_preferences_make_a_page_at_once() -> None:
    """Genres alone do, by taste and not by what all watch; said again they do not, said otherwise they do."""
    line = Line()
    line.put(*(Title(title_id=f"t{n}", tags=Tags(genre=("War" if n % 2 else "Drama",))) for n in range(12)))
    line.feed(*crowd())
    (page,) = pages_of(line.feed(preferences("ada", 1, genres=("War",))))
    first = page.items_of(RowKind.TOP_PICKS)[:4]
    assert {item.title_id for item in first} <= {f"t{n}" for n in range(1, 12, 2)}
    line.restart()
    assert pages_of(line.feed(preferences("ada", 2, genres=("War",)))) == []
    (page,) = pages_of(line.feed(preferences("ada", 3, genres=("Drama",))))
    assert page.items_of(RowKind.TOP_PICKS)[0].title_id in {f"t{n}" for n in range(0, 12, 2)}
