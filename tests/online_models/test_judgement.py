"""One judgement of a viewer on a title: examples, and laws over all sequences of events."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models import watch_time
from online_models.catalogue import Catalogue
from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig, RewardConfig
from online_models.feedback import Action, Judge
from online_models.kernels.reward_layout import JUDGEMENTS, SHOWN
from online_models.recommender import Recommender
from online_models.titles import TitleTable
from online_models.viewer_side import Columns, ViewerSide, columns
from online_models.viewers import hash_ids
from schemas.events import (
    Event,
    Impression,
    ListAction,
    MyList,
    Play,
    Rate,
    Search,
    Skip,
    Stop,
    StopCause,
    Thumb,
)

T0 = 10**12
HOUR_S = 3_600.0
TINY = ModelConfig(
    factorization=FactorizationConfig(factors=1, horizons=(0.5,), history=8, negatives=1),
    cowatch=CoWatchConfig(window=4, pair_decay=0.5, seeds=2, seed_decay=0.5, neighbours=16),
)


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


VIEWERS, TITLES = 2, 9
CAUSES = list(StopCause)


@st.composite
def streams(draw: st.DrawFn, titles: int = TITLES) -> list[Event]:
    """Draw what two viewers may do, with repeated ids, clocks that go back, and days between."""
    out: list[Event] = []
    at = T0
    for n in range(draw(st.integers(0, 50))):
        if out and draw(st.integers(0, 9)) == 0:
            out.append(draw(st.sampled_from([e for k, e in enumerate(out) if e not in out[:k]][-8:])))
            continue
        at += draw(st.sampled_from([0, 1_000, 60_000, 1_200_000, 90_000_000, 200_000_000, -30_000]))
        title = f"t{draw(st.integers(0, titles - 1))}"
        about: dict[str, Any] = {
            "event_id": f"e{n}", "event_time_ms": at, "viewer_id": f"v{draw(st.integers(0, VIEWERS - 1))}",
            "session_id": draw(st.sampled_from([None, "s1", "s2"])),
        }  # fmt: skip
        watched_s = float(draw(st.sampled_from([0, 20, 400, 1_800, 3_400, 9_000])))
        kind = draw(st.sampled_from([Play, Stop, Stop, Stop, Skip, Rate, MyList, Search, Impression]))
        if kind is Search:
            out.append(Search(query="q", result_count=1, clicked_title_id=title, **about))
            continue
        more: dict[type[Event], dict[str, Any]] = {
            Play: {"autoplay": draw(st.booleans())},
            Stop: {
                "watched_s": watched_s, "position_s": watched_s + draw(st.sampled_from([0.0, 900.0])),
                "duration_s": draw(st.sampled_from([None, 3_600.0])), "autoplay": draw(st.booleans()),
                "cause": draw(st.sampled_from(CAUSES)),
            },
            Rate: {"thumb": draw(st.sampled_from(list(Thumb)))},
            MyList: {"action": ListAction.ADD},
            Impression: {"list_id": "l", "row": 0, "slot": 0},
        }  # fmt: skip
        out.append(kind(title_id=title, **about, **more.get(kind, {})))
    return out


def judged(events: Sequence[Event]) -> Columns:
    """Judge events as the worker does."""
    judge = Judge()
    verdicts = [(e.viewer_id, v, e.event_time_ms) for e in events for v in judge(e)]
    return columns(verdicts, hash_ids([e.event_id for e in events for _ in judge(e)]))


def side() -> ViewerSide:
    """Make a viewers' side whose titles are numbered alike."""
    table = TitleTable(TINY)
    table.intern([f"t{n}" for n in range(TITLES)])
    return ViewerSide(table, Catalogue(table))


def rows_of(one: ViewerSide) -> dict[str, bytes]:
    """Return the packed rows of both viewers."""
    found = {}
    for n in range(VIEWERS):
        slot = one.viewers.slot(f"v{n}")
        if slot is not None:
            heads, keys, _ = one.viewers.pack(np.array([slot], np.int32))
            found[f"v{n}"] = heads.tobytes() + keys.tobytes()
    return found


def said_of(signals: Any) -> list[tuple[Any, ...]]:
    """Return what signals say, but for vectors, in an order of their own."""
    useful = np.isin(signals.action, (Action.POSITIVE, Action.REJECT, Action.TOUCH))
    names = ("action", "title", "weight", "change", "at", "depth")
    return sorted(zip(*(getattr(signals, name)[useful].tolist() for name in names), strict=True))


@settings(deadline=None, max_examples=60)
@given(streams(), st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=12))
def test_batches_and_restarts_make_no_difference(events: list[Event], cuts: list[tuple[int, bool]]) -> None:
    """Split anywhere, restarted from packed rows anywhere: the same rows, histogram and signals."""
    whole = side()
    told = said_of(whole.observe(whole.feedback(judged(events)))[0])
    part, heard, rest = side(), [], events
    for size, restart in [*cuts, (len(events), False)]:
        batch, rest = judged(rest[:size]), rest[size:]
        heard += said_of(part.observe(part.feedback(batch))[0]) if batch.viewers else []
        if restart:
            stored, former = rows_of(part), part
            part = side()
            part.viewers.acquire(list(stored), lambda ids, rows=stored: [rows.get(i) for i in ids])
            watch_time.load(part.viewers.arrays, former.viewers.arrays.watch_time.ravel())
    assert rows_of(part) == rows_of(whole)
    assert np.array_equal(part.viewers.arrays.watch_time, whole.viewers.arrays.watch_time)
    assert sorted(heard) == told


@settings(deadline=None, max_examples=60)
@given(streams())
def test_repeated_ids_change_nothing(events: list[Event]) -> None:
    """A stream with repeats leaves the rows and signals of the stream without."""
    once = [event for n, event in enumerate(events) if event not in events[:n]]
    sides = side(), side()
    said = [
        said_of(s.observe(s.feedback(judged(what)))[0]) for s, what in zip(sides, (events, once), strict=True)
    ]
    assert said[0] == said[1]
    assert rows_of(sides[0]) == rows_of(sides[1])


@settings(deadline=None, max_examples=60)
@given(streams(titles=JUDGEMENTS))
def test_counters_are_the_sum_of_judgements(events: list[Event]) -> None:
    """While judgements may still move, a title has what its viewers' judgements weigh, no more, no less.

    In one session, for there are no rewatches in it, which would be judgements of their own.
    """
    model = Recommender(TINY)
    model.learn_many([msgspec.structs.replace(event, session_id="s") for event in events])
    a = model.viewers.viewers.arrays
    total = np.zeros(len(model.titles))
    for n in range(VIEWERS):
        slot = model.viewers.viewers.slot(f"v{n}")
        for place, title in enumerate(a.judged[slot].tolist() if slot is not None else []):
            if title >= 0:
                e = a.judgement[slot, place]
                said, played = float(e["said"]), float(e["played"])
                more = max(played, min(said, 1.0)) + max(said - 1.0, 0.0)
                total[title] += more if said >= 0 else 0.0
    watches = model.titles.arrays.watches[: total.size]
    assert watches == pytest.approx(total, abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(streams())
def test_bounds(events: list[Event]) -> None:
    """Counters are finite, not below nothing; histories hold a title once; the rejected are no pairs.

    Of titles that are only known (a rejection that was forgiven) pairs are told to count nothing.
    """
    model = Recommender(replace(TINY, reward=RewardConfig(neutral=0.0)))
    model.learn_many(events)
    titles, viewers = model.titles.arrays, model.viewers.viewers
    size = len(model.titles)
    for counter in (titles.watches[:size], titles.trend[:size]):
        assert np.isfinite(counter).all()
        assert (counter >= 0).all()
        assert (counter <= 100.0 * max(len(events), 1)).all()
    assert np.isfinite(viewers.arrays.rejected_weight).all()
    for n in range(VIEWERS):
        known = [title for title, _ in viewers.known(f"v{n}")]
        assert len(set(known)) == len(known)
    never_liked = np.flatnonzero(titles.counts[:size, 0] == 0)
    assert (titles.nbr[never_liked] == -1).all()
    assert not np.isin(titles.nbr, never_liked[never_liked >= 0]).any()
