"""Which rows count as changed: at least those that have, and few others."""

from dataclasses import replace

import numpy as np
import pytest

from online_models.config import ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import Recommender
from online_models.tables import changed_rows
from online_models.tables.changed_rows import MOVED_SHARE, ChangedRows
from online_models.tables.layout import I4

TITLES = 800
ACTIONS = (Action.POSITIVE, Action.POSITIVE, Action.REJECT, Action.TOUCH)


def drawn(rng: np.random.Generator, n: int) -> EventColumns:
    """Return events of any kind."""
    viewers, titles = rng.integers(0, 9, n).tolist(), rng.integers(0, TITLES, n).tolist()
    names = [f"v{v}" for v in viewers], [f"t{t}" for t in titles]
    actions = [int(ACTIONS[k]) for k in rng.integers(0, len(ACTIONS), n).tolist()]
    return EventColumns(*names, actions, [1.0] * n, [0] * n, np.zeros(n, np.uint64))


def world() -> tuple[Recommender, np.random.Generator]:
    """Return titles that have all been watched; five negatives, so that an event moves few of them."""
    config = ModelConfig(title_capacity=TITLES)
    model = Recommender(replace(config, factorization=replace(config.factorization, negatives=5)))
    watched = [f"t{n}" for n in range(TITLES)]
    model.prequential(
        EventColumns(["all"] * TITLES, watched, [int(Action.POSITIVE)] * TITLES, [1.0] * TITLES, [0] * TITLES,
                     np.zeros(TITLES, np.uint64))
    )  # fmt: skip
    return model, np.random.default_rng(3)


@pytest.mark.parametrize("by_event", [True, False])
def test_rows_that_events_move_are_marked(*, by_event: bool) -> None:
    """Whether they are learned one by one or as signals of a batch, to the byte."""
    model, rng = world()
    titles, seen = model.titles, model.titles.changes.since(-1)[1]
    some = 0
    for _ in range(40):
        before, refreshed = [column.copy() for column in columns(model)], int(titles.arrays.size[3])
        batch = drawn(rng, int(rng.integers(1, 4)))
        if by_event:
            model.prequential(batch)
        else:
            model.title_side.absorb(model.viewers.observe(model.viewers.feedback(batch))[0])
        changed, seen = titles.changes.since(seen)
        assert changed is not None
        some += changed.size > 0
        moved = differing(before, columns(model)[: 2 if titles.arrays.size[3] != refreshed else 3])
        assert set(moved.tolist()) <= set(changed.tolist())
        assert len(set(changed.tolist())) <= 6 * 3
    assert some > 20


def columns(model: Recommender) -> list[np.ndarray]:
    """Return what `TitleTable.changes` is about; derived columns last, which a refresh writes all of."""
    return [model.titles.arrays.out, model.titles.arrays.bias[:, None], model.titles.arrays.prior]


def differing(before: list[np.ndarray], after: list[np.ndarray]) -> I4:
    """Return the rows that differ."""
    return np.flatnonzero(
        np.any([(a != b).any(axis=1) for a, b in zip(before, after, strict=False)], axis=0)
    ).astype(np.int32)


def test_a_batch_that_moves_many_rows_marks_all() -> None:
    """Beyond a share of the titles, and when tags are added into the rows of their titles."""
    model, rng = world()
    titles, seen = model.titles, model.titles.changes.since(-1)[1]
    model.prequential(drawn(rng, TITLES // MOVED_SHARE + 9))
    assert titles.changes.since(seen)[0] is None
    model.title_side.label({f"t{n}": ["genre:drama"] for n in range(TITLES // 2)})
    for _ in range(200):
        seen, published = titles.changes.since(-1)[1], int(titles.arrays.size[4])
        model.prequential(drawn(rng, 4))
        if titles.arrays.size[4] != published:
            assert titles.changes.since(seen)[0] is None
            return
    pytest.fail("no tag was published")


def test_many_rows_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who was away for too many rows takes all as changed; one who was not gets those it missed."""
    monkeypatch.setattr(changed_rows, "MOST_ROWS", 10)
    changes = ChangedRows()
    for n in range(4):
        changes.mark(np.full(4, n, np.int32))
    assert changes.since(1) == (None, 4)
    rows, newest = changes.since(2)
    assert rows is not None
    assert (sorted(rows.tolist()), newest) == ([2] * 4 + [3] * 4, 4)
