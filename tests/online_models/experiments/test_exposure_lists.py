"""Lists under experiments: how alike their titles are, who has the credit in a draft, what varies."""

from typing import Any

from online_models.experiments.exposure import MAX_DIVERSITY_TITLES, TEAMS, preferences
from online_models.experiments.plan import INTERLEAVED, NO_TREATMENT, ExperimentPlan, merged_treatment
from schemas.experiments import Arm, Experiment, ExperimentKind, ExperimentState, Ranking, Treatment
from tests.online_models.experiments.exposing import POPULAR, T0, Desk, trial


def test_titles_that_were_seen_on_one_list_are_compared_once() -> None:
    """Pairs of a list, not across lists; a title without tags, or seen before, is in none."""
    desk = Desk(trial())
    for at, (title, where) in enumerate(
        [("a", "l"), ("b", "l"), ("t", "l"), ("a", "l"), ("c", "m"), ("a", "m")]
    ):
        desk.look(at, title_id=title, list_id=where)
    counts = desk.counts()
    assert (counts["impressions"], counts["pairs"], counts["distance"]) == (6, 2, 667 + 1_000)
    assert desk.part.shown == ["c", "a"]


def test_a_list_without_end_costs_a_bounded_row() -> None:
    """The first titles of a list count."""
    desk = Desk(trial())
    for n in range(100):
        desk.look(n, title_id=f"x{n}")
    assert desk.counts()["pairs"] == MAX_DIVERSITY_TITLES * (MAX_DIVERSITY_TITLES - 1) // 2
    assert len(desk.part.shown) == MAX_DIVERSITY_TITLES


def _draft(**more: Any) -> Experiment:
    return trial(kind=ExperimentKind.INTERLEAVE, **more)


def test_both_arms_are_in_one_list_and_what_is_watched_says_whose_it_was() -> None:
    """Seconds of a team's title are its arm's, of a neutral one nobody's; the preference follows."""
    desk = Desk(_draft())
    desk.look(0, title_id="a", arm="trial/new")
    desk.look(1, title_id="b", arm="trial/control")
    desk.look(2, title_id="c")
    assert desk.part.exposures["trial"].arm == INTERLEAVED
    assert desk.tallies["trial"].arms.keys() == {INTERLEAVED}
    for at, (title, seconds) in enumerate([("a", 300), ("c", 900), ("b", 100), ("elsewhere", 50)], 3):
        desk.stop(at, seconds, title_id=title)
    assert desk.part.exposures["trial"].credit == [300, 100]
    assert (desk.counts()["credited"], desk.counts()["preferred"]) == (1, 500_000)
    found = preferences(desk.tallies["trial"].arms[INTERLEAVED])
    assert (found.viewers, found.mean, found.squares) == (1, 0.5, 0.25)
    desk.stop(9, 200, title_id="b")
    assert desk.counts()["preferred"] == 0
    assert desk.tallies["trial"].crossed == 0


def test_who_saw_a_title_last_under_an_arm_has_the_credit() -> None:
    """The newest impression counts; an impression of another experiment says nothing; few are remembered."""
    desk = Desk(_draft())
    desk.look(0, title_id="a", arm="trial/control")
    desk.look(1, title_id="a", arm="trial/new")
    desk.look(2, title_id="a", arm="other/control")
    desk.stop(3, 60, title_id="a")
    assert desk.part.exposures["trial"].credit == [60, 0]
    for n in range(2 * TEAMS):
        desk.look(4 + n, title_id=f"t{n}", arm="trial/control")
    assert len(desk.part.teams) == TEAMS
    assert f"t{2 * TEAMS - 1}" in desk.part.teams


def test_a_list_is_made_by_winners_first_and_running_arms_over_them() -> None:
    """Roll-outs in the order of their decisions, then the viewer's arms; the holdout gets neither."""
    one = trial("one", state=ExperimentState.ROLLED_OUT, winner="new", decided_at_ms=T0)
    short = (Arm(name="short", share=1.0, treatment=Treatment(list_length=5)),)
    two = trial("two", arms=short, state=ExperimentState.ROLLED_OUT, winner="short", decided_at_ms=T0 + 1)
    three = trial("three", arms=(Arm(name="blend", share=1.0, treatment=Treatment(ranking=Ranking.BLEND)),))
    found = ExperimentPlan([three, two, one]).treatment_for("ada", at_ms=T0, country=None, maturity=None)
    assert [(arm.experiment_id, arm.arm) for arm in found.arms] == [
        ("one", "new"),
        ("two", "short"),
        ("three", "blend"),
    ]
    assert found.treatment == Treatment(ranking=Ranking.BLEND, list_length=5)
    assert [arm.propensity for arm in found.arms] == [1.0, 1.0, 1.0]
    kept = trial("one", state=ExperimentState.ROLLED_OUT, winner="new", holdout=0.5)
    about: dict[str, Any] = {"at_ms": T0, "country": None, "maturity": None}
    held = [
        viewer
        for viewer in map(str, range(50))
        if ExperimentPlan([kept]).treatment_for(viewer, **about) == NO_TREATMENT
    ]
    assert 10 < len(held) < 40


def test_without_experiments_nothing_varies() -> None:
    """Drafts, stopped ones and those of other times leave every list as it is."""
    idle = ExperimentPlan(
        [trial("a", state=ExperimentState.DRAFT), trial("b", state=ExperimentState.STOPPED)]
    )
    assert idle.idle
    assert idle.treatment_for("ada", at_ms=T0, country=None, maturity=None) == NO_TREATMENT
    early = ExperimentPlan([trial()])
    assert early.treatment_for("ada", at_ms=T0 - 1, country=None, maturity=None) == NO_TREATMENT
    assert merged_treatment(POPULAR, None) == POPULAR
