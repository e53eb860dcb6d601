"""Both sides in one process: ranks, lists and scores against their definitions."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.config import BlendConfig, ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import COLUMNS, Recommender
from schemas import Preferences, Rate, Stop, Thumb

MakeBatch = Callable[..., EventColumns]
Row = tuple[int, int, int, float, int]
TESTED_AT = 10**8
SMALL = ModelConfig(blend=BlendConfig(cowatch_long=0.3, rate=0.0, rejection=0.0), known_titles=64)

feedback = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 11),
        st.sampled_from([1, 1, 1, 2, 3, 4]),
        st.sampled_from([0.3, 1.0, 2.5]),
        st.integers(0, TESTED_AT),
    ),
    max_size=60,
)


def columns(rows: Sequence[Row]) -> EventColumns:
    """Turn drawn rows into a batch without event ids."""
    viewers, titles, actions, weights, at = zip(*rows, strict=True) if rows else ((),) * 5
    named = [f"v{v}" for v in viewers], [f"t{t}" for t in titles]
    return EventColumns(*named, actions, weights, at, np.zeros(len(rows), np.uint64))


def experts(model: Recommender, viewer: str, candidates: list[int]) -> np.ndarray:
    """Score every expert the slow way, in double precision, from the equations in the package's essay."""
    a, v, p = model.titles.arrays, model.viewers.viewers.arrays, model.titles.params
    slot = model.viewers.viewers.slot(viewer)
    known = [(model.titles.row(t), good) for t, good in model.viewers.viewers.known(viewer)]
    seen = [(t, 1.0 if good else 0.5) for t, good in known if good or t not in v.rejected[slot]]
    history = [t for t, _ in seen[::-1][: p.history]]
    fresh = v.session_items[slot] if TESTED_AT - v.last_at[slot] <= p.session_gap_ms else 0
    streak = v.streak_items[slot] if TESTED_AT - v.last_at[slot] <= p.streak_gap_ms else 0
    share = np.array([s * (1.0 if n < fresh else 0.2) for n, (_, s) in enumerate(seen[::-1][: p.history])])
    parts = []
    for h, decay in enumerate(p.horizons):
        weights = share * decay ** np.arange(len(history))
        vectors = a.inp[history, h * p.factors : (h + 1) * p.factors].astype(float)
        parts.append(weights @ vectors / max(np.sqrt((weights**2).sum()), 1e-30))
    x = np.concatenate([*parts, v.taste[slot]])
    taste = a.out[candidates] @ x + a.bias[candidates]
    horizons = ((p.seeds, p.seed_decay), (p.long_seeds, p.long_seed_decay))
    cowatch = np.zeros((2, len(a.bias)))
    for h, (seeds, decay) in enumerate(horizons):
        for step, seed in enumerate(history[:seeds]):
            for j, w in zip(*model.titles.neighbours(seed), strict=True):
                held = 0.1 if h == 0 and 0 < streak <= step else 1.0
                cowatch[h, j] += held * share[step] * decay**step * w * float(a.norm[seed] * a.norm[j])
    cowatch = cowatch[:, candidates]
    newest = a.trend_at[: len(model.titles)].max()
    gap = (a.trend_at[: len(model.titles)] - newest) / p.half_lives_ms[2]
    trend = a.trend[: len(model.titles), 2] * 2.0**gap
    watches = a.watches[: len(model.titles)]
    lately, popular, backoff, kept = a.prior[candidates].astype(float).T  # as of the last positive
    unknown = np.array([j not in dict(known) for j in candidates])  # a rejected one has no share
    w = BlendConfig(cowatch_long=0.3)
    blend = w.factorization * taste + w.popularity * popular
    blend += w.trending * lately + w.satisfaction * kept
    for h, weight in enumerate((w.cowatch, w.cowatch_long)):
        total = cowatch[h][unknown].sum()
        if total > 0:
            blend += weight * np.log1p(unknown.sum() / p.floor * backoff * cowatch[h] / total)
    trend, watches = trend[candidates], watches[candidates]
    return np.stack([blend, taste, *cowatch, trend, watches])


def test_what_everybody_watches_is_a_share(batch: MakeBatch) -> None:
    """By hand: three watches of x and one of y are 1.5 and .5 of the mean; nobody watches z."""
    model = Recommender(SMALL)
    model.prequential(batch(("a", "x"), ("b", "x"), ("c", "x"), ("c", "y")))
    z = int(model.titles.intern(["z"])[0])
    share = np.array([1.5, 0.5, 0.0])
    prior = model.titles.arrays.prior[[model.titles.row("x"), model.titles.row("y"), z]]
    assert np.allclose(prior[:, 1], np.log(1 + share), atol=1e-6)
    assert np.allclose(prior[:, 0], np.log(1 + share), atol=1e-6)
    assert np.allclose(prior[:, 2], (1 + share) ** -0.55, atol=1e-6)


def test_what_many_turn_down_is_ranked_lower(batch: MakeBatch) -> None:
    """By hand: of x one feedback of four is a rejection, of y none; the mean, four of five, counts as 20."""
    model = Recommender(SMALL)
    model.prequential(batch(("d", "x"), action=Action.REJECT))
    model.prequential(batch(("a", "x"), ("b", "x"), ("c", "x"), ("c", "y")))
    x, y = model.titles.row("x"), model.titles.row("y")
    prior = model.titles.arrays.prior
    assert prior[x, 3] == pytest.approx(np.log((3 + 16) / (4 + 20) / 0.8), abs=1e-6)
    assert prior[y, 3] == pytest.approx(np.log((1 + 16) / (1 + 20) / 0.8), abs=1e-6)
    before = model.score("e")["x"]
    model.titles.params = model.titles.params.replace(satisfaction=3.0)
    assert model.score("e")["x"] - before == pytest.approx(1.5 * prior[x, 3], abs=1e-5)


@given(feedback, st.integers(0, 5), st.integers(0, 11))
def test_prequential_ranks_are_the_definition(rows: list[Row], viewer: int, title: int) -> None:
    """A rank is the number of better candidates plus half of the equal ones, by a naive reference."""
    model = Recommender(SMALL, seed=4)
    model.prequential(columns(rows))
    v, t = f"v{viewer}", f"t{title}"
    known = {name for name, _ in model.viewers.viewers.known(v)}
    liked = {name for name, good in model.viewers.viewers.known(v) if good}
    row = model.titles.row(t)
    active = model.titles.arrays.active[: model.titles.arrays.size[1]].tolist()
    candidates = [j for j in active if model.titles.ids[j] not in known - {t}]
    scores = experts(model, v, candidates) if known and row in candidates else None
    (ranks,) = model.prequential(columns([(viewer, title, 1, 1.0, TESTED_AT)]), [True])
    if not known or t in liked:
        assert (ranks == -1).all(), "a first event or a rewatch is no test"
    elif scores is None:
        assert np.isinf(ranks).all(), "a title never watched before cannot be found"
    else:
        target = candidates.index(row)
        others = np.delete(scores, target, axis=1)
        mine = scores[:, [target]]
        tolerance = 1e-4 * np.maximum(1.0, abs(mine))
        surely = (others > mine + tolerance).sum(axis=1)
        perhaps = (others >= mine - tolerance).sum(axis=1)
        assert (surely <= ranks).all(), dict(zip(COLUMNS, ranks, strict=True))
        assert (ranks <= perhaps).all(), dict(zip(COLUMNS, ranks, strict=True))


@given(feedback, st.integers(1, 8))
def test_lists_are_the_sorted_scores(rows: list[Row], n: int) -> None:
    """A batch's lists are, for each viewer, the best scores among what is allowed and not known."""
    model = Recommender(SMALL, seed=4)
    model.prequential(columns(rows))
    slots = np.arange(len(model.viewers.viewers), dtype=np.int32)
    lists = model.viewers.rank(slots, 0, n)
    for slot in slots.tolist():
        viewer = model.viewers.viewers.ids[slot]
        known = {t for t, _ in model.viewers.viewers.known(viewer)}
        score = {t: s for t, s in model.score(viewer, 0).items() if t not in known}
        best = sorted(score.values(), reverse=True)[:n]
        listed = [model.titles.ids[t] for t in lists.title[slot].tolist() if t >= 0]
        assert len(set(listed)) == len(listed) == len(best)
        assert [score[t] for t in listed] == pytest.approx(best, rel=1e-4, abs=1e-4)
        assert lists.score[slot][: len(best)] == pytest.approx(best, rel=1e-4, abs=1e-4)


@given(feedback, st.lists(st.integers(1, 7), max_size=20))
def test_batches_make_no_difference(rows: list[Row], cuts: list[int]) -> None:
    """One batch or many: bit for bit the same state."""
    whole, parts = Recommender(SMALL), Recommender(SMALL)
    whole.prequential(columns(rows))
    rest = rows
    for cut in cuts:
        parts.prequential(columns(rest[:cut]))
        rest = rest[cut:]
    parts.prequential(columns(rest))
    for one, other in ((whole.titles, parts.titles), (whole.viewers.viewers, parts.viewers.viewers)):
        for name in ("out", "inp", "bias", "trend", "counts", "taste", "known"):
            if hasattr(one.arrays, name):
                assert np.array_equal(getattr(one.arrays, name), getattr(other.arrays, name)), name
    for row in range(len(whole.titles)):
        near = zip(whole.titles.neighbours(row), parts.titles.neighbours(row), strict=True)
        assert all(np.array_equal(one, other) for one, other in near)


def test_testing_teaches_nothing(batch: MakeBatch) -> None:
    """What is tested first is learned like what is not."""
    rows = [(f"v{k % 5}", f"t{k * 7 % 13}") for k in range(60)]
    tested, untested = Recommender(SMALL), Recommender(SMALL)
    ranks = tested.prequential(batch(*rows), [True] * 60)
    assert (untested.prequential(batch(*rows)) == -1).all()
    assert (ranks >= 0).any()
    assert np.array_equal(tested.titles.arrays.out, untested.titles.arrays.out)
    assert np.array_equal(tested.titles.arrays.nbr_w, untested.titles.arrays.nbr_w)


def test_reasons(batch: MakeBatch) -> None:
    """A neighbour of one of the two newest titles is co-watched; a viewer without history sees the trend."""
    model = Recommender()
    model.prequential(batch(("p", "a"), ("p", "b"), ("q", "c"), ("q", "d"), ("eve", "a")))
    table = model.viewers.viewers
    lists = model.viewers.rank(table.acquire(["eve", "unknown"]), 0, 4)
    reasons = [
        {model.titles.ids[t]: int(r) for t, r in zip(lists.title[q], lists.reason[q], strict=True) if t >= 0}
        for q in (0, 1)
    ]
    assert reasons[0] == {"b": 1, "c": 0, "d": 0}
    assert set(reasons[1].values()) == {2}


def about(n: int, viewer: str = "ann", title: str = "t") -> dict[str, object]:
    """Name an event."""
    return {"event_id": f"e{n}", "viewer_id": viewer, "event_time_ms": 10**12 + n, "title_id": title}


def test_events_become_feedback_and_are_learned() -> None:
    """Thumbs, stops and rejections reach the counters by the reward function; a repeated event does not."""
    model = Recommender()
    up = Rate(**about(1), thumb=Thumb.UP)
    model.learn_many([up, Rate(**about(2, title="u"), thumb=Thumb.DOWN), up])
    model.learn_one(Stop(**about(3, "bob"), watched_s=3_000, position_s=3_000, duration_s=3_600))
    row = model.titles.row("t")
    assert model.titles.arrays.counts[row].tolist() == [2, 0, 0]
    assert model.titles.arrays.watches[row] == pytest.approx(2.0 + 0.3 + 0.7 * 3_000 / 3_600)
    assert model.viewers.viewers.known("ann") == [("t", True), ("u", False)]


def test_onboarding_sets_limit_and_taste() -> None:
    """Preferences teach several titles at once and set the maturity limit, once, whatever is repeated."""
    model = Recommender()
    wish = Preferences(
        event_id="e", viewer_id="ann", event_time_ms=1, liked_titles=("a", "b"), maturity=12, country="IN"
    )
    model.learn_many([wish, wish])
    table = model.viewers.viewers
    assert table.known("ann") == [("a", True), ("b", True)]
    assert table.arrays.limit[table.slot("ann")] == 12
    assert table.arrays.country[table.slot("ann")] == int.from_bytes(b"IN", "little")
    assert model.top_n("ann") == [], "nothing here is rated for this viewer"


def test_asking_makes_nobody_known(batch: MakeBatch) -> None:
    """Unknown viewers get answers without a slot; a read adds no viewer."""
    model = Recommender(ModelConfig(viewer_slots=2))
    model.prequential(batch(("ann", "a"), ("bob", "b")))
    for _ in range(5):
        model.top_n("ann")
        model.top_n("unknown")
        model.rank("unknown", ["a", "zzz"])
    assert len(model.viewers.viewers) == 2
    assert model.titles.row("zzz") is None
    model.prequential(batch(("bob", "a")))
    model.prequential(batch(("eve", "a")))
    assert model.viewers.viewers.slot("ann") is None


def test_known_limit_forgets_what_is_oldest(batch: MakeBatch) -> None:
    """Beyond the limit the oldest titles are new again, and the pool does not grow with the events."""
    model = Recommender(ModelConfig(known_titles=64))
    model.prequential(batch(*[("ann", f"t{n}") for n in range(1_000)]))
    known = [t for t, _ in model.viewers.viewers.known("ann")]
    assert known == [f"t{n}" for n in range(1_000 - len(known), 1_000)]
    assert 32 < len(known) <= 64
    assert "t0" in {t for t, _ in model.top_n("ann", 1_000)}
