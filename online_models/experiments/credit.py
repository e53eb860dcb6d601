r"""Whose pick was watched: credit for two rankers in one list.

An impression says under which arm a title was seen (`Impression.arm`), where one of the two had picked it
alone. Seconds watched of it afterwards are that arm's, wherever they were started. A viewer's preference

.. math:: w_v = \frac{a_v - b_v}{a_v + b_v}

of the compared arm's seconds a and the control's b is kept in millionths, so that sums stay exact.
"""

from typing import Final

from online_models.experiments.definition import arm_label
from online_models.experiments.interleaving import Preferences
from online_models.experiments.moments import COUNTS, PAIRS, Moments
from online_models.experiments.tallies import Exposure, ViewerTally
from schemas.events import Event, Impression, Stop
from schemas.experiments import Experiment, ExperimentKind

__all__ = ["TEAMS", "credited", "preferences", "remember_team"]

TEAMS: Final = 64
"""Titles of which it is remembered who picked them, the newest: three lists of top picks."""
MILLIONTHS: Final = 1_000_000

_CREDITED: Final = COUNTS.index("credited")
_PREFERRED: Final = COUNTS.index("preferred")
_SQUARES: Final = PAIRS.index((_PREFERRED, _PREFERRED))


def remember_team(part: ViewerTally, event: Impression) -> None:
    """Remember under which arm a title was seen."""
    if event.arm is not None:
        part.teams.pop(event.title_id, None)
        part.teams[event.title_id] = event.arm
        if len(part.teams) > TEAMS:
            del part.teams[next(iter(part.teams))]


def credited(one: Experiment, exposure: Exposure, part: ViewerTally, event: Event) -> dict[str, int]:
    """Give a playback's seconds to the arm that had picked the title; return what that adds to counts."""
    if one.kind is not ExperimentKind.INTERLEAVE or type(event) is not Stop:
        return {}
    labels = [arm_label(one.experiment_id, arm.name) for arm in reversed(one.arms)]
    team = part.teams.get(event.title_id)
    if team not in labels:
        return {}
    credit = list(exposure.credit)
    credit[labels.index(team)] += round(event.watched_s)
    if not any(credit):
        return {}
    exposure.credit = credit
    preferred = round(MILLIONTHS * (credit[0] - credit[1]) / sum(credit))
    return {
        "credited": 1 - exposure.counts[_CREDITED],
        "preferred": preferred - exposure.counts[_PREFERRED],
    }


def preferences(found: Moments) -> Preferences:
    """Return the preferences of the viewers who are credited.

    Examples
    --------
    >>> arm = Moments()
    >>> for preferred in (500_000, 1_000_000):
    ...     arm.add([0] * 10 + [1, preferred])
    >>> preferences(arm).viewers, preferences(arm).mean
    (2, 0.75)
    """
    return Preferences(
        found.first[_CREDITED],
        found.first[_PREFERRED] / MILLIONTHS,
        found.second[_SQUARES] / MILLIONTHS**2,
    )
