"""Insights count what happened: visits out of events, and what titles come to."""

from online_models.insights.counters import SLOW_MS
from online_models.insights.curves import FINISHED
from online_models.insights.titles import TitleTally, describe
from online_models.insights.visits import KEPT, Searched, Visit, cohort_of
from schemas import Rate, Search, Skip, Stop, StopCause, Thumb
from schemas.catalog import Tags
from tests.online_models.insights.counting import T0, Desk, shelf


def test_a_visit_by_hand() -> None:
    """Half a film, the rest of it the next day, then once more."""
    desk = Desk()
    first, _ = desk.stop(minutes=50, country="KR")
    assert (first.starts, first.seconds, first.was, first.place, first.country) == (1, 3000, -1, 50, "KR")
    second, _ = desk.stop(minutes=45, position_s=5700.0)
    assert (second.was, second.place, second.finishes, second.country) == (50, FINISHED, True, "KR")
    third, _ = desk.stop(minutes=20)
    assert (third.was, third.place, third.again, third.finishes) == (FINISHED, FINISHED, 1, False)
    assert sum(desk.titles["noir"].places) == 1


def test_what_is_no_start_and_no_place() -> None:
    """A preview is nothing; a failure counts minutes and leaves nobody behind; a repeated event is one."""
    desk = Desk()
    assert desk.stop(minutes=0.5, autoplay=True) == (None, None)
    failed, _ = desk.stop(minutes=30, cause=StopCause.ERROR)
    assert (failed.starts, failed.seconds, failed.place) == (1, 1800, -1)
    event = Stop(
        event_id="x", viewer_id="ada", event_time_ms=T0, title_id="noir", watched_s=600, position_s=600
    )
    assert desk.take(event, 99)[0] is not None
    assert desk.take(event, 99) == (None, None)


def test_a_search_comes_to_a_watch() -> None:
    """Within half an hour, of the title that was opened; once."""
    desk = Desk()
    _, asked = desk.feed(Search, query="  Korean   NOIR ", result_count=3, clicked_title_id="noir")
    assert asked == Searched("korean noir", asked.viewer, T0, 1, 1)
    assert desk.stop(title="war", at=600_000, minutes=9)[1] is None
    visit, watched = desk.stop(at=4_000_000, minutes=60)
    assert (visit.sought, watched.query, watched.watches) == (1, "korean noir", 1)
    assert desk.stop(at=4_100_000)[1] is None
    desk.feed(Search, at=5_000_000, query="noir", result_count=0)
    assert desk.stop(at=5_000_000 + 40 * 60_000, minutes=5)[1] is None


def test_thumbs_stars_and_skips() -> None:
    """What is neither up nor down is nothing."""
    desk = Desk()
    assert desk.feed(Rate, title_id="noir", thumb=Thumb.DOUBLE_UP)[0].ups == 1
    assert desk.feed(Rate, title_id="noir", thumb=Thumb.DOWN)[0].downs == 1
    assert desk.feed(Rate, title_id="noir", stars=4.5)[0].ups == 1
    assert desk.feed(Rate, title_id="noir", stars=1.0)[0].downs == 1
    assert desk.feed(Rate, title_id="noir", stars=3.0)[0] is None
    assert desk.feed(Skip, title_id="noir")[0].skips == 1


def test_a_cohort_is_what_a_viewer_watched_before() -> None:
    """The film that makes the cohort is not yet watched by it; seconds are shared among genres, and fade."""
    desk = Desk()
    assert desk.stop(minutes=90, title="war")[0].cohort == ""
    assert desk.stop(minutes=20)[0].cohort == "Drama"
    assert desk.guests["ada"].genres == {"Drama": 5400.0, "Crime": 1200.0}
    assert desk.stop(at=SLOW_MS, minutes=90)[0].cohort == ""  # an hour's worth is not left
    assert cohort_of(desk.guests["ada"], T0 + SLOW_MS) == "Crime"


def test_a_guest_is_bounded() -> None:
    """Many titles and genres: the newest titles and the heaviest genres stay."""
    desk = Desk(shelf(**{f"t{n}": Tags(genre=(f"g{n % 30}",)) for n in range(100)}))
    for n in range(100):
        desk.stop(title=f"t{n}")
    guest = desk.guests["ada"]
    assert (len(guest.places), len(guest.genres), len(guest.seen)) == (KEPT, 8, 16)


def test_a_title_by_hand() -> None:
    """60 viewers: 20 Koreans leave in minute 10, 40 Germans finish, 25 thumbs, 19 skips."""
    desk = Desk()
    for n in range(20):
        desk.stop(f"kr{n}", 10, country="KR")
    for n in range(40):
        desk.stop(f"de{n}", 95, country="DE")
    for n in range(25):
        desk.feed(Rate, f"de{n}", title_id="noir", thumb=Thumb.UP)
    for n in range(19):
        desk.feed(Skip, f"kr{n}", title_id="noir")
    found = describe("noir", desk.titles["noir"])
    assert found is not None
    assert (found.viewers, found.starts, found.finished) == (60, 60, 40)
    assert found.watch_minutes == 20 * 10 + 40 * 95
    assert [(point.minute, point.viewers) for point in found.curve] == [(0, 60), (11, 40)]
    assert found.steepest is not None
    assert (found.steepest.minute, found.steepest.until, found.steepest.viewers) == (0, 11, 20)
    assert (found.thumbs_up, found.thumbs_down, found.skips) == (25, None, None)
    assert [(one.name, one.viewers, one.finished) for one in found.countries] == [
        ("DE", 40, 40),
        ("KR", 20, None),
    ]


def test_the_minutes_of_a_traveller_are_not_given_away() -> None:
    """Twenty Germans, one of whom goes on in France: nobody was new there, yet the rest is one viewer's."""

    def tally(travellers: int, at_home: int = 20) -> TitleTally:
        out = TitleTally()
        for n in range(at_home):
            out.add(Visit("t", n, "DE", "", at_ms=10**12, starts=1, seconds=600, place=10))
        for n in range(travellers):
            out.add(Visit("t", n, "FR", "", at_ms=10**12 + 1, starts=1, seconds=1260, was=10, place=31))
        return out

    def countries(one: TitleTally) -> list[str]:
        found = describe("t", one)
        assert found is not None
        return [group.name for group in found.countries]

    assert countries(tally(0)) == ["DE"]
    assert countries(tally(1)) == []
    assert countries(tally(19)) == []
    assert countries(tally(20)) == ["DE"]


def test_a_small_rest_is_not_given_away() -> None:
    """25 Germans, 21 Koreans, 5 others: with both countries told, the others could be had by subtraction."""
    desk = Desk()
    for country, viewers in (("DE", 25), ("KR", 21), ("FR", 5)):
        for n in range(viewers):
            desk.stop(f"{country}{n}", country=country)
    found = describe("noir", desk.titles["noir"])
    assert found is not None
    assert [one.name for one in found.countries] == ["DE"]
