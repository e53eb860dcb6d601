"""The experts as River rankers: River's checks, ours, and what each alone can do."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest
from river import reco

from online_models.checks import Check, yield_checks
from online_models.config import CoWatchConfig
from online_models.river import Blend, Cohorts, CoWatch, Expert, Factorization, TagAffinity, Trending
from online_models.river.ranker import name_of

EXPERTS = (Blend, Cohorts, CoWatch, Factorization, TagAffinity, Trending)


@pytest.mark.parametrize("model", EXPERTS, ids=lambda m: m.__name__)
def test_river_finds_nothing_wrong(model: type[Expert], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check that River has for a ranker passes; none is skipped."""
    from river import checks as river_checks  # noqa: PLC0415 - takes a second: SciPy

    data_sets = types.ModuleType(
        "sklearn.datasets"
    )  # imported by River before it finds that rankers need none
    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", data_sets)
    sys.modules["sklearn"].datasets = data_sets
    names = set()
    for check in river_checks.yield_checks(model()):
        check(model())
        names.add(check.__name__)
    assert {"check_reco_routine", "check_pickling_supports_roundtrip", "check_repr_roundtrips_clone"} <= names


@pytest.mark.parametrize(
    ("model", "check"),
    [
        pytest.param(model, check, id=f"{model.__name__}-{check.__name__}")
        for model in EXPERTS
        for check in yield_checks(model())
    ],
)
def test_contracts(model: type[Expert], check: Check) -> None:
    """Every expert keeps every contract."""
    check(model())


def test_the_battery_can_fail() -> None:
    """River's own matrix factorization writes when it is read, and a NaN stays with it for ever."""
    broken = set()
    for check in yield_checks(model := reco.BiasedMF(seed=7)):
        try:
            check(model.clone())
        except AssertionError:
            broken.add(check.__name__)
    assert broken == {"check_reads_never_write", "check_no_nan"}


def test_no_hash_seed_leaves_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    """Two processes under two hash seeds print the same lists and scores; the first is ours."""
    program = (
        "from online_models.checks import ITEMS, USERS, stream\n"
        "from online_models.river import Blend\n"
        "from online_models.config import BlendConfig, ModelConfig\n"
        "model = Blend(ModelConfig(blend=BlendConfig(popularity=0.1)), seed=3)\n"
        "model.learn_many(stream(80))\n"
        "print([(model.rank(u, set(ITEMS)), [model.predict_one(u, i) for i in ITEMS]) for u in USERS])\n"
    )
    exec(program, {})  # noqa: S102 - the text above
    here = capsys.readouterr().out
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    command, environment = [sys.executable, "-c", program], {"PYTHONHASHSEED": seed}
    there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert here == there
    assert len(here) > 1_000


def test_ids_of_any_type() -> None:
    """Numbers, tuples and strings are ids, distinct as in Python, and are returned unchanged."""
    model = CoWatch()
    model.learn_many([("ann", 7, 1), ("ann", ("s", 1), 1), (5, 7, True), (np.int64(5), "7", False)])
    assert [item for item, _ in model.top_n(5)] == [("s", 1)]
    assert model.rank(5, [("s", 1), 7, "7"]) == [("s", 1), 7, "7"]
    assert name_of(np.str_("a")) == "a"


def test_cowatch_adds_decayed_neighbours() -> None:
    """By hand: pairs (a, b) and (c, b); the newer seed c counts 1, a counts .8."""
    model = CoWatch(CoWatchConfig(window=1))
    model.learn_many([(u, i, 1) for u in "pq" for i in "ab"] + [(u, i, 1) for u in "r" for i in "cbd"])
    model.learn_many([("eve", "a", 1), ("eve", "c", 1)])
    watches = {"a": 3, "b": 3, "c": 2, "d": 1}
    pairs = {("a", "b"): 2.0, ("c", "b"): 1.0, ("c", "a"): 1.0}
    c_b = 1.0 * pairs["c", "b"] * (watches["c"] * watches["b"]) ** -0.45
    c_b += 0.8 * pairs["a", "b"] * (watches["a"] * watches["b"]) ** -0.45
    counted = sum(watches.values()) - 1  # total of the last refresh of popularity: without c's newest watch
    backoff = (1 + 4 * watches["b"] / counted) ** -0.55
    total = c_b  # d is a neighbour of b alone; a and c are known, so that two candidates share
    assert model.predict_one("eve", "b") == pytest.approx(np.log1p(2 * backoff * c_b / total), rel=1e-5)
    assert model.predict_one("eve", "d") == 0.0


def test_factorization_tells_crowds_apart() -> None:
    """Of two crowds of disjoint tastes, a newcomer with one title is offered the rest of that crowd's."""
    model = Factorization(seed=1)
    for round_ in range(40):
        for crowd in "xy":
            for n in range(4):
                model.learn_one(f"{crowd}{round_}", f"{crowd}-title{(n + round_) % 4}", 1)
    model.learn_one("eve", "y-title0", 1)
    assert {item for item, _ in model.top_n("eve", 3)} == {"y-title1", "y-title2", "y-title3"}


def test_trending_without_times_is_popularity() -> None:
    """Nothing decays while time stands still; the shares are what was counted."""
    model = Trending()
    model.learn_many([(f"u{n}", "a", 1) for n in range(3)] + [("u9", "b", 1)])
    assert model.predict_one("anyone", "a") == pytest.approx(np.log(1 + 2 * 3 / 4))
    assert model.predict_one("anyone", "b") == pytest.approx(np.log(1 + 2 * 1 / 4))
    assert model.predict_one("anyone", "c") == -np.inf


def test_one_event_changes_the_list() -> None:
    """A viewer of the one crowd who watches a title of the other is offered that other crowd's at once."""
    model = Blend(seed=1)
    for n in range(60):
        model.learn_many([(f"{c}{n}", f"{c}-title{(k + n) % 4}", 1) for c in "xy" for k in range(4)])
    model.learn_many([("eve", "x-title0", 1), ("eve", "x-title1", 1)])
    assert model.top_n("eve", 1)[0][0].startswith("x")
    model.learn_one("eve", "y-title0", 1)
    assert model.top_n("eve", 1)[0][0].startswith("y")
