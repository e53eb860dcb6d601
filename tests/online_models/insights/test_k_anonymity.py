"""The rule of twenty: nothing is told of fewer viewers."""

from collections import defaultdict
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from online_models.insights.curves import FINISHED
from online_models.insights.demand import disclosable_records
from online_models.insights.titles import describe
from online_models.learners.k_anonymity import LEAST
from schemas import Rate, Search, Skip, Thumb
from schemas.insights import FacetDemand, SearchDemand
from tests.online_models.insights.counting import Desk


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
    for one in disclosable_records(desk.demand, desk.stock).values():
        if isinstance(one, FacetDemand):
            place = (one.country,) if one.country else ()
            assert all(desk.enough("facet", label, *place) for label in one.labels)
        if isinstance(one, SearchDemand):
            assert desk.enough("search", one.query)
            assert one.without_result is None or desk.enough("vain", one.query)
            assert one.without_result is None or len(desk.who["found", one.query]) not in range(1, LEAST)
