"""One judgement of a viewer on a title: laws over all sequences of events."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.catalog.catalog import Catalog
from online_models.config import RewardConfig
from online_models.feedback import watch_time
from online_models.feedback.reward_function import Action, RewardFunction
from online_models.ranking.viewer_side import EventColumns, ViewerSide, columns
from online_models.recommender import Recommender
from online_models.tables.feedback_layout import INTERACTIONS
from online_models.tables.hashing import hash_ids
from online_models.tables.titles import TitleTable
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
from tests.online_models.feedback.judging import T0, TINY

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


def judged(events: Sequence[Event]) -> EventColumns:
    """Judge events as the worker does."""
    judge = RewardFunction()
    verdicts = [(e.viewer_id, v, e.event_time_ms) for e in events for v in judge(e)]
    return columns(verdicts, hash_ids([e.event_id for e in events for _ in judge(e)]))


def side() -> ViewerSide:
    """Make a viewers' side whose titles are numbered alike."""
    table = TitleTable(TINY)
    table.intern([f"t{n}" for n in range(TITLES)])
    return ViewerSide(table, Catalog(table))


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


@given(streams(titles=INTERACTIONS))
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
        for place, title in enumerate(a.interaction_title[slot].tolist() if slot is not None else []):
            if title >= 0:
                e = a.interaction[slot, place]
                said, played = float(e["explicit"]), float(e["implicit"])
                more = max(played, min(said, 1.0)) + max(said - 1.0, 0.0)
                total[title] += more if said >= 0 else 0.0
    watches = model.titles.arrays.watches[: total.size]
    assert watches == pytest.approx(total, abs=1e-4)


@given(streams())
def test_bounds(events: list[Event]) -> None:
    """Counters are finite, not below nothing; histories hold a title once; the rejected are no pairs.

    Of titles that are only known (a rejection that was forgiven) pairs are told to count nothing.
    """
    model = Recommender(replace(TINY, reward=RewardConfig(neutral=0.0, neutral_choice=0.0)))
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
    assert (titles.span[never_liked] == 0).all()
    assert not np.isin(titles.nbr[: titles.pool[0]], never_liked).any()
