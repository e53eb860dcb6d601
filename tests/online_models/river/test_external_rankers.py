"""Guests: River rankers inside the blend."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from river import reco
from river.reco.base import Ranker

from online_models.config import BlendConfig, ModelConfig
from online_models.errors import NoSnapshotError, UnknownRankerError
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import COLUMNS, Recommender
from online_models.river import CoWatch
from online_models.river.external_rankers import FIRST_WEIGHT, ExternalRankers

VIEWERS, TITLES = 12, 30


class Told(Ranker):
    """Scores by a function, and writes down what it learns."""

    def __init__(self, score: Callable[[str, str], float]) -> None:
        super().__init__()
        self.score, self.learned, self.asked = score, [], set()

    def predict_one(self, user: Any, item: Any, x: Any = None) -> float:
        """Score, and note who was asked about."""
        del x
        self.asked.add((user, item))
        return self.score(user, item)

    def learn_one(self, user: Any, item: Any, y: Any, x: Any = None) -> None:
        """Note what was told."""
        self.learned.append((user, item, y, x))


def batch(n: int, seed: int = 5) -> EventColumns:
    """Return positives in which every viewer has each title at most once; titles of one's own parity."""
    rng = np.random.default_rng(seed)
    pairs = [(v, t) for v in range(VIEWERS) for t in range(TITLES) if (v + t) % 2 == 0]
    viewers, titles = zip(*[pairs[k] for k in rng.permutation(len(pairs))[:n]], strict=True)
    named = [f"v{v}" for v in viewers], [f"t{t}" for t in titles]
    return EventColumns(*named, [1] * n, [1.0] * n, [1_000 * k for k in range(n)], np.zeros(n, np.uint64))


def knows(user: str, item: str) -> float:
    """Tell what a viewer of these streams will watch."""
    return 1e3 + 1e-6 * ((int(user[1:]) + int(item[1:])) % 2 == 0)


def weights(model: Recommender, name: str) -> np.ndarray:
    """Return a guest's weights in all contexts."""
    return model.blend_weights()[name]


def test_the_blend_learns_whom_to_trust() -> None:
    """Whoever knows gains weight, on whatever scale it speaks; noise loses what it began with."""
    rng = np.random.default_rng(1)
    config = ModelConfig(blend=BlendConfig(rate=0.05))
    model = Recommender(
        config, experts=ExternalRankers([Told(knows), CoWatch(), Told(lambda _u, _i: rng.normal())])
    )
    ranks = model.prequential(batch(170), np.ones(170))
    assert model.columns == (*COLUMNS, "Told", "CoWatch", "Told")
    alone = Recommender(config).prequential(batch(170), np.ones(170))
    assert np.array_equal(ranks[:, 1 : len(COLUMNS)], alone[:, 1:])
    assert np.array_equal(ranks[:, 0] < 0, alone[:, 0] < 0)
    judged = np.isfinite(alone[:, 0]) & (alone[:, 0] >= 0)
    assert ranks[judged, 0].mean() < 0.9 * alone[judged, 0].mean()
    learned = model._external.in_contexts()
    seen = np.flatnonzero(learned[:, 0] != learned[:, 0].min())
    assert learned[seen, 0].min() > FIRST_WEIGHT > learned[seen, 2].max()


def test_scores_add_up() -> None:
    """A score is the blend's, and the weight times the standardised score of the guest; lists agree."""
    guest = Told(lambda _u, i: float(i[1:]))
    with_guest, without = Recommender(experts=ExternalRankers([guest])), Recommender()
    for model in (with_guest, without):
        model.prequential(batch(60))
    mine, theirs = with_guest.score("v0"), without.score("v0")
    numbers = np.array([float(t[1:]) for t in mine])
    z = (numbers - numbers.mean()) / numbers.std()
    assert list(mine) == list(theirs)
    expected = np.array(list(theirs.values())) + FIRST_WEIGHT * z
    assert np.allclose(list(mine.values()), expected, atol=1e-5)
    known = {t for v, t in zip(batch(60).viewers, batch(60).titles, strict=True) if v == "v0"}
    best = sorted((t for t in mine if t not in known), key=lambda t: -mine[t])
    assert [t for t, _ in with_guest.top_n("v0", 100)] == best
    assert with_guest.top_n("v0", 3) == [(t, mine[t]) for t in best[:3]]


def test_what_a_guest_is_told() -> None:
    """A positive's weight, less than nothing for a rejection, three others at 0; a duplicate is no event."""
    guest = Told(lambda _u, _i: 0.0)
    model = Recommender(experts=ExternalRankers([guest]))
    rows = [("v", "a", 1, 2.0), ("v", "a", 1, 2.0), ("v", "b", 2, 0.5), ("v", "c", 4, 1.0)]
    viewers, titles, actions, strengths = zip(*rows, strict=True)
    model.prequential(
        EventColumns(viewers, titles, actions, strengths, [7] * 4, np.array([9, 9, 8, 7], np.uint64))
    )
    told = [(user, item, y) for user, item, y, _ in guest.learned]
    assert told == [("v", "a", 2.0), *[("v", "a", 0.0)] * 3, ("v", "b", -0.5)]
    assert guest.learned[0][3] == {"event_time_ms": 7}


def test_reading_asks_only_about_what_was_learned() -> None:
    """River remembers whatever it is asked about: strangers and new titles are not asked about."""
    guest = Told(lambda _u, _i: 0.0)
    model = Recommender(experts=ExternalRankers([guest, reco.BiasedMF(seed=1)]))
    model.prequential(batch(20))
    model.titles.intern(["new"])
    for viewer in ("v0", "a stranger"):
        model.top_n(viewer, 50)
        model.score(viewer)
    assert {user for user, _ in guest.asked} <= set(batch(20).viewers)
    assert {item for _, item in guest.asked} <= set(batch(20).titles)


def test_same_events_same_state() -> None:
    """What is drawn for a guest derives from the seed."""
    lists = []
    for _ in range(2):
        model = Recommender(seed=3, experts=ExternalRankers(["river.reco.BiasedMF"], seed=3))
        model.prequential(batch(100), np.ones(100))
        lists.append([model.top_n(f"v{v}", 30) for v in range(VIEWERS)])
    assert lists[0] == lists[1]


def test_refusals() -> None:
    """Nobody of that name; and no snapshot of a state that has no form."""
    with pytest.raises(UnknownRankerError):
        Recommender(experts=ExternalRankers(["river.reco.Nobody"]))
    with pytest.raises(NoSnapshotError, match=r"river\.reco\.BiasedMF"):
        Recommender(experts=ExternalRankers(["river.reco.BiasedMF"])).snapshot()
