"""The contracts that every ranker of this package passes. Any River ranker can be checked.

River checks little of its rankers (`river.checks` feeds data only to those that are regressors too), and so
its own rankers write when they are read, and sort by hash. Each check here takes a fresh model and asserts
one law:

>>> from online_models.checks import yield_checks
>>> from online_models.river import CoWatch
>>> model = CoWatch()
>>> for check in yield_checks(model):
...     check(model.clone())

A model without ``top_n``, ``learn_many``, ``snapshot``, capacities or event ids skips the checks that need
them. A model that breaks a law for a reason names the check in ``_unit_test_skips()``, with the reason in a
comment.
"""

import math
import pickle
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

__all__ = ["Check", "stream", "yield_checks"]

Check = Callable[[Any], None]

UNKNOWN, UNSEEN = "an unknown user", [f"never seen {n}" for n in range(100)]
USERS = [f"u{n}" for n in range(11)]
ITEMS = [f"i{n}" for n in range(13)]


def stream(n: int) -> list[tuple[str, str, float]]:
    """Return ``n`` reactions of eleven users to thirteen items, positives and rejections, always the same.

    Examples
    --------
    >>> stream(3)
    [('u0', 'i0', 1.0), ('u7', 'i3', 0.5), ('u3', 'i8', -1.0)]
    """
    weights = (1.0, 0.5, -1.0, 2.0)
    return [(USERS[7 * k % 11], ITEMS[(k * k + 2 * k + k // 5) % 13], weights[k % 4]) for k in range(n)]


def yield_checks(model: Any) -> Iterator[Check]:
    """Yield the checks that apply to a model; call each with a fresh clone."""
    abilities = {"top_n", "learn_many", "viewer_slots", "snapshot"} & set(dir(model))
    for check, needs in _CHECKS.items():
        if needs <= abilities and check.__name__ not in model._unit_test_skips():  # noqa: SLF001 - River's name
            yield check


def check_reads_never_write(model: Any) -> None:
    """Asking for known and unknown users and items leaves the model as it was, byte for byte."""
    _learn(model, stream(60))
    before = pickle.dumps(model)
    for user in (USERS[0], UNKNOWN):
        model.predict_one(user, ITEMS[0])
        model.predict_one(user, UNSEEN[0])
        model.rank(user, [*ITEMS, *UNSEEN])
        if hasattr(model, "top_n"):
            model.top_n(user, 5)
    assert pickle.dumps(model) == before, "a read changed the model"


def check_same_stream_same_state(model: Any) -> None:
    """Two models that have learned the same predict the same, to the last bit."""
    other = model.clone()
    for one in (model, other):
        _learn(one, stream(60))
    assert _scores(model) == _scores(other)


def check_unseen(model: Any) -> None:
    """Unknown users and items get scores and are ranked."""
    _learn(model, stream(60))
    for user in (USERS[0], UNKNOWN):
        assert not math.isnan(model.predict_one(user, UNSEEN[0]))
        assert not math.isnan(model.predict_one(user, ITEMS[0]))
        assert sorted(model.rank(user, UNSEEN)) == sorted(UNSEEN)


def check_empty(model: Any) -> None:
    """A model that has learned nothing scores and ranks, too."""
    assert not math.isnan(model.predict_one(UNKNOWN, ITEMS[0]))
    assert sorted(model.rank(UNKNOWN, ITEMS)) == sorted(ITEMS)
    assert model.rank(UNKNOWN, []) == []


def check_empty_list(model: Any) -> None:
    """A model that has learned nothing recommends nothing; a list of length 0 is empty."""
    assert model.top_n(UNKNOWN, 5) == []
    _learn(model, stream(60))
    assert model.top_n(UNKNOWN, 0) == []


def check_total_order(model: Any) -> None:
    """Ranking is by falling score, whatever the order and the kind of the container."""
    _learn(model, stream(60))
    candidates = [*ITEMS, *UNSEEN[:5]]
    for user in (USERS[0], UNKNOWN):
        ranked = model.rank(user, candidates)
        scores = [model.predict_one(user, item) for item in ranked]
        assert all(a >= b for a, b in pairwise(scores)), "not sorted by score"
        assert ranked == model.rank(user, candidates[::-1]) == model.rank(user, set(candidates))


def check_rank_is_a_permutation(model: Any) -> None:
    """Ranking loses no item and invents none."""
    _learn(model, stream(60))
    for user in (*USERS, UNKNOWN):
        assert sorted(model.rank(user, ITEMS[3:])) == sorted(ITEMS[3:])


def check_no_nan(model: Any) -> None:
    """Scores are numbers, whatever weights were learned."""
    extremes = (1e30, 1e-30, 1e-45, 0.0, -1e30, math.inf, -math.inf, math.nan)
    rows = [(USERS[k % 5], ITEMS[k % 7], extremes[k % len(extremes)]) for k in range(200)]
    _learn(model, rows + stream(60))
    assert not any(math.isnan(score) for score in _scores(model))


def check_pickling(model: Any) -> None:
    """A pickled model predicts as before, and goes on learning as the original does."""
    _learn(model, stream(40))
    copy = pickle.loads(pickle.dumps(model))
    assert _scores(copy) == _scores(model)
    for one in (model, copy):
        _learn(one, stream(80)[40:])
    assert _scores(copy) == _scores(model)


def check_snapshot(model: Any) -> None:
    """A model made from a snapshot is the same to the last byte, and stays so while both go on learning."""
    for rows in (0, 40):
        _learn(model, stream(rows))
        before = model.snapshot()
        copy = type(model).from_snapshot(before)
        assert copy.snapshot() == before == model.snapshot(), "making a snapshot changed something"
        assert _scores(copy) == _scores(model)
    for one in (model, copy):
        _learn(one, stream(80)[40:])
    assert copy.snapshot() == model.snapshot(), "learns otherwise"
    assert _scores(copy) == _scores(model)


def check_learn_many(model: Any) -> None:
    """Learning many at once is learning them one by one."""
    other = model.clone()
    for user, item, y in stream(60):
        model.learn_one(user, item, y)
    other.learn_many(stream(25))
    other.learn_many(stream(60)[25:])
    other.learn_many([])
    assert _scores(model) == _scores(other)


def check_top_n(model: Any) -> None:
    """Lists hold the items that the user does not know, best first, each once."""
    _learn(model, stream(60))
    positives = {item for _, item, y in stream(60) if y > 0}
    for user in (USERS[0], UNKNOWN):
        known = {item for who, item, _ in stream(60) if who == user}
        best = model.top_n(user, 100, exclude=[ITEMS[1]])
        items, scores = [i for i, _ in best], [s for _, s in best]
        assert set(items) == positives - known - {ITEMS[1]}
        assert len(items) == len(set(items))
        assert all(a >= b for a, b in pairwise(scores))
        for item, score in best:
            assert math.isclose(score, model.predict_one(user, item), rel_tol=1e-4, abs_tol=1e-4)
        assert model.top_n(user, 3, exclude=[ITEMS[1]]) == best[:3]


def check_bounded_memory(model: Any) -> None:
    """Users and items beyond the capacity are forgotten or refused; the model stops growing."""
    small = model.clone({"viewer_slots": 16, "title_capacity": 32})
    sizes = []
    for part in range(4):
        small.learn_many([(f"u{part}-{k}", f"i{part}-{k % 50}", 1.0) for k in range(500)])
        sizes.append(len(pickle.dumps(small)))
    assert max(sizes[1:]) <= 1.05 * sizes[0], f"grew: {sizes}"


def check_duplicates(model: Any) -> None:
    """A repeated event id changes nothing, whether it comes again at once or a few events later."""
    other = model.clone()
    rows = [(user, item, y, {"event_id": f"e{k}"}) for k, (user, item, y) in enumerate(stream(40))]
    model.learn_many(rows)
    for k, row in enumerate(rows):
        other.learn_many([row, *rows[max(0, k - 2) : k + 1]])
    assert _scores(model) == _scores(other)


_CHECKS: dict[Check, set[str]] = {
    check_reads_never_write: set(),
    check_same_stream_same_state: set(),
    check_unseen: set(),
    check_empty: set(),
    check_empty_list: {"top_n"},
    check_total_order: set(),
    check_rank_is_a_permutation: set(),
    check_no_nan: set(),
    check_pickling: set(),
    check_snapshot: {"snapshot"},
    check_learn_many: {"learn_many"},
    check_top_n: {"top_n"},
    check_bounded_memory: {"learn_many", "viewer_slots"},
    check_duplicates: {"learn_many", "viewer_slots"},
}
"""Each check, and the attributes that a model needs for it."""


def _learn(model: Any, rows: list[tuple[str, str, float]]) -> None:
    for user, item, y in rows:
        model.learn_one(user, item, y)


def _scores(model: Any) -> list[float]:
    """Return each user's scores, a user at a time where the model can: it computes a whole row anyway."""
    users = (*USERS, UNKNOWN)
    if hasattr(model, "predict_many"):
        return [score for user in users for score in model.predict_many(user, ITEMS)]
    return [model.predict_one(user, item) for user in users for item in ITEMS]
