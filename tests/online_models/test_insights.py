"""Insights count what happened, in bounded memory, and never tell of fewer than twenty viewers."""

from collections import Counter as Tally
from collections import defaultdict
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.insights import demand as demand_module
from online_models.insights.crowds import LEAST, Crowd, told
from online_models.insights.curves import FINISHED, MINUTES, Point, curve, steepest
from online_models.insights.demand import Demand
from online_models.insights.fading import DAY_MS, FAST_MS, SLOW_MS, Fading
from online_models.insights.space_saving import SpaceSaving
from online_models.insights.stock import Stock, combined
from online_models.insights.telling import tell
from online_models.insights.titles import TitleTally, describe
from online_models.insights.visits import KEPT, Guest, Searched, cohort_of, observe
from schemas import Event, Rate, Search, Skip, Stop, StopCause, Thumb
from schemas.demand import CohortDemand, FacetDemand, SearchDemand
from schemas.titles import Availability, Tags, Title, TitleKind

T0 = 1_700_000_000_000
TITLES = {
    "noir": Tags(genre=("Crime",), mood=("dark",), director=("Kim",), language=("ko",)),
    "farce": Tags(genre=("Comedy", "Crime"), mood=("witty",)),
    "war": Tags(genre=("Drama",), mood=("dark",)),
}


def shelf(**titles: Tags) -> Stock:
    """Make a catalogue."""
    stock = Stock()
    for name, tags in (titles or TITLES).items():
        stock.put(Title(title_id=name, tags=tags))
    return stock


class Desk:
    """Viewers in front of titles of a hundred minutes; everything is counted at once."""

    def __init__(self, stock: Stock | None = None) -> None:
        self.stock = stock or shelf()
        self.guests: dict[str, Guest] = {}
        self.titles: dict[str, TitleTally] = {}
        self.demand = Demand()
        self.number = 0

    def feed(self, kind: type[Any], viewer: str = "ada", at: int = 0, **more: Any) -> Any:
        """Count an event; return what was new."""
        self.number += 1
        given = {"event_id": f"e{self.number}", "viewer_id": viewer, "event_time_ms": T0 + at, **more}
        return self.take(kind(**given), self.number)

    def take(self, event: Event, event_hash: int) -> Any:
        """Count an event under a hash."""
        visit, searched = observe(
            self.guests.setdefault(event.viewer_id, Guest()),
            event,
            event.event_time_ms,
            viewer=int.from_bytes(event.viewer_id.encode()),
            event_hash=event_hash,
            genres=self.stock.genres,
        )
        if visit is not None:
            self.titles.setdefault(visit.title_id, TitleTally()).add(visit)
        self.demand.add([visit] if visit else [], [searched] if searched else [], self.stock)
        return visit, searched

    def stop(self, viewer: str = "ada", minutes: float = 50.0, title: str = "noir", **more: Any) -> Any:
        """Watch from the beginning to a minute."""
        given = {"watched_s": 60 * minutes, "position_s": 60 * minutes, "duration_s": 6000.0, **more}
        return self.feed(Stop, viewer, title_id=title, cause=given.pop("cause", StopCause.EXITED), **given)


# ---- space-saving


STREAM = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=60)


@given(STREAM, st.integers(1, 5))
def test_space_saving_keeps_its_bounds(stream: list[tuple[str, int]], capacity: int) -> None:
    """Counts are at most `error` too high, never too low; the heavy are there; nothing is lost in the sum."""
    top: SpaceSaving[None] = SpaceSaving(capacity, lambda: None)
    truth: Tally[str] = Tally()
    for key, weight in stream:
        top.add(key, float(weight))
        truth[key] += weight
    total = sum(truth.values())
    assert len(top) <= capacity
    assert sum(one.count for one in top.counters.values()) == total
    for key, one in top.counters.items():
        assert one.least <= truth[key] <= one.count
        assert one.error <= total / capacity
    assert {key for key, weight in truth.items() if weight > total / capacity} <= set(top.counters)


@given(STREAM, STREAM, st.integers(1, 5))
def test_space_saving_goes_on_where_it_was_kept(before: Any, behind: Any, capacity: int) -> None:
    """Taken over from what was kept, in any order, it says what it had said without."""
    one: SpaceSaving[None] = SpaceSaving(capacity, lambda: None)
    for key, weight in before:
        one.add(key, float(weight))
    other: SpaceSaving[None] = SpaceSaving(capacity, lambda: None)
    other.load(sorted(one.counters.items(), reverse=True))
    for key, weight in behind:
        assert one.add(key, float(weight)) == other.add(key, float(weight))
    assert one.top(9) == other.top(9)


# ---- crowds and curves


@given(st.lists(st.integers(0, 40)), st.lists(st.integers(0, 40)))
def test_a_crowd_counts_to_twenty_exactly(first: list[int], second: list[int]) -> None:
    """As many as a set has, up to twenty; and two crowds together are the crowd of both."""
    one, other, both = Crowd(), Crowd(), Crowd()
    one.add(first)
    other.add(second)
    both.add([*first, *second])
    assert len(one) == min(LEAST, len(set(first)))
    one.take(other)
    assert (len(one), one.enough) == (len(both), both.enough)


@given(st.integers(0, 200), st.integers(0, 200))
def test_what_is_told_of_a_part_gives_no_few_away(part: int, whole: int) -> None:
    """Neither the part nor what is left of the whole is a group of 1 to 19."""
    found = told(part, whole)
    if found is not None:
        assert LEAST <= found <= part <= whole
        assert whole - found == 0 or whole - found >= LEAST


def test_the_curve_by_hand() -> None:
    """100 viewers: 25 left in the second minute, 30 at an hour, 5 more later, 40 finished."""
    places = [0] * (MINUTES + 1)
    places[1], places[60], places[70], places[FINISHED] = 25, 30, 5, 40
    points = curve(places)
    assert points == [Point(0, 100), Point(2, 75), Point(61, 45)]
    assert steepest(points) == (Point(0, 100), Point(2, 75))


@given(st.lists(st.tuples(st.integers(0, MINUTES), st.integers(0, 30)), max_size=40))
def test_a_curve_falls_in_steps_of_twenty(some: list[tuple[int, int]]) -> None:
    """Each point is the true number of who got there; steps and what is left hold twenty or nobody."""
    places = [0] * (MINUTES + 1)
    for place, viewers in some:
        places[place] += viewers
    points = curve(places)
    assert points[0] == Point(0, sum(places))
    assert all(point.viewers == sum(places[point.minute :]) for point in points)
    assert all(before.viewers - after.viewers >= LEAST for before, after in pairwise(points))
    assert len(points) == 1 or points[-1].viewers == 0 or points[-1].viewers >= LEAST


# ---- from events to visits


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


# ---- titles


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


def test_a_small_rest_is_not_given_away() -> None:
    """25 Germans, 21 Koreans, 5 others: with both countries told, the others could be had by subtraction."""
    desk = Desk()
    for country, viewers in (("DE", 25), ("KR", 21), ("FR", 5)):
        for n in range(viewers):
            desk.stop(f"{country}{n}", country=country)
    found = describe("noir", desk.titles["noir"])
    assert found is not None
    assert [one.name for one in found.countries] == ["DE"]


# ---- demand


def test_demand_by_hand() -> None:
    """Two of three titles are Crime; all that is watched is noir and war, three to one."""
    desk = Desk()
    for n in range(20):
        desk.stop(f"v{n}", 60, "noir", country="KR")
        desk.stop(f"v{n}", 20, "war", country="DE")
    found = tell(desk.demand, desk.stock)
    crime, dark = found["genre:Crime"], found["mood:dark||DE"]
    assert isinstance(crime, FacetDemand)
    assert isinstance(dark, FacetDemand)
    assert (crime.watch_share, crime.titles, crime.catalogue_share) == (0.75, 2, 0.6667)
    assert (crime.excess, crime.watch_minutes, crime.error_minutes) == (0.0833, 1200.0, 0.0)
    assert (dark.watch_share, dark.country, dark.titles) == (1.0, "DE", 2)
    assert "genre:Crime|director:Kim|mood:dark" in found
    assert "genre:Comedy" not in found


def test_rising_and_falling() -> None:
    """War for eight weeks, then noir for two days: noir rises, war falls, and all together stand still."""
    desk = Desk()
    for day in range(56):
        desk.stop("old", 60, "war", at=day * DAY_MS)
    for n in range(40):
        desk.stop(f"v{n}", 60, "war" if n < 20 else "noir", at=57 * DAY_MS)
    found: Any = tell(desk.demand, desk.stock)
    assert found["genre:Crime"].trend > 1.5
    assert found["genre:Drama"].trend < 0.9
    assert found["mood:dark"].trend == 1.0


def test_searches_in_vain() -> None:
    """30 viewers search for what is not there; 25 for what is, and watch it."""
    desk = Desk()
    for n in range(30):
        desk.feed(Search, f"v{n}", query="heist", result_count=0)
    for n in range(25):
        desk.feed(Search, f"w{n}", query="noir", result_count=2, clicked_title_id="noir")
        desk.stop(f"w{n}", 30, at=60_000 + 1_800_000)
    for n in range(19):
        desk.feed(Search, f"x{n}", query="my own name", result_count=0)
    found: Any = tell(desk.demand, desk.stock)
    assert (found["search|heist"].searches, found["search|heist"].without_result) == (30, 30)
    assert found["search|heist"].watches is None
    assert (found["search|noir"].without_result, found["search|noir"].watches) == (None, 25)
    assert "search|my own name" not in found


def test_what_serves_a_cohort() -> None:
    """Drama's viewers finish noir and leave farce: noir serves them."""
    desk = Desk()
    for n in range(60):
        desk.stop(f"v{n}", 99, "war")
        desk.stop(f"v{n}", 95, "noir")
        desk.stop(f"v{n}", 95 if n < 30 else 10, "farce")
    found = tell(desk.demand, desk.stock)["cohort|Drama"]
    assert isinstance(found, CohortDemand)
    assert [(one.title_id, one.viewers, one.finished) for one in found.titles] == [
        ("noir", 60, 60),
        ("farce", 60, 30),
    ]


def test_the_origin_of_the_weights_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares and order are the same whether it moved or not, and weights never overflow."""
    found = []
    for limit in (256.0, 0.5):
        monkeypatch.setattr(demand_module, "REBASE", limit)
        desk = Desk()
        for n in range(40):
            desk.stop(f"v{n}", 60, "war" if n % 3 else "noir", at=n * DAY_MS * 5)
        found.append(tell(desk.demand, desk.stock))
    assert found[0] == found[1]


def test_the_stock_counts_titles_where_they_are_shown() -> None:
    """By tags and country; a series is its episodes; a withdrawn title is gone; the last record counts."""
    stock = shelf()
    only = Availability(countries=("KR",))
    stock.put(Title(title_id="local", tags=Tags(genre=("Crime",)), availability=only))
    stock.put(Title(title_id="whole", kind=TitleKind.SERIES, tags=Tags(genre=("Crime",))))
    assert [stock.count(["genre:Crime"], country) for country in ("", "KR", "DE")] == [3, 3, 2]
    assert stock.count(()) == 4
    stock.put(Title(title_id="local", tags=Tags(genre=("Drama",))))
    stock.withdraw("noir")
    assert (stock.count(["genre:Crime"]), stock.count(["genre:Drama"], "DE"), stock.count(())) == (1, 2, 3)


def test_combinations_are_bounded() -> None:
    """The fullest title has less than 200, each of different kinds, and triples have a genre."""
    full = Stock()
    words = tuple("abcdefgh")
    full.put(Title(title_id="t", tags=Tags(**dict.fromkeys(("genre", "mood", "cast", "director"), words))))
    found = combined(full.labels("t"))
    assert len(found) == len(set(found)) < 200
    for some in found:
        kinds = [label.partition(":")[0] for label in some]
        assert len(set(kinds)) == len(kinds) <= 3
        assert len(kinds) < 3 or kinds[0] == "genre"


@given(st.lists(st.tuples(st.integers(0, 10**10), st.floats(0, 1e6)), max_size=20))
def test_a_fading_sum_does_not_care_about_order(some: list[tuple[int, float]]) -> None:
    """Late or in time, each part has faded by its age."""
    now = max((at for at, _ in some), default=0)
    sums = []
    for order in (some, some[::-1]):
        fading = Fading()
        for at, amount in order:
            fading.add(amount, at, FAST_MS)
        sums.append(fading.at(now, FAST_MS))
    assert sums[0] == pytest.approx(sums[1])
    assert sums[0] == pytest.approx(sum(amount * 0.5 ** ((now - at) / FAST_MS) for at, amount in some))


# ---- the rule of twenty


class Crowded(Desk):
    """A desk that remembers who did what, without bounds."""

    def __init__(self, seed: int, viewers: int) -> None:
        super().__init__()
        self.who: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self.furthest: defaultdict[str, dict[str, int]] = defaultdict(dict)
        rng = Random(seed)
        for _ in range(8 * viewers):
            viewer, title = f"v{rng.randrange(viewers)}", rng.choice(["noir", "noir", "farce", "war"])
            act = rng.choice([self.watched] * 6 + [self.skipped, self.liked] + [self.searched] * 2)
            act(rng, viewer, title)

    def watched(self, rng: Random, viewer: str, title: str) -> None:
        """Watch to some minute, or to the end."""
        place, country = rng.choice([0, 5, 10, 95]), rng.choice(["KR", "DE", "DE", "FR"])
        self.stop(viewer, place + 0.5, title, country=country)
        last = self.furthest[title]
        last[viewer] = max(last.get(viewer, -1), FINISHED if place == 95 else place)
        for group in (("title", title), ("country", title, country)):
            self.who[group].add(viewer)
        for label in self.stock.labels(title):
            self.who["facet", label].add(viewer)
            self.who["facet", label, country].add(viewer)

    def skipped(self, _: Random, viewer: str, title: str) -> None:
        """Turn a title down."""
        self.feed(Skip, viewer, title_id=title)
        self.who["skips", title].add(viewer)

    def liked(self, rng: Random, viewer: str, title: str) -> None:
        """Like a title, or not."""
        thumb = rng.choice([Thumb.UP, Thumb.DOWN])
        self.feed(Rate, viewer, title_id=title, thumb=thumb)
        self.who[str(thumb), title].add(viewer)

    def searched(self, rng: Random, viewer: str, _: str) -> None:
        """Search, and find something or not."""
        found, query = rng.choice([0, 3]), rng.choice(["heist", "noir"])
        self.feed(Search, viewer, query=query, result_count=found)
        self.who["search", query].add(viewer)
        self.who["found" if found else "vain", query].add(viewer)

    def enough(self, *group: str) -> bool:
        """Say whether a group may be told of."""
        return len(self.who[group]) >= LEAST


RARE = st.tuples(st.integers(0, 10**9), st.integers(15, 60))


@given(RARE)
def test_no_title_is_told_of_with_fewer_than_twenty(given: tuple[int, int]) -> None:
    """Whatever happens: every number of a title's record is of twenty distinct viewers, or of none."""
    desk = Crowded(*given)
    for title, tally in desk.titles.items():
        record = describe(title, tally)
        assert (record is not None) == desk.enough("title", title)
        if record is None:
            continue
        assert record.viewers == len(desk.who["title", title])
        for before, after in pairwise(record.curve):
            left = [place for place in desk.furthest[title].values() if before.minute <= place < after.minute]
            assert len(left) >= LEAST
        assert record.skips is None or desk.enough("skips", title)
        assert record.thumbs_up is None or desk.enough("up", title)
        assert record.thumbs_down is None or desk.enough("down", title)
        assert all(desk.enough("country", title, one.name) for one in record.countries)
        rest = record.viewers - sum(one.viewers for one in record.countries)
        assert not record.countries or rest == 0 or rest >= LEAST


@given(RARE)
def test_no_demand_is_told_of_with_fewer_than_twenty(given: tuple[int, int]) -> None:
    """Combinations, queries, and what was found for them: twenty distinct viewers, or not told."""
    desk = Crowded(*given)
    for one in tell(desk.demand, desk.stock).values():
        if isinstance(one, FacetDemand):
            place = (one.country,) if one.country else ()
            assert all(desk.enough("facet", label, *place) for label in one.labels)
        if isinstance(one, SearchDemand):
            assert desk.enough("search", one.query)
            assert one.without_result is None or desk.enough("vain", one.query)
            assert one.without_result is None or len(desk.who["found", one.query]) not in range(1, LEAST)
