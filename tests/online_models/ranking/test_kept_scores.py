"""Shared scores that are kept from batch to batch: at any time those of a catalog that keeps none."""

import pickle

import numpy as np
import pytest

from online_models.ranking import kept_scores
from online_models.ranking.shared_scores import SharedScores
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.block_maxima import SPAN
from online_models.tables.layout import I4
from schemas import Title
from schemas.experiments import Treatment
from tests.online_models.ranking.random_side import random_side

NOW = 10**9
TITLES = 3 * SPAN + 5


@pytest.fixture
def side(monkeypatch: pytest.MonkeyPatch) -> ViewerSide:
    """Return a side whose catalog counts as a large one."""
    monkeypatch.setattr(kept_scores, "LARGE", 1)
    return random_side(TITLES, 9, 3)[0]


def traits_of_groups() -> I4:
    """Return groups with different limits and contexts."""
    traits = np.zeros((4, 6), np.int32)
    traits[:, 0], traits[:, 2] = (255, 255, 12, 255), (0, 5, 5, 0)
    return traits


def is_right(side: ViewerSide) -> None:
    """Assert that what is kept is, to the bit, what is computed from all titles."""
    traits, blending = traits_of_groups(), side.blending
    kept = blending.shared(traits, blending.in_contexts(), NOW)
    other = SharedScores(side.titles, side.catalog)
    other.weights[:] = blending.weights
    fresh = other.shared(traits, blending.in_contexts(), NOW)
    for q, (a, b) in enumerate(zip(kept.group, fresh.group, strict=True)):
        assert kept.dense[a].tobytes() == fresh.dense[b].tobytes(), q
        assert kept.most[a].tobytes() == fresh.most[b].tobytes(), q
        assert kept.weights[a].tolist() == fresh.weights[b].tolist()
        assert kept.candidates[a] == fresh.candidates[b]
    assert kept.backoff.tobytes() == fresh.backoff.tobytes()


def test_kept_scores_follow_whatever_changes(side: ViewerSide) -> None:
    """Rows that are read, weights that learn, guards, derived columns, new titles."""
    titles, rng = side.titles, np.random.default_rng(1)
    is_right(side)
    for n in range(12):
        some = np.unique(rng.integers(0, TITLES, 3)).astype(np.int32)
        titles.arrays.bias[some] += 1
        titles.arrays.prior[some] -= 1
        titles.changes.mark(some)
        is_right(side)
        if n % 4 == 1:
            side.blending.weights[1 + n] += 0.1
            is_right(side)
        if n % 4 == 2:
            side.catalog.put(Title(title_id=f"t{n}", maturity=16))
            is_right(side)
        if n % 4 == 3:
            titles.intern([f"another {n}"], admit=True)
            titles.arrays.prior[:] *= np.float32(0.9)
            titles.arrays.size[3] += 1
            is_right(side)


def test_only_changed_titles_are_computed(side: ViewerSide, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at first, those of changed titles later, none if nothing has changed."""
    computed: list[list[int]] = []
    score = kept_scores.score_blocks

    def recorded(*given: object) -> None:
        computed.append(given[1].tolist())  # type: ignore[attr-defined]
        score(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(kept_scores, "score_blocks", recorded)
    is_one = traits_of_groups()[:1]
    for changed in ([], [], [SPAN + 1, 3 * SPAN, SPAN + 7]):
        if changed:
            side.titles.changes.mark(np.array(changed, np.int32))
        side.blending.shared(is_one, side.blending.in_contexts(), NOW)
    assert computed == [[*range(len(side.titles))], [SPAN + 1, 3 * SPAN, SPAN + 7]]


def test_the_oldest_group_makes_room_and_a_batch_of_too_many_keeps_none(
    side: ViewerSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of three groups are kept; all three in one batch are computed as without."""
    monkeypatch.setattr(kept_scores, "MOST_GROUPS", 2)
    traits, weights = traits_of_groups(), side.blending.in_contexts()
    for some in ([0, 1], [2], [1, 0], [0, 2]):
        kept = side.blending.shared(traits[some], weights, NOW)
        fresh = SharedScores(side.titles, side.catalog).shared(traits[some], weights, NOW)
        assert len(kept.dense) == 2
        assert kept.dense[kept.group].tobytes() == fresh.dense[fresh.group].tobytes()
    is_right(side)


def test_treatments_are_not_kept(side: ViewerSide) -> None:
    """A treated batch between two others leaves theirs as they are."""
    is_right(side)
    with side.blending.under(Treatment(trending=3.0)):
        treated = side.blending.shared(traits_of_groups(), side.blending.in_contexts(), NOW)
    assert len(treated.dense) == 3
    is_right(side)


def test_a_copy_keeps_its_own(side: ViewerSide) -> None:
    """Kept scores are no state."""
    is_right(side)
    copied: ViewerSide = pickle.loads(pickle.dumps(side))  # noqa: S301 - our own
    copied.titles.arrays.bias[0] += 1
    copied.titles.changes.mark(np.zeros(1, np.int32))
    is_right(copied)
    is_right(side)
