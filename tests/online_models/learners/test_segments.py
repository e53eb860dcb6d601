"""Segments: forward decay, bounds, and the boosts of cold-start viewers."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog, country_code
from online_models.config import ModelConfig
from online_models.feedback.devices import KINDS, device_code
from online_models.learners.segments import KEPT, MOST_SCOPES, Segments
from online_models.ranking.segment_boost import LIFT, SegmentBoost
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.titles import TitleTable, title_key

DAY_MS = 86_400_000
IN, US = country_code("IN"), country_code("US")
TV, PHONE = device_code("tv"), device_code("phone")


def test_counts_halve_in_a_day() -> None:
    """By hand: one watch two days ago and one a day ago are worth a quarter and a half."""
    segments = Segments(least=1)
    for key, at in ((2, 0), (4, DAY_MS), (6, 2 * DAY_MS)):
        segments.watch(key, 1.0, at, country=IN)
    assert segments.top("country:IN", 3) == [(6, 1.0), (4, 0.5), (2, 0.25)]
    assert segments.top("country:US", 3) == []


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 100 * DAY_MS)), min_size=1, max_size=60))
def test_they_are_the_sum_of_decayed_watches(watches: list[tuple[int, int]]) -> None:
    """In any order, over any time: the textbook's sum."""
    segments = Segments(least=1)
    for key, at in watches:
        segments.watch(key, 1.0, at, country=IN)
    newest = max(at for _, at in watches)
    wanted: dict[int, float] = {}
    for key, at in watches:
        wanted[key] = wanted.get(key, 0.0) + 2.0 ** ((at - newest) / DAY_MS)
    for key, count in segments.top("country:IN", 100):
        assert count == pytest.approx(wanted[key], abs=1e-8)


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(1, 300), st.sampled_from((0.3, 1.0, 2.0)), st.integers(0, 60)), min_size=1
        ),
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_they_are_those_of_a_dictionary(
    batches: list[list[tuple[int, float, int]]], rng: random.Random
) -> None:
    """To the bit, in their order: also where most titles leave, and after forty half-lives."""
    segments, counts, since = Segments(least=1), dict[int, float](), 0
    for batch in batches:
        watches = [(rng.randrange(1, 300), 1.0, 0) for _ in range(rng.choice((0, 200)))] + batch
        keys, weights, days = zip(*watches, strict=True)
        at = np.array(days, np.int64) * DAY_MS
        code = np.full(len(watches), IN, np.uint16)
        segments.watch_many(
            np.array(keys, np.uint64), np.array(weights, np.float32), at,
            countries=code, devices=np.zeros_like(code), viewers=code,
        )  # fmt: skip
        since = since if counts else int(at[0])
        for key, weight, at_ms in zip(keys, np.array(weights, np.float32).tolist(), at.tolist(), strict=True):
            if at_ms - since > 40 * DAY_MS:
                factor, since = 2.0 ** ((since - at_ms) / DAY_MS), at_ms
                counts = {k: count * factor for k, count in counts.items() if count * factor > 1e-9}
            counts[key] = counts.get(key, 0.0) + weight * 2.0 ** ((at_ms - since) / DAY_MS)
            if len(counts) > 2 * KEPT:
                counts = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:KEPT])
        found = segments.state("country:IN")
        assert found.keys.tolist() == [*counts]
        assert found.counts.tolist() == [*counts.values()]


def test_they_are_bounded() -> None:
    """Many titles and many countries take no more than their room; what is watched most is kept."""
    segments = Segments(least=1)
    for n in range(2_000):
        segments.watch(2 + n, 1.0, n, country=IN)
        segments.watch(1, 1.0, n, country=IN)
    assert segments.top("country:IN", 1)[0][0] == 1
    assert len(segments.top("country:IN", 9_999)) <= 2 * KEPT
    for n in range(1_000):
        segments.watch(1, 1.0, 0, country=1 + n)
    assert len(segments) <= MOST_SCOPES
    for kind in KINDS:
        segments.watch(1, 1.0, 0, device=device_code(kind))
        assert segments.top(f"device:{kind}", 1) == [(1, 1.0)]
    assert len(segments) <= MOST_SCOPES + len(KINDS)


def test_every_word_for_a_device_has_one_kind() -> None:
    """Words of two kinds would be of neither; codes are stored in a byte."""
    words = [word for kind, others in KINDS.items() for word in (kind, *others)]
    assert len(set(words)) == len(words)
    assert [device_code(kind) for kind in KINDS] == list(range(1, 1 + len(KINDS)))
    assert len(KINDS) < 2**8


def _watches(titles: int, days: int, **size: int) -> st.SearchStrategy[list[tuple[int, int, int, int]]]:
    """Draw watches: title, event time, country, device."""
    countries, devices = st.sampled_from((0, IN, US)), st.integers(0, 5)
    one = st.tuples(st.integers(1, titles), st.integers(0, days * DAY_MS), countries, devices)
    return st.lists(one, **size)


@given(_watches(9, 9, max_size=40))
def test_each_scope_counts_as_if_it_were_alone(watches: list[tuple[int, int, int, int]]) -> None:
    """A device's counts do not depend on the country that came with it, nor a country's on the device."""
    together, apart = Segments(least=1), Segments(least=1)
    for key, at, country, device in watches:
        together.watch(key, 1.0, at, country=country, device=device)
    for key, at, country, _ in watches:
        apart.watch(key, 1.0, at, country=country)
    for key, at, _, device in watches:
        apart.watch(key, 1.0, at, device=device)
    moved = together.take_moved()
    assert set(moved) == set(apart.take_moved())
    for scope in moved:
        assert together.top(scope, 99) == apart.top(scope, 99)


@given(_watches(300, 400, min_size=1, max_size=400), st.integers(1, 400))
def test_many_watches_count_as_one_by_one(watches: list[tuple[int, int, int, int]], size: int) -> None:
    """Numbers, their order and what moved are equal to the last bit, however watches are batched."""
    one, many = Segments(least=1), Segments(least=1)
    for n, (key, at, country, device) in enumerate(watches):
        one.watch(key, 1 + n % 7 / 10, at, country=country, device=device)
    for start in range(0, len(watches), size):
        keys, at, countries, devices = (
            np.array(column) for column in zip(*watches[start:][:size], strict=True)
        )
        weights = 1 + np.arange(start, start + keys.size) % 7 / 10
        nobody = np.zeros(keys.size, np.uint16)
        many.watch_many(
            keys.astype(np.uint64), weights, at, countries=countries, devices=devices, viewers=nobody
        )
    moved = one.take_moved()
    assert moved == many.take_moved()
    for scope in moved:
        for mine, other in zip(one.state(scope), many.state(scope), strict=True):
            assert np.array_equal(mine, other)


def test_what_is_stored_goes_on_as_if_nothing_had_happened() -> None:
    """A scope taken over from its stored counts is equal from then on."""
    one, other = Segments(least=1), Segments(least=1)
    rng = np.random.default_rng(3)
    for n in range(400):
        one.watch(int(rng.integers(1, 300)), 1.0, 1_000_000 * n, country=IN)
    for scope in one.take_moved():
        other.load(scope, one.state(scope))
    for segments in (one, other):
        segments.watch(5, 2.0, 500_000_000, country=IN)
    for scope in ("country:IN", "country:IN@1"):
        assert one.top(scope, 200) == other.top(scope, 200)


def _side() -> tuple[ViewerSide, Segments]:
    """Return a side over ten titles, each watched once, with an audience."""
    table = TitleTable(ModelConfig())
    rows = table.intern([f"t{n}" for n in range(10)])
    table.arrays.counts[rows, 0] = 1
    table.arrays.active[: rows.size], table.arrays.size[1] = rows, rows.size
    side, segments = ViewerSide(table, Catalog(table)), Segments(least=1)
    side.blending.segment_boost = SegmentBoost(table, [segments])
    return side, segments


def test_cold_start_viewers_get_titles_watched_in_their_country() -> None:
    """In India one thing, in the States another; who has a history of their own gets neither."""
    side, segments = _side()
    for n in range(20):
        segments.watch(title_key("t7"), 1.0, n, country=IN)
        segments.watch(title_key("t3"), 1.0, n, country=US)
    slots = side.viewers.acquire(["asha", "bob", "eve", "old"])
    side.viewers.arrays.country[slots] = (IN, US, 0, IN)
    side.viewers.arrays.positives[slots[3]] = 1
    lists = side.rank(slots, 100, 10)
    assert lists.title[:2, 0].tolist() == [7, 3]
    assert lists.score[0, 0] - lists.score[0, 1] > 1.0
    assert lists.score[2, 0] - lists.score[2, 1] < 1.0
    assert lists.score[3, 0] - lists.score[3, 1] < 1.0


def test_cold_start_viewers_get_titles_watched_on_their_device() -> None:
    """Two kinds of device, two titles; a country counts too; a viewer with a history gets no boost."""
    side, segments = _side()
    for n in range(20):
        segments.watch(title_key("t7"), 1.0, n, device=TV)
        segments.watch(title_key("t3"), 1.0, n, device=PHONE)
        segments.watch(title_key("t5"), 1.0, n, country=IN)
    slots = side.viewers.acquire(["tv", "phone", "indian", "nothing", "old"])
    side.viewers.arrays.device[slots] = (TV, PHONE, PHONE, 0, TV)
    side.viewers.arrays.country[slots] = (0, 0, IN, 0, IN)
    side.viewers.arrays.positives[slots[4]] = 1
    lists = side.rank(slots, 100, 10)
    assert lists.title[:2, 0].tolist() == [7, 3]
    assert lists.title[2, :2].tolist() == [5, 3]
    score = np.take_along_axis(lists.score, np.argsort(lists.title), axis=1)  # by title
    assert score[3, 7] - score[3].min() < 1.0
    assert score[4, 7] - score[4].min() < 1.0
    for slot in slots[:3].tolist():
        assert side.rank(np.array([slot], np.int32), 100, 10).title[0].tolist() == lists.title[slot].tolist()


def test_an_unknown_device_changes_nothing() -> None:
    """Scores are the same to the bit, whatever is watched on devices."""
    scores = []
    for devices in ((), (TV, PHONE)):
        side, segments = _side()
        for n in range(20):
            segments.watch(title_key("t3"), 1.0, n, country=IN)
            for device in devices:
                segments.watch(title_key("t7"), 1.0, n, device=device)
        slots = side.viewers.acquire(["asha", "bob"])
        side.viewers.arrays.country[slots] = (IN, 0)
        scores.append([side.ranker.score(slot, 100).tobytes() for slot in slots.tolist()])
    assert scores[0] == scores[1]


def test_the_time_of_the_day_counts_half() -> None:
    """What is watched in the evening leads in the evening, and less by day."""
    side, segments = _side()
    for day in range(5):
        segments.watch(title_key("t1"), 1.0, day * DAY_MS + 20 * 3_600_000, country=IN)
        segments.watch(title_key("t2"), 1.0, day * DAY_MS + 8 * 3_600_000, country=IN)
    local = side.blending.segment_boost
    assert local is not None
    evening = _lifted(local, 5 * DAY_MS + 21 * 3_600_000, country=IN)
    morning = _lifted(local, 6 * DAY_MS + 7 * 3_600_000, country=IN)
    assert evening[1] > evening[2] > 0
    assert morning[2] > morning[1] > 0
    all_day = dict(segments.top("country:IN", 2))
    share = 0.5 * all_day[title_key("t1")] / sum(all_day.values()) + 0.5
    assert evening[1] == pytest.approx(LIFT * np.log1p(10 * share), rel=1e-5)
    assert _lifted(local, 0, country=US) == {}


def _lifted(local: SegmentBoost, now_ms: int, **about: int) -> dict[int, float]:
    """Return what is added to scores, by row of ten titles."""
    titles, more = local.lift(now_ms, 10, **about)
    return dict(zip(titles.tolist(), more.tolist(), strict=True))


@given(
    country=st.sampled_from((0, IN, US)),
    device=st.sampled_from((0, TV, PHONE)),
    watched=st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from((0, IN)), st.sampled_from((0, TV))), max_size=30
    ),
)
def test_a_lift_is_the_mean_of_the_shares_that_are_known(
    country: int, device: int, watched: list[tuple[int, int, int]]
) -> None:
    """Country all day, country at this time of the day, and device weigh alike; the unknown has no weight."""
    side, segments = _side()
    local = side.blending.segment_boost
    assert local is not None
    for title, place, kind in watched:
        segments.watch(title_key(f"t{title}"), 1.0, 0, country=place, device=kind)
    known = [
        [t for t, place, _ in watched if country and place == country],
        [t for t, place, _ in watched if country and place == country],
        [t for t, _, kind in watched if device and kind == device],
    ]
    shares = [np.bincount(titles, minlength=10) / len(titles) for titles in known if titles]
    wanted = LIFT * np.log1p(10 * np.mean(shares, axis=0)) if shares else np.zeros(10)
    found = _lifted(local, 0, country=country, device=device)
    assert found == pytest.approx({t: w for t, w in enumerate(wanted.tolist()) if w}, rel=1e-5)
