"""Attribution: from what viewers saw and searched for to artwork bandits and queries."""

from typing import Any

import numpy as np
import pytest

from online_models.artwork.gallery import DAY_MS, Gallery
from online_models.learners.attribution import ImpressionLog
from online_models.learners.search import SearchedQuery, hashed
from online_models.page.shelf_kinds import KINDS
from schemas import Artwork, Event, Identify, Impression, RowKind, Search, Tags, Title
from streams.config.settings import Settings
from streams.errors import StateVersionError
from streams.stages.titles.step import TitlesStep
from streams.stages.wire import attribution, impression_rows
from streams.stages.wire.partition_rows import SHELF_VALUE
from tests.streams.steps import T0, Line, pages_of, watch

ART = tuple(Artwork(id=f"{word}.jpg", uri=f"https://x/{word}", tags=(word,)) for word in ("love", "war"))


def _saw(viewer: str, title: str, picture: str | None, number: int = 0, **more: Any) -> Impression:
    """Make an impression of a picture."""
    about = {"event_id": f"i{viewer}{title}{number}", "viewer_id": viewer, "event_time_ms": T0 + number}
    return Impression(**about, list_id="l", row=0, slot=0, title_id=title, artwork=picture, **more)


def _searched(viewer: str, query: str, title: str, number: int = 0) -> Search:
    about = {"event_id": f"s{viewer}{title}{number}", "viewer_id": viewer, "event_time_ms": T0 + number}
    return Search(**about, query=query, result_count=3, clicked_title_id=title)


def _line(shards: int = 1) -> Line:
    line = Line(Settings(prequential_share=0.0, title_shards=shards))
    line.put(
        *(Title(title_id=f"t{n}", artwork=ART, tags=Tags(genre=("love" if n else "war",))) for n in range(4)),
        Title(title_id="plain", artwork=ART[:1]),
    )
    return line


def _cells(line: Line, title: str) -> dict[str, list[list[float]]]:
    """Return the replica's bandit of a title's artwork."""
    bandit = line.replica.gallery.bandit(title)
    return {picture: bandit.cells(picture).round(6).tolist() for picture in bandit.arms}


def _rows(line: Line) -> dict[bytes, bytes]:
    """Return the artwork and query rows of all shards."""
    kept = (attribution.ARTWORK, attribution.QUERY)
    return {key: value for store in line.title_stores for key, value in store.rows.items() if key[:1] in kept}


def test_nobodys_words_leave_the_viewer() -> None:
    """Neither the title model nor the signals have them: only the viewer's own row."""
    line = _line()
    line.feed(_searched("ada", "my street 12 springfield", "t1"))
    assert any(b"springfield" in value for value in line.store.rows.values())
    outcome = line.step(line.records([watch("ada", "t1", 2)]))
    sent = [message["value"] for messages in outcome.outputs.values() for message in messages]
    assert not any(b"springfield" in value for value in sent)
    line.learn(outcome)
    for store in line.title_stores:
        assert not any(b"springfield" in key + value for key, value in store.rows.items())
    assert _after(line, "my street 12 springfield") == {"t1": 1.0}


def _after(line: Line, query: str) -> dict[str, float]:
    return attribution.watched_after(_rows(line).get(attribution.query_key(hashed(query))))


@pytest.mark.parametrize("shards", [1, 3])
def test_a_picture_that_led_to_a_watch_has_won(shards: int) -> None:
    """Seen in a day is one trial, in the context of the viewer's taste; a quality watch within a day wins."""
    line = _line(shards)
    line.feed(watch("ada", "t3", 1))  # likes love
    line.feed(
        _saw("ada", "t1", "love.jpg", 2), _saw("ada", "t1", "love.jpg", 3), _saw("bob", "t1", "war.jpg", 4)
    )
    assert _cells(line, "t1") == {
        "love.jpg": [[0, 0], [1, 0], [0, 0]],
        "war.jpg": [[1, 0], [0, 0], [0, 0]],
    }
    line.feed(watch("ada", "t1", 5), watch("bob", "t1", DAY_MS + 10))
    won = _cells(line, "t1")
    assert won == {"love.jpg": [[0, 0], [1, 1], [0, 0]], "war.jpg": [[1, 0], [0, 0], [0, 0]]}


def test_nothing_is_learned_where_there_was_no_choice() -> None:
    """One picture, an unknown one, none told, or a title not in the catalog."""
    line = _line()
    line.feed(
        _saw("ada", "plain", "love.jpg"),
        _saw("ada", "t1", "gone.jpg", 1),
        _saw("ada", "t2", None, 2),
        _saw("ada", "alien", "love.jpg", 3),
        watch("ada", "t1", 4),
    )
    assert _rows(line) == {}
    assert not any(key.startswith(impression_rows.PREFIX) for key in line.store.rows)


def test_a_query_is_what_people_watch_after_it() -> None:
    """Opened and watched: learned under the words as typed; opened only: not."""
    line = _line()
    line.feed(_searched("ada", "Dark  KNIGHT", "t1"), _searched("bob", "dark knight", "t2", 1))
    assert _after(line, "dark knight") == {}
    line.feed(watch("ada", "t1", 2), watch("bob", "t3", 3), watch("eve", "t1", 4))
    assert _after(line, "dark knight") == {"t1": 1.0}
    line.feed(watch("bob", "t2", 5))
    assert _after(line, "dark knight") == {"t1": pytest.approx(1), "t2": pytest.approx(1)}


def test_repeats_and_restarts_change_nothing() -> None:
    """A producer's retry is no second trial; batches and restarts leave no trace."""
    events: list[Event] = [
        watch("ada", "t3", 1),
        _saw("ada", "t1", "love.jpg", 2),
        _searched("ada", "q", "t2", 3),
        _saw("ada", "t2", "war.jpg", 4),
        watch("ada", "t2", 5),
        watch("ada", "t1", 6),
    ]
    found = []
    for parts in ([events], [[e] for e in events], [[*events[:4], *events[1:3]], [*events[3:], events[4]]]):
        line = _line()
        for part in parts:
            line.feed(*part)
            line.restart()
            line.titles = [TitlesStep(line.settings, 0, line.title_stores[0])]
        found.append(_rows(line))
        assert not any(
            key.startswith(impression_rows.PREFIX) for key in line.store.rows
        )  # nothing is left to win
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 3


def test_what_was_seen_is_remembered_in_its_own_row() -> None:
    """A row while something can still be won, over a restart; gone with the viewer at a sign-in."""
    line = _line()
    line.feed(_saw("s1", "t1", "love.jpg"), _saw("bob", "t1", "love.jpg", 1))
    line.restart()
    line.feed(watch("bob", "t1", 2))
    assert {key for key in line.store.rows if key.startswith(impression_rows.PREFIX)} == {b"\x03s1"}
    about = {"event_id": "i", "viewer_id": "s1", "event_time_ms": T0 + 9}
    line.feed(Identify(**about, known_as="ada"))
    assert not any(key.startswith(impression_rows.PREFIX) for key in line.store.rows)
    line.feed(watch("s1", "t1", 10))
    assert _cells(line, "t1")["love.jpg"][0][1] == pytest.approx(1.0)  # bob's


def test_what_kinds_of_rows_are_watched_from() -> None:
    """Once a day and title a trial, won within a day; kept over a restart, and said to the next page."""
    line = _line()
    line.feed(
        _saw("ada", "t1", None, 2, row_kind=RowKind.HIDDEN_GEMS),
        _saw("ada", "t1", None, 3, row_kind=RowKind.TOP_PICKS),
        _saw("ada", "t2", None, 4, row_kind=RowKind.TOP_PICKS),
        _saw("bob", "t1", None, 5, row_kind=RowKind.TOP_PICKS),
        _saw("bob", "t2", None, 6),
    )
    line.feed(watch("ada", "t1", 7), watch("ada", "t2", DAY_MS + 10), watch("bob", "t2", 8))
    counts = SHELF_VALUE.read(line.store).reshape(-1, 2)
    numbers = {kind.wire: number for number, kind in enumerate(KINDS)}
    assert counts[numbers[RowKind.HIDDEN_GEMS]].tolist() == [1, 1]
    assert counts[numbers[RowKind.TOP_PICKS]].tolist() == [2, 0]
    assert counts.sum() == 4
    line.restart()
    line.feed(watch("bob", "t1", 9))
    assert SHELF_VALUE.read(line.store).reshape(-1, 2)[numbers[RowKind.TOP_PICKS]].tolist() == [2, 1]
    factors = line.side.shelf_value
    assert factors is not None
    assert factors[numbers[RowKind.HIDDEN_GEMS]] > 1


def test_rows_are_read_as_they_were_written_and_newer_ones_refused() -> None:
    """Impressions, artwork and queries."""
    log = ImpressionLog({"t1": ("love.jpg", 1, 1000)}, {"t2": ("blue", 1001)}, {"t3": ("my_list", 1000)})
    again = impression_rows.read(impression_rows.pack(log))
    assert (again.artwork, again.searches, again.shelves) == (log.artwork, log.searches, log.shelves)
    sender, gallery = Gallery(), Gallery()
    sender.bandit("t1").learn(0, "love.jpg", trials=1, wins=0, at_ms=1000)
    key, value = attribution.artwork_row(sender, "t1")
    attribution.load_artwork(gallery, key, value or b"")
    assert np.array_equal(gallery.bandit("t1").cells("love.jpg"), [[1, 0], [0, 0], [0, 0]])
    assert gallery.bandit("t1").at_ms == 1000
    key, value = attribution.query_row("blue", SearchedQuery({"t1": 2.0}, 1000, 1000))
    assert key == attribution.query_key("blue")
    assert attribution.watched_after(value) == {"t1": 2.0}
    for read in (
        lambda: impression_rows.read(b"\x02"),
        lambda: attribution.load_artwork(gallery, b"\x04t1", b"\x02"),
        lambda: attribution.watched_after(b"\x02"),
    ):
        with pytest.raises(StateVersionError):
            read()


def test_pages_show_pictures_and_say_how_likely() -> None:
    """Titles with a choice name a picture and its chance, the same all day; what wins is shown more."""
    line = _line()
    line.feed(*(watch(f"v{n % 6}", f"t{n % 4}", n) for n in range(24)), watch("v0", "plain", 30))
    (page,) = pages_of(line.feed(watch("ada", "t3", 40)))
    items = {item.title_id: item for row in page.rows for item in row.items if row.kind != RowKind.EXPLORE}
    assert {items[t].propensity for t in ("t1", "t2")} == {0.5}
    assert {items[t].artwork for t in ("t1", "t2")} <= {"love.jpg", "war.jpg"}
    assert items["plain"].artwork is None
    crowd = [f"c{n}" for n in range(60)]
    line.feed(*(_saw(v, "t1", ("love.jpg", "war.jpg")[n % 2], 60) for n, v in enumerate(crowd)))
    line.feed(*(watch(v, "t1", 70) for v in crowd[::2]))
    pages = pages_of(line.feed(*(watch(f"n{n}", "t3", 90) for n in range(30))))
    shown = [i for p in pages for row in p.rows for i in row.items if i.title_id == "t1" and i.artwork]
    assert len(shown) >= 30
    assert sum(item.artwork == "love.jpg" for item in shown) / len(shown) > 0.8
    assert all((item.propensity or 0) > 0.8 for item in shown if item.artwork == "love.jpg")
