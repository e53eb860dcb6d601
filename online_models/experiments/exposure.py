r"""From events to counts: the exposures of a viewer, and what the viewer did since.

The first impression of a list *exposes* a viewer, not the assignment: a viewer without impressions cannot
have been affected. From then on, for the window of the experiment, all actions count whatever their source,
so both arms are counted alike. The arm is the one that the impression names, else the assigned one.

The covariate of `metrics` is the number of seconds watched before the exposure, with a half-life of a week.
It is fixed at the exposure.

An anonymous viewer counts as a separate viewer until the sign-in. The signed-in viewer has the arm of their
own id on every device, and is exposed by their own impressions.

All times are event times. A repeated event id, among the last `SEEN` of the viewer, changes nothing.

*List diversity* is the mean distance of all pairs of titles that a viewer saw on one list (Ziegler et al.,
WWW 2005, with Jaccard's distance over the titles' tags T):

.. math:: d(a, b) = 1 - \frac{|T_a \cap T_b|}{|T_a \cup T_b|}

Only seen titles count, because lists are longer than the screen. A title without tags is in no pair.

*Credit of interleaving.* `Impression.arm` names the arm whose ranker alone picked the title. Seconds watched
of the title afterwards are credited to that arm, wherever the playback started. A viewer's preference

.. math:: w_v = \frac{a_v - b_v}{a_v + b_v}

for seconds a of the compared arm and b of the control is stored in millionths, so that sums stay exact.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from online_models.experiments.definition import arm_label, in_audience
from online_models.experiments.interleaving import PreferenceStatistics
from online_models.experiments.moments import COUNTS, PAIRS, Moments
from online_models.experiments.plan import INTERLEAVED, ExperimentPlan
from schemas.assignment import assign
from schemas.events import Event, Identify, Impression, Play, Preferences, Select, Stop, StopCause
from schemas.experiments import Experiment, ExperimentKind, ExperimentState

__all__ = [
    "EXPOSURES",
    "MAX_DIVERSITY_TITLES",
    "SEEN",
    "TEAMS",
    "Exposure",
    "TagsOf",
    "Tally",
    "ViewerTally",
    "count_event",
    "counts_at",
    "credited",
    "no_tags",
    "preferences",
    "remember_team",
    "seen_together",
]


@dataclass(slots=True)
class Exposure:
    """A viewer's participation in an experiment."""

    arm: str
    at_ms: int
    counts: list[int]
    credit: list[int] = field(default_factory=lambda: [0, 0])
    """Of an interleaving: seconds watched of titles picked by one arm alone, the compared arm first."""


@dataclass(slots=True)
class ViewerTally:
    """State of a viewer. Field names are part of the stored row."""

    since_ms: int
    """Time of the first event."""
    past_s: float = 0.0
    """Seconds watched, decayed to `past_at_ms`."""
    past_at_ms: int = 0
    country: str = ""
    maturity: int = -1
    """The profile's maturity limit, years; -1 for none."""
    clicked: str = ""
    """List and title of the last click: opening and then playing a title is one click."""
    seen: list[int] = field(default_factory=list)
    """Hashes of the last event ids, for deduplication."""
    exposures: dict[str, Exposure] = field(default_factory=dict)
    list_id: str = ""
    """The last list with an impression."""
    shown: list[str] = field(default_factory=list)
    """Titles seen on that list."""
    teams: dict[str, str] = field(default_factory=dict)
    """Titles that one interleaved ranker picked alone, and the label of its arm at the last impression."""
    signed_in_ms: int = 0
    """Time of an anonymous viewer's sign-in: later events are counted for the signed-in viewer; 0: never."""


@dataclass(slots=True)
class Tally:
    """Counts of an experiment in one partition, or in all partitions."""

    first_ms: int = 0
    at_ms: int = 0
    crossed: int = 0
    arms: dict[str, Moments] = field(default_factory=dict)

    @classmethod
    def merged(cls, parts: Iterable["Tally"]) -> "Tally":
        """Return the sum of the tallies of all partitions."""
        found = list(parts)
        names = dict.fromkeys(name for part in found for name in part.arms)
        return cls(
            min((part.first_ms for part in found), default=0),
            max((part.at_ms for part in found), default=0),
            sum(part.crossed for part in found),
            {name: Moments.merged(part.arms[name] for part in found if name in part.arms) for name in names},
        )


MAX_DIVERSITY_TITLES: Final = 24
"""Titles of a list that enter its diversity, in order of impression: four rows of six visible titles."""
THOUSANDTHS: Final = 1_000

TagsOf = Callable[[str], Collection[str]]
"""Returns the tags of a title; none for an unknown title."""


def no_tags(title_id: str) -> tuple[str, ...]:  # noqa: ARG001 - a TagsOf without tags
    """Return no tags."""
    return ()


def seen_together(part: ViewerTally, event: Impression, about: TagsOf) -> dict[str, int]:
    """Return the number of pairs with the titles seen earlier on the list, and their total distance.

    Examples
    --------
    >>> tags = {"a": ("dark", "slow"), "b": ("slow", "long"), "c": ("slow",)}
    >>> def impression(title):
    ...     head = {"event_id": title, "viewer_id": "v", "event_time_ms": 10**12}
    ...     return Impression(**head, list_id="l", row=0, slot=0, title_id=title)
    >>> part = ViewerTally(0)
    >>> [seen_together(part, impression(title), tags.__getitem__) for title in "abca"]
    [{}, {'pairs': 1, 'distance': 667}, {'pairs': 2, 'distance': 1000}, {}]
    """
    if event.list_id != part.list_id:
        part.list_id, part.shown = event.list_id, []
    title = event.title_id
    mine = frozenset(about(title))
    if not mine or title in part.shown or len(part.shown) == MAX_DIVERSITY_TITLES:
        return {}
    others = [frozenset(about(other)) for other in part.shown]
    part.shown = [*part.shown, title]
    distances = [round(THOUSANDTHS * (1 - len(mine & one) / len(mine | one))) for one in others]
    return {"pairs": len(others), "distance": sum(distances)} if others else {}


TEAMS: Final = 64
"""Largest number of titles in `ViewerTally.teams`, the newest: three lists of top picks."""
MILLIONTHS: Final = 1_000_000

_CREDITED: Final = COUNTS.index("credited")
_PREFERRED: Final = COUNTS.index("preferred")
_SQUARES: Final = PAIRS.index((_PREFERRED, _PREFERRED))


def remember_team(part: ViewerTally, event: Impression) -> None:
    """Store the arm label of a title's impression."""
    if event.arm is not None:
        part.teams.pop(event.title_id, None)
        part.teams[event.title_id] = event.arm
        if len(part.teams) > TEAMS:
            del part.teams[next(iter(part.teams))]


def credited(one: Experiment, exposure: Exposure, part: ViewerTally, event: Event) -> dict[str, int]:
    """Credit the seconds of a playback to the arm that picked the title; return the changes of the counts."""
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


def preferences(found: Moments) -> PreferenceStatistics:
    """Return the statistics of the preferences of all viewers with credit.

    Examples
    --------
    >>> arm = Moments()
    >>> for preferred in (500_000, 1_000_000):
    ...     arm.add([0] * 10 + [1, preferred])
    >>> preferences(arm).viewers, preferences(arm).mean
    (2, 0.75)
    """
    return PreferenceStatistics(
        found.first[_CREDITED],
        found.first[_PREFERRED] / MILLIONTHS,
        found.second[_SQUARES] / MILLIONTHS**2,
    )


SEEN: Final = 16
"""Event ids stored per viewer, as in the recommender: a producer's retries follow within a few events."""
EXPOSURES: Final = 16
"""Largest number of experiments of a viewer: bounds the row."""
PAST_MS: Final = 7 * 86_400_000
"""Half-life of the covariate: a week, so that all weekdays count."""
ABANDONED_S: Final = 60.0
"""A playback that the viewer ends earlier is abandoned (interest is lost in 60 to 90 s: Gomez-Uribe and Hunt,
2016)."""
QUALITY: Final = 0.5
"""Share of a title from which a playback is a quality watch."""
COMPLETE: Final = 0.9
"""Share of a title from which a playback is complete: credits are usually not watched."""

_AT: Final = {name: n for n, name in enumerate(COUNTS)}
_LEFT: Final = (StopCause.EXITED, StopCause.NEXT)


def counts_at(experiment: Experiment, at_ms: int) -> bool:
    """Return whether events of a time count, including late events read after the experiment was stopped."""
    if experiment.state in {ExperimentState.DRAFT, ExperimentState.ROLLED_BACK}:
        return False
    ends = [experiment.ends_at_ms]
    if experiment.state is ExperimentState.ROLLED_OUT:
        ends.append(experiment.decided_at_ms)
    started = experiment.starts_at_ms is None or experiment.starts_at_ms <= at_ms
    return started and all(end is None or at_ms < end for end in ends)


def count_event(
    part: ViewerTally,
    event: Event,
    at_ms: int,
    *,
    plan: ExperimentPlan,
    event_hash: int,
    tally: Callable[[str], Tally],
    about: TagsOf = no_tags,
) -> list[str]:
    """Count one event.

    Parameters
    ----------
    part
        State of the viewer, changed in place.
    event, at_ms
        The event, and its time.
    plan
        The experiments.
    event_hash
        Hash of the event's id.
    tally
        Returns the tally of an experiment, which is changed in place.
    about
        Returns a title's tags.

    Returns
    -------
    list of str
        Ids of the experiments whose tallies changed.
    """
    if event_hash in part.seen:
        return []
    part.seen = [*part.seen[1 - SEEN :], event_hash]
    if part.signed_in_ms and at_ms >= part.signed_in_ms:
        return []
    if type(event) is Identify:
        part.signed_in_ms = at_ms
    part.country = event.country or part.country
    if type(event) is Preferences:
        part.maturity = -1 if event.maturity is None else event.maturity
    changed = []
    if type(event) is Impression:
        changed = _expose(part, event, at_ms, plan, tally)
    gains = _gains(part, event, about)
    if gains:
        for name, exposure in part.exposures.items():
            one = plan.by_id.get(name)
            if one is not None and _in_window(one, exposure, at_ms):
                _gain(tally(name), exposure, gains | credited(one, exposure, part, event), at_ms)
                changed.append(name)
    if type(event) is Stop:
        part.past_s = _past(part, at_ms) + event.watched_s
        part.past_at_ms = max(part.past_at_ms, at_ms)
    return list(dict.fromkeys(changed))


def _expose(
    part: ViewerTally, event: Impression, at_ms: int, plan: ExperimentPlan, tally: Callable[[str], Tally]
) -> list[str]:
    """Add the exposures of an impression; return the ids of the experiments that changed."""
    new = []
    for one in plan.by_id.values():
        name = one.experiment_id
        if not counts_at(one, at_ms):
            continue
        named = _named_arm(one, event.arm)
        if named is not None and one.kind is ExperimentKind.INTERLEAVE:
            remember_team(part, event)
            named = INTERLEAVED
        there = part.exposures.get(name)
        if there is not None:
            if named is not None and named != there.arm:
                tally(name).crossed += 1
                new.append(name)
            continue
        arm = named if named is not None else _assigned(one, part, event)
        if arm is not None and _has_room(part, plan, at_ms):
            counts = [0] * len(COUNTS)
            counts[_AT["before"]] = round(_past(part, at_ms))
            part.exposures[name] = Exposure(arm, at_ms, counts)
            mine = tally(name)
            mine.first_ms = min(mine.first_ms or at_ms, at_ms)
            mine.arms.setdefault(arm, Moments()).add(counts)
            new.append(name)
    return new


def _named_arm(one: Experiment, label: str | None) -> str | None:
    """Return the arm that an impression names, if it is an arm of this experiment."""
    if label is None or not label.startswith(f"{one.experiment_id}/"):
        return None
    return next((arm.name for arm in one.arms if arm_label(one.experiment_id, arm.name) == label), None)


def _assigned(one: Experiment, part: ViewerTally, event: Impression) -> str | None:
    """Return the assigned arm, if the viewer is in the audience."""
    about = one.audience
    if about is not None:
        if about.devices and event.device not in about.devices:
            return None
        if about.new_viewers and part.since_ms < (one.starts_at_ms or 0):
            return None
        known = None if part.maturity < 0 else part.maturity
        if not in_audience(one, country=part.country or None, maturity=known):
            return None
    mine = assign(one, event.viewer_id)
    if mine is not None and one.kind is ExperimentKind.INTERLEAVE:
        return INTERLEAVED
    return mine.arm if mine else None


def _has_room(part: ViewerTally, plan: ExperimentPlan, at_ms: int) -> bool:
    """Return whether another exposure fits, after removing finished ones."""
    if len(part.exposures) >= EXPOSURES:
        part.exposures = {
            name: one
            for name, one in part.exposures.items()
            if name in plan.by_id and _in_window(plan.by_id[name], one, at_ms)
        }
    return len(part.exposures) < EXPOSURES


def _in_window(one: Experiment, exposure: Exposure, at_ms: int) -> bool:
    return counts_at(one, at_ms) and exposure.at_ms <= at_ms < exposure.at_ms + one.window_s * 1000


def _gains(part: ViewerTally, event: Event, about: TagsOf) -> dict[str, int]:
    """Return the increments of an event."""
    if type(event) is Impression:
        return {"impressions": 1} | seen_together(part, event, about)
    if isinstance(event, Select | Play):
        by_itself = isinstance(event, Play) and event.autoplay
        click = f"{event.list_id} {event.title_id}"
        if event.list_id is None or by_itself or click == part.clicked:
            return {}
        part.clicked = click
        return {"clicks": 1}
    if isinstance(event, Stop) and event.cause is not StopCause.ERROR:
        whole = event.duration_s or float("inf")
        done = event.cause is StopCause.ENDED or event.watched_s >= COMPLETE * whole
        left = event.watched_s < ABANDONED_S and not done and not event.autoplay and event.cause in _LEFT
        return {
            "starts": 1,
            "seconds": round(event.watched_s),
            "completions": int(done),
            "quality_watches": int(done or event.watched_s >= QUALITY * whole),
            "abandoned": int(left),
        }
    return {}


def _gain(tally: Tally, exposure: Exposure, gains: dict[str, int], at_ms: int) -> None:
    """Add to a viewer's counts, in the exposure and in the moments of the arm."""
    former = list(exposure.counts)
    for name, more in gains.items():
        exposure.counts[_AT[name]] += more
    tally.arms[exposure.arm].move(former, exposure.counts)
    tally.at_ms = max(tally.at_ms, at_ms)


def _past(part: ViewerTally, at_ms: int) -> float:
    """Return the seconds watched so far, decayed to a time."""
    return float(part.past_s * 0.5 ** (max(0, at_ms - part.past_at_ms) / PAST_MS))
