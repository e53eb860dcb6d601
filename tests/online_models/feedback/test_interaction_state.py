"""One judgement of a viewer on a title: examples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from online_models.config import RewardConfig
from online_models.feedback.reward_function import RewardFunction
from online_models.recommender import Recommender
from online_models.tables.feedback_layout import SHOWN
from schemas.events import (
    Event,
    Impression,
    ListAction,
    MyList,
    Pause,
    Play,
    Progress,
    Rate,
    Search,
    Skip,
    Stop,
    StopCause,
    Thumb,
)
from tests.online_models.feedback.judging import T0, TINY

HOUR_S = 3_600.0


class Story:
    """What ann does, told event by event, and what comes of it."""

    def __init__(self, reward: RewardConfig | None = None, *, viewer: str = "ann") -> None:
        self.model = Recommender(replace(TINY, reward=reward or RewardConfig()))
        self.viewer, self._told, self.at_s = viewer, 0, 0.0

    def tell(self, kind: type[Event], at_s: float = 0.0, **fields: Any) -> "Story":
        """Let something happen ``at_s`` seconds after the last event."""
        self._told += 1
        self.at_s += at_s
        about = {"viewer_id": self.viewer, "event_time_ms": T0 + int(1_000 * self.at_s)}
        if kind is not Search:
            about["title_id"] = "t"
        self.model.learn_one(kind(event_id=f"e{self._told}", **(about | fields)))
        return self

    def play(self, at_s: float = 60.0, **fields: Any) -> "Story":
        """Start a title."""
        return self.tell(Play, at_s, **fields)

    def stop(self, watched_s: float, cause: StopCause = StopCause.EXITED, **fields: Any) -> "Story":
        """Stop it, after so many seconds of an hour."""
        said = {"watched_s": watched_s, "position_s": watched_s, "duration_s": HOUR_S, **fields}
        return self.tell(Stop, watched_s, cause=cause, **said)

    def weight(self, title: str = "t") -> float:
        """Return the title's counted weight."""
        return float(self.model.titles.arrays.watches[self.model.titles.row(title)])

    def counts(self, title: str = "t") -> list[int]:
        """Return positives, rejections and touches of a title."""
        found: list[int] = self.model.titles.arrays.counts[self.model.titles.row(title)].tolist()
        return found

    @property
    def known(self) -> list[tuple[str, bool]]:
        """Return ann's known titles."""
        return self.model.viewers.viewers.known(self.viewer)

    @property
    def rejected(self) -> dict[str, float]:
        """Return ann's rejections with their strength."""
        table = self.model.viewers.viewers
        slot = table.slot(self.viewer)
        held = zip(table.arrays.rejected[slot].tolist(), table.arrays.rejected_weight[slot], strict=True)
        return {self.model.titles.ids[t]: round(float(w), 6) for t, w in held if t >= 0}


def full(q: float = 1.0) -> float:
    """Return the weight of a completed title at a quantile."""
    return 0.3 + 0.7 * q + 0.5


def test_a_start_counts_little_and_the_stop_makes_it_right() -> None:
    """In all the title gets the final weight, once; the history has it once."""
    story = Story().play()
    assert story.weight() == pytest.approx(0.1)
    assert story.known == []
    story.stop(1_800)
    assert story.weight() == pytest.approx(0.3 + 0.7 * 0.5)
    assert story.known == [("t", True)]
    assert story.counts() == [1, 0, 1]


def test_a_started_title_quickly_stopped_ends_as_a_rejection() -> None:
    """What the start counted is taken back, on every counter, as if it had not been."""
    story = Story().play().stop(20)
    assert story.weight() == 0.0
    assert story.model.titles.arrays.trend[0].tolist() == [0.0, 0.0, 0.0]
    assert story.known == [("t", False)]
    assert story.rejected == {"t": 0.5}
    assert story.counts() == [0, 1, 1]


@pytest.mark.parametrize("sessions", [("s", "s", "s"), (None, None, None)])
def test_stops_of_one_playback_are_one_judgement(sessions: Sequence[str | None]) -> None:
    """Totals that grow within a playback count as the last of them, however often they are told."""
    story = Story().play(session_id=sessions[0])
    for watched_s, session in zip((900, 1_800, 3_600), sessions, strict=True):
        story.stop(watched_s, session_id=session).stop(watched_s, session_id=session)
    assert story.weight() == pytest.approx(full())
    assert story.known == [("t", True)]


@pytest.mark.parametrize("sessions", [("s1", "s2"), (None, None)])
def test_sittings_add_up(sessions: Sequence[str | None]) -> None:
    """Half on one evening and half on the next is a completed title."""
    story = Story().play(session_id=sessions[0]).stop(1_800, session_id=sessions[0])
    story.play(20 * HOUR_S, position_s=1_800, session_id=sessions[1])
    story.stop(1_800, position_s=3_600, session_id=sessions[1])
    assert story.weight() == pytest.approx(full())
    assert story.counts()[0] == 1


def test_a_changed_mind_is_liked_and_newest() -> None:
    """A title left at once and watched after all is liked, newest of the history, rejected no longer."""
    story = Story().play().stop(20).play(title_id="u").stop(3_600, title_id="u")
    story.play(HOUR_S).stop(3_600)
    assert story.known == [("u", True), ("t", True)]
    assert story.rejected == {}
    assert story.weight() == pytest.approx(full())


def test_abandoned_after_two_days() -> None:
    """Left before a quarter and not gone on with: a mild rejection, once the viewer is heard of again."""
    story = Story().play().stop(500)
    story.tell(MyList, 47 * HOUR_S, title_id="u", action=ListAction.ADD)
    assert story.rejected == {}
    story.tell(MyList, 2 * HOUR_S, title_id="w", action=ListAction.ADD)
    assert story.rejected == {"t": 0.2}
    assert story.weight() == pytest.approx(0.0)
    assert story.counts() == [0, 1, 1]
    assert story.known == [], "an abandoned title may be shown again"


def test_gone_on_with_in_time_is_not_abandoned() -> None:
    """A resumed title is judged by all of it; left again, its two days begin anew."""
    story = Story().play().stop(500).play(40 * HOUR_S, position_s=500).stop(200, position_s=700)
    story.tell(MyList, 40 * HOUR_S, title_id="u", action=ListAction.ADD)
    assert story.rejected == {}
    story.play(HOUR_S, position_s=700).stop(2_900, StopCause.ENDED, position_s=3_600)
    assert story.weight() == pytest.approx(full())


@pytest.mark.parametrize(
    "told",
    [
        {"cause": StopCause.ERROR},
        {"autoplay": True},
        {"cause": StopCause.UNKNOWN},
        {"position_s": 3_000.0},
    ],
)
def test_what_is_no_judgement(told: dict[str, Any]) -> None:
    """A breakdown, what nobody chose, an unknown end and the end of what began elsewhere reject nothing."""
    story = Story().stop(20, **told)
    assert story.rejected == {}
    assert story.known == []


def test_autoplay_counts_a_tenth() -> None:
    """A title that ran by itself to its end is known and liked, at a tenth of the weight."""
    story = Story().play(autoplay=True)
    assert story.weight() == 0.0
    story.stop(3_600, autoplay=True)
    assert story.weight() == pytest.approx(0.1 * full())
    assert story.known == [("t", True)]


def test_bonuses() -> None:
    """Searched for, watched again, chosen next in the sitting: each adds its bonus."""
    story = Story()
    story.tell(Search, query="t", result_count=1, clicked_title_id="t")
    story.play().stop(3_600)
    assert story.weight() == pytest.approx(full() + 0.3)
    story.play(600, title_id="u").stop(3_600, title_id="u")
    assert story.weight("u") == pytest.approx(full() + 0.3)
    story.play(40 * 60, title_id="w").stop(3_600, title_id="w")
    assert story.weight("w") == pytest.approx(full()), "forty minutes are no pause within a sitting"
    before = story.weight("u")
    story.play(90 * HOUR_S, title_id="u").stop(3_600, title_id="u")
    assert story.weight("u") - before == pytest.approx(full() + 0.3)
    assert story.counts("u")[0] == 1, "a rewatch is no news about taste"


def test_words_and_deeds_are_one_judgement() -> None:
    """A thumb adds to what was watched; the newest word counts; a no takes everything back."""
    story = Story().tell(MyList, action=ListAction.ADD)
    assert story.weight() == pytest.approx(0.5)
    story.play().stop(3_600)
    assert story.weight() == pytest.approx(full())
    story.tell(Rate, thumb=Thumb.DOUBLE_UP)
    assert story.weight() == pytest.approx(full() + 2)
    story.tell(Rate, thumb=Thumb.UP)
    assert story.weight() == pytest.approx(full() + 1)
    story.tell(Rate, thumb=Thumb.DOWN)
    assert story.weight() == pytest.approx(0.0, abs=1e-6)
    assert story.known == [("t", False)]
    assert story.rejected == {"t": 2.0}


def test_a_thumb_down_outlasts_the_stop_that_follows() -> None:
    """Who says no in the middle and leaves has said no; a thumb up later is a changed mind."""
    story = Story().play().tell(Rate, 1_000, thumb=Thumb.DOWN).stop(3_600)
    assert (story.weight(), story.known) == (0.0, [("t", False)])
    story.tell(Rate, 1, thumb=Thumb.UP)
    assert story.weight() == pytest.approx(full() + 1)
    assert story.known == [("t", True)]


def test_skips_reject_unless_liked() -> None:
    """A skip takes the wish back; who likes a title and skips it today still likes it."""
    story = Story().tell(MyList, action=ListAction.ADD).tell(Skip)
    assert (story.weight(), story.rejected) == (0.0, {"t": 0.5})
    story = Story().play().stop(3_600).tell(Skip)
    assert (story.rejected, story.known) == ({}, [("t", True)])


def test_three_impressions_are_a_faint_no() -> None:
    """Shown three times and not played; a play in between begins the count anew."""
    seen: dict[str, Any] = {"list_id": "l", "row": 0, "slot": 0}
    story = Story().tell(Impression, **seen).tell(Impression, **seen)
    assert story.rejected == {}
    story.tell(Impression, **seen)
    assert story.rejected == {"t": 0.05}
    assert story.known == []
    story = Story().tell(Impression, **seen).tell(Impression, **seen).play()
    for _ in range(5):
        story.tell(Impression, **seen)
    assert story.rejected == {}, "what is in hand is shown to be gone on with"


def test_what_is_shown_most_keeps_its_place() -> None:
    """However many titles pass by, those in sight again and again are counted."""
    seen: dict[str, Any] = {"list_id": "l", "row": 0, "slot": 0}
    story = Story()
    for _ in range(3):
        for n in range(3 * SHOWN):
            story.tell(Impression, title_id=f"t{n}", **seen)
    assert {f"t{n}" for n in range(1, SHOWN)} <= set(story.rejected)


def test_quantiles_replace_shares_once_there_are_enough() -> None:
    """A share that is usual among titles of like length is worth its rank; other lengths have their own."""
    story = Story(RewardConfig(quantile_from=10))
    for n in range(10):
        story.viewer = f"v{n}"
        story.stop(1_440 if n < 8 else 3_600, title_id="x")
    story.viewer = "ann"
    story.stop(1_440)
    assert story.weight() == pytest.approx(0.3 + 0.7 * 9 / 11)
    story.at_s += HOUR_S
    story.stop(36, duration_s=90, title_id="short")
    assert story.weight("short") == pytest.approx(0.3 + 0.7 * 0.4, rel=1e-5)


def test_a_playback_is_one_observation_that_moves() -> None:
    """Stops of one playback count once in the histogram, where the last of them stands."""
    story = Story().play().stop(600).stop(1_800).stop(1_800).stop(3_600)
    counts = story.model.viewers.viewers.arrays.watch_time
    assert counts.sum() == 1
    assert counts[11, 63] == 1
    story.stop(3_600, StopCause.ERROR, title_id="u").stop(3_600, autoplay=True, title_id="w")
    assert counts.sum() == 1


def test_the_past_fades() -> None:
    """Beyond its memory a bucket is halved, and stays about as large."""
    story = Story(RewardConfig(quantile_memory=64))
    for n in range(300):
        story.viewer = f"v{n}"
        story.stop(3_600)
    assert 32 <= story.model.viewers.viewers.arrays.watch_time.sum() <= 64


def _beats(story: Story, until_s: float, every_s: float = 30.0, **fields: Any) -> Story:
    """Let heartbeats tell how far an hour's title is watched."""
    for watched_s in np.arange(every_s, until_s + 1.0, every_s).tolist():
        told = {"watched_s": watched_s, "position_s": watched_s, "duration_s": HOUR_S, **fields}
        story.tell(Progress, every_s, **told)
    return story


def test_what_heartbeats_tell_is_learned_without_a_stop() -> None:
    """A film that was watched to nine tenths when the player crashed is liked and completed."""
    crashed = _beats(Story().play(), 0.9 * HOUR_S)
    assert crashed.known == [("t", True)]
    assert crashed.weight() == pytest.approx(full(0.9), abs=0.02)
    assert _beats(Story().play(), 0.15 * HOUR_S).known == []


def test_a_stop_after_heartbeats_counts_as_without_them() -> None:
    """The sum is the same, and liked once."""
    for share in (0.5, 1.0):
        plain = Story().play().stop(share * HOUR_S, StopCause.ENDED)
        beaten = _beats(Story().play(), share * HOUR_S).stop(share * HOUR_S, StopCause.ENDED)
        assert beaten.weight() == pytest.approx(plain.weight(), rel=1e-5)
        assert beaten.counts()[0] == plain.counts()[0] == 1


def test_heartbeats_say_nothing_of_what_started_by_itself_or_where_they_are_off() -> None:
    """The stop of a preview counts a tenth, and heartbeats before it must not count more."""
    plain = Story().play(autoplay=True).stop(HOUR_S, StopCause.ENDED, autoplay=True)
    beaten = _beats(Story().play(autoplay=True), HOUR_S).stop(HOUR_S, StopCause.ENDED, autoplay=True)
    assert beaten.weight() == pytest.approx(plain.weight())
    assert _beats(Story(RewardConfig(heartbeat=0.0)).play(), HOUR_S).known == []


def test_only_heartbeats_that_pass_a_tenth_are_signals() -> None:
    """Of 360 heartbeats of an hour a signal for each tenth or a few, whatever the interval is."""
    reward = RewardFunction()
    about = {"event_id": "e", "viewer_id": "v", "event_time_ms": T0, "title_id": "t", "duration_s": HOUR_S}
    for every_s, signals in ((10, 9 * 6 + 1), (60, 10)):
        beats = [Progress(**about, watched_s=at, position_s=at) for at in range(every_s, 3_601, every_s)]
        assert sum(len(reward(beat)) for beat in beats) == signals


def test_a_pause_begins_a_title() -> None:
    """It counts as a start, once; how long the title is does not matter."""
    paused = Story().tell(Pause, position_s=50.0).tell(Pause, position_s=900.0)
    assert paused.weight() == pytest.approx(RewardConfig().start)
    assert paused.known == []
