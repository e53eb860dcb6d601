"""The split of viewers is sticky, uniform, independent of others, and equal in every language."""

import json
from collections import Counter

from scipy import stats

from schemas.assignment import BUCKETS, assign, bucket
from schemas.contract_tools import contracts
from schemas.experiments import Arm, Experiment, ExperimentState

VIEWERS = [f"v-{n:06d}" for n in range(60_000)]


def trial(*shares: float, **more: object) -> Experiment:
    """Make an experiment with arms a, b, c, ... of these shares."""
    arms = tuple(Arm(name=chr(97 + n), share=share) for n, share in enumerate(shares))
    return Experiment(experiment_id="trial", state=ExperimentState.RUNNING, arms=arms, **more)  # type: ignore[arg-type]


def test_the_golden_vectors_are_ours() -> None:
    """What the file tells other languages is what this code does, hash and arms alike."""
    file = json.loads((contracts.FOLDER / "assignment.json").read_bytes())
    told = dict(file["experiment"])
    told["arms"] = tuple(Arm(**arm) for arm in told["arms"])
    experiment = Experiment(experiment_id="other", state=ExperimentState.RUNNING, **told)
    for one in file["vectors"]:
        arm = assign(experiment, one["viewer_id"])
        assert one["bucket"] == bucket(told["salt"], one["viewer_id"])
        assert one["arm"] == (arm and arm.arm)
    assert {one["arm"] for one in file["vectors"]} == {"control", "new", None}


def test_buckets_are_uniform_for_neighbouring_ids() -> None:
    """Ids that count up fall evenly: a chi-square over a hundred cells has nothing to object to."""
    cells = Counter(bucket("salt", viewer) * 100 // BUCKETS for viewer in VIEWERS)
    assert stats.chisquare([cells[n] for n in range(100)]).pvalue > 0.001


def test_arms_have_their_shares_and_the_rest_is_in_none() -> None:
    """Of 60,000 viewers each arm gets its share within four standard errors."""
    found = Counter(arm and arm.arm for arm in (assign(trial(0.5, 0.2), viewer) for viewer in VIEWERS))
    for name, share in (("a", 0.5), ("b", 0.2), (None, 0.3)):
        noise = (len(VIEWERS) * share * (1 - share)) ** 0.5
        assert abs(found[name] - share * len(VIEWERS)) < 4 * noise


def test_two_experiments_are_independent() -> None:
    """Assignments of two experiments are independent: the four-field table is as by chance."""
    one, two = trial(0.5, 0.5, salt="one"), trial(0.5, 0.5, salt="two")
    table = Counter((str(assign(one, v)), str(assign(two, v))) for v in VIEWERS)
    assert len(table) == 4
    counts = sorted(table.values())
    assert stats.chisquare(counts).pvalue > 0.001


def test_experiments_of_one_group_never_share_a_viewer() -> None:
    """Parts of a group are disjoint; together they have everybody."""
    left = trial(0.5, 0.5, group="g", group_to=4_000)
    right = trial(0.5, 0.5, group="g", group_from=4_000, salt="other")
    for viewer in VIEWERS[:5_000]:
        assert (assign(left, viewer) is None) != (assign(right, viewer) is None)


def test_the_holdout_is_the_same_for_all_and_in_no_arm() -> None:
    """Who is held out of one experiment is held out of every other one with as large a holdout."""
    one, two = trial(0.5, 0.5, holdout=0.1, salt="one"), trial(0.5, 0.5, holdout=0.1, salt="two")
    kept = [(assign(one, v) is None, assign(two, v) is None) for v in VIEWERS[:5_000]]
    assert all(first == second for first, second in kept)
    assert 400 < sum(first for first, _ in kept) < 600


def test_a_larger_share_keeps_those_who_were_in_the_first_arm() -> None:
    """Raising the first arm's share moves nobody out of it: viewers stay where they are."""
    small, large = trial(0.1), trial(0.3)
    for viewer in VIEWERS[:2_000]:
        if assign(small, viewer) is not None:
            assert assign(large, viewer) is not None
