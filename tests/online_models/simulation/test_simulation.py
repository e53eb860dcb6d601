"""The simulated world: one seed one world, honest records, and tastes that can be learned."""

import os
import pickle
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from online_models.evaluation import EvaluationProtocol, Ratings, evaluate
from online_models.evaluation.baselines import Popularity
from online_models.simulation import World
from online_models.simulation.world import EVENTS_A_DAY
from schemas.codec import decode_event, decode_title, encode
from schemas.events import EVENT_TYPES, Event, Play, Progress, Rate, Select, Skip, Stop, StopCause, Thumb

DIGEST = """
import hashlib
from online_models.simulation import World
world = World(seed=9, viewers=40, titles=80)
print(hashlib.blake2b(repr((world.titles, world.take(500))).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def world() -> World:
    """Give a world whose events have been taken once."""
    return World(seed=5, viewers=150, titles=300)


@pytest.fixture(scope="module")
def events(world: World) -> list[Event]:
    """Give 20,000 events of it: about ten visits a viewer."""
    return world.take(20_000)


def test_one_seed_is_one_world_under_any_hash_seed(capsys: pytest.CaptureFixture[str]) -> None:
    """The same catalog and events in every process: no set or dictionary decides an order."""
    exec(DIGEST, {})  # noqa: S102 - the text above
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    command, environment = [sys.executable, "-c", DIGEST], os.environ | {"PYTHONHASHSEED": seed}
    there = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
    assert capsys.readouterr().out == there


def test_another_seed_is_another_world() -> None:
    """Seeds differ in titles, in viewers and in events."""
    one, other = World(seed=1, viewers=40, titles=80), World(seed=2, viewers=40, titles=80)
    assert one.titles != other.titles
    assert one.take(100) != other.take(100)


def test_events_can_be_taken_in_parts() -> None:
    """A second call goes on where the first was left."""
    parts = World(seed=1, viewers=40, titles=80)
    assert parts.take(70) + parts.take(930) == World(seed=1, viewers=40, titles=80).take(1000)


def test_time_never_goes_back(events: list[Event]) -> None:
    """Sittings overlap, but the stream is in order of event time."""
    assert all(earlier.event_time_ms <= later.event_time_ms for earlier, later in pairwise(events))


def test_every_record_passes_the_contract(world: World, events: list[Event]) -> None:
    """What the world says can be written and read by the codec: ranges, lengths, kinds."""
    assert all(decode_title(encode(title)) == title for title in world.titles)
    assert all(decode_event(encode(event)) == event for event in events[:5_000])
    assert len({event.event_id for event in events}) == len(events)


def test_every_kind_of_event_happens(events: list[Event]) -> None:
    """Nothing that a signed-in player can say is missing from the world (to forget is not theirs)."""
    kinds = Counter(type(event).__struct_config__.tag for event in events)
    assert kinds.keys() == EVENT_TYPES.keys() - {"identify", "history", "forget"}  # its viewers are signed in
    assert kinds["stop"] == pytest.approx(kinds["play"], rel=0.02)


def test_a_playback_is_told_in_order(events: list[Event]) -> None:
    """Select, play, heartbeat, stop; watched seconds grow and stay within the title."""
    told: dict[tuple[str | None, str], list[Event]] = {}
    for event in events:
        if isinstance(event, Select | Play | Progress | Stop):
            told.setdefault((event.session_id, event.title_id), []).append(event)
    order = [Select, Play, Progress, Stop]
    once = [playback for playback in told.values() if sum(isinstance(event, Play) for event in playback) == 1]
    assert len(once) > 1_000
    for playback in once:
        assert [order.index(type(event)) for event in playback] == sorted(
            order.index(type(e)) for e in playback
        )
        watched = [event.watched_s for event in playback if isinstance(event, Progress | Stop)]
        assert watched == sorted(watched)
    stops = [event for event in events if isinstance(event, Stop)]
    assert all(0 <= stop.watched_s <= (stop.duration_s or 0) for stop in stops)
    ended = [stop.cause is StopCause.ENDED for stop in stops]
    assert ended == [stop.watched_s + 0.1 >= 0.93 * (stop.duration_s or 0) for stop in stops]


def test_viewers_are_as_busy_as_rates_are_computed_with(events: list[Event]) -> None:
    """The constant behind `rate` is what happens, give or take the viewers who have yet to arrive."""
    days = (events[-1].event_time_ms - events[0].event_time_ms) / 86_400_000
    assert len(events) / 150 / days == pytest.approx(EVENTS_A_DAY, rel=0.15)


def test_a_rate_sets_the_pace_of_event_time() -> None:
    """At 200 events a second, a week is over in minutes; the catalog's releases move with it."""
    paced = World(seed=5, viewers=150, titles=300, rate=200.0)
    events = paced.take(15_000)
    seconds = (events[-1].event_time_ms - events[0].event_time_ms) / 1000
    assert len(events) / seconds == pytest.approx(200, rel=0.15)
    assert max(title.release_ms or 0 for title in paced.titles) < events[0].event_time_ms + 86_400_000


def test_a_release_is_not_watched_before_it_is_out(world: World, events: list[Event]) -> None:
    """Upcoming titles are in the catalog, and nobody plays them before their release."""
    out = {title.title_id: title.release_ms or 0 for title in world.titles}
    upcoming = {title_id for title_id, at in out.items() if at > events[0].event_time_ms}
    plays = [event for event in events if isinstance(event, Play)]
    assert upcoming
    assert any(play.title_id in upcoming for play in plays)
    assert all(play.event_time_ms >= out[play.title_id] for play in plays)


def test_tastes_show_in_what_is_finished_judged_and_skipped(world: World, events: list[Event]) -> None:
    """Thumbs down follow short views, thumbs up long ones, and skipped titles fit less than chosen ones."""
    stops = {
        (e.session_id, e.title_id): e.watched_s / (e.duration_s or 1) for e in events if isinstance(e, Stop)
    }
    rates = [event for event in events if isinstance(event, Rate)]
    seen = {
        thumb: np.mean([stops[r.session_id, r.title_id] for r in rates if r.thumb is thumb])
        for thumb in Thumb
    }
    assert seen[Thumb.DOWN] < 0.5
    assert 0.7 < seen[Thumb.UP] <= seen[Thumb.DOUBLE_UP]
    abandoned = np.mean([share < 0.03 for share in stops.values()])
    assert 0.03 < abandoned < 0.15

    def fit(event: Skip | Play) -> float:
        profile = np.array([int(event.viewer_id.removeprefix("viewer-"))])
        return float(world.truth.fits(profile, np.array([int(event.title_id.removeprefix("title-"))]))[0, 0])

    late = [event for event in events[-4_000:] if isinstance(event, Skip | Play)]
    skipped, played = ([fit(e) for e in late if isinstance(e, kind)] for kind in (Skip, Play))
    assert np.mean(skipped) < np.mean(played) - 0.3


def test_tastes_are_worth_learning(world: World, events: list[Event]) -> None:
    """Who knows the tastes finds the next title in ten at least twice as often as who counts."""
    past = [event for event in events if isinstance(event, Stop)]
    world = pickle.loads(pickle.dumps(world))  # noqa: S301 - a copy that goes on, made here
    had: dict[str, set[int]] = {}
    counts = np.zeros(300)
    for stop in past:
        had.setdefault(stop.viewer_id, set()).add(int(stop.title_id[6:]))
        counts[int(stop.title_id[6:])] += 1
    everything = np.arange(300)
    truth = {viewer: world.truth.fits(np.array([int(viewer[7:])]), everything)[0] for viewer in had}
    found = {"taste": 0, "count": 0}
    tests = 0
    for event in world.take(6_000):
        title = int(event.title_id[6:]) if isinstance(event, Play) else -1
        mine = had.get(event.viewer_id, set())
        if title < 0 or not mine or title in mine:
            continue
        tests += 1
        for name, scores in (("taste", truth[event.viewer_id]), ("count", counts)):
            left = np.delete(scores, sorted(mine))
            found[name] += int((left > scores[title]).sum() < 10)
        mine.add(title)
    assert tests > 300
    assert found["taste"] > 1.5 * found["count"]


def test_the_world_can_be_evaluated_like_a_data_set(events: list[Event]) -> None:
    """Finished titles as positives: popularity finds some, far from all."""
    stops = [event for event in events if isinstance(event, Stop)]
    ratings = Ratings.from_columns(
        [stop.viewer_id for stop in stops],
        [stop.title_id for stop in stops],
        [5 * stop.watched_s / (stop.duration_s or 1) for stop in stops],
        [stop.event_time_ms for stop in stops],
    )
    metrics = (
        evaluate(ratings, {"popularity": Popularity()}, EvaluationProtocol()).models["popularity"].metrics
    )
    assert 0.05 < metrics.hit_rate.value < 0.3


@pytest.mark.parametrize("wrong", [{"viewers": 0}, {"titles": 47}, {"rate": 0.0}])
def test_an_impossible_world_is_refused(wrong: dict[str, float]) -> None:
    """The message says what a world needs."""
    with pytest.raises(ValueError, match="a world needs"):
        World(**wrong)  # type: ignore[arg-type]


def test_titles_have_a_trailer_for_each_genre_and_mood() -> None:
    """So that the trailer that a page names depends on the viewer."""
    titles = World(seed=1, viewers=5, titles=60).titles
    assert all([*one.tags.genre, *one.tags.mood] == [clip.tags[0] for clip in one.trailers] for one in titles)
    assert sum(len(one.trailers) > 1 for one in titles) > len(titles) / 2
