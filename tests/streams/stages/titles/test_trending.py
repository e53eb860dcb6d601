"""What countries and genres watch: counted once, kept over restarts, listed, and shown to strangers."""

from typing import Any

import pytest

from online_models.catalog.catalog import country_code
from online_models.config import FactorizationConfig, ModelConfig
from online_models.learners import segments
from online_models.learners.segments import Segments
from schemas import Impression, Preferences, Tags, Title, topics
from schemas.codec import decode_trending
from schemas.fields import RowKind
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.errors import StateVersionError
from streams.stages.titles.step import TitlesStep
from streams.stages.titles.trending import INTERVAL_MS, SCOPED_ITEMS
from streams.stages.wire import segment_rows
from tests.streams.steps import T0, Line, message, pages_of, watch


def _lists(outcomes: list[Outcome]) -> dict[str, list[str]]:
    """Return the lists by scope, each under its own key."""
    found = {}
    for outcome in outcomes:
        for sent in outcome.outputs.get((topics.TRENDING, None), []):
            trending = decode_trending(sent["value"])
            assert sent["key"] == trending.scope.encode()
            found[trending.scope] = [item.title_id for item in trending.items]
    return found


@pytest.fixture(autouse=True)
def least(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show segments of one viewer, but where the number of viewers is what is tested."""
    if "twenty" not in request.node.name:
        monkeypatch.setattr(segments, "LEAST", 1)


def _line(shards: int = 1) -> Line:
    """Give both stages, with twelve titles of two genres in the catalog."""
    line = Line(Settings(prequential_share=0.0, title_shards=shards))
    line.put(*(Title(title_id=f"t{n}", tags=Tags(genre=("War" if n % 2 else "Drama",))) for n in range(12)))
    line.titles = [
        TitlesStep(line.settings, p, store, labels_since=line.replica.catalog.labels_since)
        for p, store in enumerate(line.title_stores)
    ]
    return line


def _crowd(line: Line, country: str, title: str, viewers: int, first: int = 0) -> list[Outcome]:
    events = [watch(f"{country}{n}", title, first + n, country=country) for n in range(viewers)]
    return line.learn(line.step(line.records(events)))


def test_countries_and_genres_have_lists() -> None:
    """Each list has its scope's titles, most watched first; the global one has all."""
    line = _line()
    lists = _lists(_crowd(line, "IN", "t1", 5))
    assert lists == {"global": ["t1"], "genre:War": ["t1"], "country:IN": ["t1"]}
    lists = _lists(_crowd(line, "US", "t2", 3, first=2 * INTERVAL_MS))
    assert lists == {"global": ["t1", "t2"], "genre:Drama": ["t2"], "country:US": ["t2"]}
    lists = _lists(_crowd(line, "IN", "t2", 7, first=4 * INTERVAL_MS))
    assert lists["country:IN"] == ["t2", "t1"]


def test_a_list_of_a_group_needs_twenty_viewers() -> None:
    """However much nineteen watch, in however many batches; the list of everywhere needs none."""
    line = _line()
    for title in ("t1", "t3"):
        for viewer in range(19):
            events = [watch(f"v{viewer}", title, viewer, country="VA", device="console")]
            assert _lists(line.learn(line.step(line.records(events)))).keys() <= {"global"}
    assert line.replica.segment_boost.trend(country_code("VA")).titles.size == 0
    line.titles = [
        TitlesStep(line.settings, 0, line.title_stores[0], labels_since=line.replica.catalog.labels_since)
    ]
    events = [watch("v19", "t1", 2 * INTERVAL_MS, country="VA", device="console")]
    lists = _lists(line.learn(line.step(line.records(events))))
    assert lists.keys() == {"global", "country:VA", "device:console", "genre:War"}
    assert sorted(lists["country:VA"]) == ["t1", "t3"]
    assert line.replica.segment_boost.trend(country_code("VA")).titles.size == 2
    for store in line.title_stores:
        assert not any(b"v19" in key + value for key, value in store.rows.items())


def test_kinds_of_device_have_lists() -> None:
    """What is watched on a kind of device is its list's, under any of its words; others' words have none."""
    line = _line()
    words = (("tv", "t1"), ("smart_tv", "t1"), ("phone", "t2"), ("fridge", "t3"), (None, "t4"))
    events = [watch(f"v{n}", title, n, device=word) for n, (word, title) in enumerate(words)]
    lists = _lists(line.learn(line.step(line.records(events))))
    about = {scope: titles for scope, titles in lists.items() if scope.startswith("device:")}
    assert about == {"device:tv": ["t1"], "device:phone": ["t2"]}


def test_a_burst_does_not_repeat_lists() -> None:
    """Within a second of event time a scope has one list, and is made good with the next batch after it."""
    line = _line()
    assert "country:IN" in _lists(_crowd(line, "IN", "t1", 2))
    assert set(_lists(_crowd(line, "IN", "t3", 3, first=10))) == {"global"}
    lists = _lists(_crowd(line, "US", "t2", 1, first=INTERVAL_MS + 20))
    assert lists["country:IN"] == ["t3", "t1"]


def test_a_genre_that_the_catalog_drops_loses_its_list() -> None:
    """Also where another tag has taken its number while the list was waiting."""
    factorization = FactorizationConfig(tags=1)
    line = Line(Settings(prequential_share=0.0, model=ModelConfig(factorization=factorization)))
    line.put(Title(title_id="t1", tags=Tags(genre=("War",))))
    labels_since = line.replica.catalog.labels_since
    line.titles = [TitlesStep(line.settings, 0, line.title_stores[0], labels_since=labels_since)]
    assert "genre:War" in _lists(_crowd(line, "IN", "t1", 2))
    for country, title in (("VA", "t1"), ("NZ", "t2")):  # the first finds no number, the second that of War
        assert "genre:War" not in _lists(_crowd(line, country, "t1", 1, first=10))
        line.put(Title(title_id=title, tags=Tags(genre=("Drama",))))
    outcomes = _crowd(line, "US", "t2", 1, first=INTERVAL_MS + 20)
    sent = [message for outcome in outcomes for message in outcome.outputs[topics.TRENDING, None]]
    assert [message["key"] for message in sent if message["value"] is None] == [b"genre:War"]
    assert b"genre:Drama" in {message["key"] for message in sent}


def test_lists_are_bounded() -> None:
    """No more than a row of titles."""
    line = _line()
    events = [watch(f"v{n}", f"x{n}", n, country="IN") for n in range(2 * SCOPED_ITEMS)]
    assert len(_lists(line.learn(line.step(line.records(events))))["country:IN"]) == SCOPED_ITEMS


def test_a_restart_counts_on() -> None:
    """A step made from the store goes on as the one before would have."""
    lines = [_line(), _line()]
    for n, line in enumerate(lines):
        _crowd(line, "IN", "t1", 5)
        _crowd(line, "IN", "t2", 4, first=3 * INTERVAL_MS)
        if n:
            line.titles = [
                TitlesStep(
                    line.settings, 0, line.title_stores[0], labels_since=line.replica.catalog.labels_since
                )
            ]
        _crowd(line, "IN", "t2", 2, first=5 * INTERVAL_MS)
    rows = [
        {k: v for k, v in line.title_stores[0].rows.items() if segment_rows.is_segment(k)} for line in lines
    ]
    assert rows[0] == rows[1]
    assert min(rows[0]) == b"\x02country:IN"


@pytest.mark.parametrize("shards", [1, 2])
def test_a_stranger_sees_what_the_country_watches(shards: int) -> None:
    """Nothing is known but the country: its titles lead, whichever shard owns them."""
    line = _line(shards)
    line.feed(*(watch(f"v{n % 7}", f"t{n % 12}", n) for n in range(60)))
    _crowd(line, "IN", "t3", 9, first=100)
    _crowd(line, "US", "t4", 9, first=150)
    told = [
        Preferences(event_id=f"p{c}", viewer_id=c, event_time_ms=T0 + 200, country=c) for c in ("IN", "US")
    ]
    found = pages_of(line.feed(*told))
    pages = {page.viewer_id: page.items_of(RowKind.TOP_PICKS)[0].title_id for page in found}
    assert pages == {"IN": "t3", "US": "t4"}


@pytest.mark.parametrize("shards", [1, 2])
def test_a_stranger_sees_what_their_kind_of_device_watches(shards: int) -> None:
    """Nothing is known but the device of the newest event that says one, over a restart, too."""
    line = _line(shards)
    line.feed(*(watch(f"v{n % 7}", f"t{n % 12}", n) for n in range(60)))
    for first, (device, title) in enumerate((("tv", "t3"), ("phone", "t4")), 2):
        crowd = (watch(f"{device}{n}", title, 100 * first + n, device=device) for n in range(9))
        line.learn(line.step(line.records(crowd)))
    about: dict[str, Any] = {"event_time_ms": T0 + 400}
    seen = {"title_id": "t9", "list_id": "l", "row": 0, "slot": 0}
    told = [
        Preferences(event_id="p", viewer_id="ada", device="smart_tv", **about),
        Preferences(event_id="p", viewer_id="bob", device="tv", **about),
        Impression(event_id="b", viewer_id="bob", device="mobile", **seen | about),
        Impression(event_id="c", viewer_id="bob", device="fridge", **seen | about),
    ]
    pages = {page.viewer_id: page for page in pages_of(line.feed(*told))}
    line.viewers = line.stage.step(0, line.store)
    more = [Preferences(event_id="q", viewer_id=one, maturity=18, **about) for one in ("ada", "bob")]
    again = {page.viewer_id: page for page in pages_of(line.feed(*more))}
    for found in (pages, again):
        first = {viewer: page.items_of(RowKind.TOP_PICKS)[0].title_id for viewer, page in found.items()}
        assert first == {"ada": "t3", "bob": "t4"}


def test_rows_are_read_as_they_were_written() -> None:
    """Keys, counts and times come back; a newer version is refused."""
    crowd = Segments()
    crowd.watch(6, 0.5, T0, country=country_code("IN"))
    key, value = segment_rows.pack("country:IN", crowd.state("country:IN"))
    assert key == b"\x02country:IN"
    again = Segments()
    segment_rows.load(again, key, value or b"")
    assert again.top("country:IN", 5) == [(6, 0.5)]
    assert again.newest_ms("country:IN") == T0
    with pytest.raises(StateVersionError):
        segment_rows.load(again, key, b"\x02" + (value or b"")[1:])


def test_the_replica_takes_rows_in_any_order() -> None:
    """Rows of segments are no titles."""
    line = _line()
    crowd = Segments()
    crowd.watch(6, 0.5, T0, country=country_code("IN"))
    key, value = segment_rows.pack("country:IN", crowd.state("country:IN"))
    before = len(line.replica.titles)
    line.replica.take_rows([message(key, value)])
    assert len(line.replica.titles) == before
