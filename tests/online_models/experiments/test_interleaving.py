"""Team draft is fair, deterministic and complete; preferences are told apart from far fewer viewers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from online_models.experiments.interleaving import FIRST, NEUTRAL, SECOND, PreferenceStatistics, team_draft

TITLES = [f"t{n}" for n in range(12)]
rankings = st.permutations(TITLES).map(lambda order: order[:8])


@given(rankings, rankings, st.integers(0, 14), st.text(max_size=5))
def test_a_draft_is_what_both_would_pick(first: list[str], second: list[str], n: int, name: str) -> None:
    """No title twice, as many as there are, and each is its team's best that was not there yet."""
    titles, teams = team_draft(first, second, n, name)
    assert len(titles) == len(teams) == min(n, len({*first, *second}))
    assert len(set(titles)) == len(titles)
    assert team_draft(first, second, n, name) == (titles, teams)
    for at, (title, team) in enumerate(zip(titles, teams, strict=True)):
        before = set(titles[:at])
        best = {
            FIRST: next((t for t in first if t not in before), None),
            SECOND: next((t for t in second if t not in before), None),
        }
        if team == NEUTRAL:
            assert title == best[FIRST] == best[SECOND]
        else:
            assert title == best[team]


def test_equal_rankings_say_nothing() -> None:
    """Where both agree, every title is neutral."""
    assert team_draft(TITLES, TITLES, 5, "x").teams == [NEUTRAL] * 5


def test_each_team_is_first_half_of_the_time() -> None:
    """Over 2,000 names the coin is fair, and the teams have equal numbers of titles."""
    drafts = [team_draft(TITLES[:6], TITLES[6:], 6, f"viewer {n}") for n in range(2_000)]
    assert abs(sum(d.teams[0] for d in drafts)) < 4 * 2_000**0.5
    assert all(sum(d.teams) == 0 for d in drafts)


def test_equals_are_not_told_apart_and_a_better_ranker_is() -> None:
    """Viewers of very different habits: bounds around equals hold zero, those of a better ranker do not."""
    chance = np.random.default_rng(4)
    fair, better = PreferenceStatistics(), PreferenceStatistics()
    looked = []
    for appetite in chance.lognormal(3, 1.5, 3_000):
        a, b = chance.exponential(appetite, 2)
        fair.add(a, b)
        better.add(1.3 * a, b)
        bounds = fair.bounds()
        if fair.viewers >= 100 and bounds is not None:
            looked.append(bounds.low <= 0 <= bounds.high)
    assert all(looked)
    bounds = better.bounds()
    assert bounds is not None
    assert bounds.low > 0


def test_preferences_by_hand() -> None:
    """Weights 1, 0 and -1/2: mean 1/6, sample variance 7/12."""
    found = PreferenceStatistics()
    for credit in [(4.0, 0.0), (3.0, 3.0), (1.0, 3.0), (0.0, 0.0)]:
        found.add(*credit)
    assert (found.viewers, found.total, found.squares) == (3, 0.5, 1.25)
    assert PreferenceStatistics().bounds() is None
