"""Tally of a title: sums up visits and makes the record for content teams."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from online_models.insights.counters import Counter, SpaceSaving
from online_models.insights.curves import FINISHED, curve, steepest
from online_models.insights.visits import Visit
from online_models.learners.k_anonymity import LEAST, DistinctViewers, disclosable_part
from schemas.insights import CurvePoint, GroupInsight, Steepest, TitleInsight

__all__ = ["ACTIONS", "GROUPS", "Group", "TitleTally", "describe", "groups"]


@dataclass(slots=True)
class Group:
    """Counts of one title for a group of viewers: a country or a cohort.

    Examples
    --------
    >>> group = Group()
    >>> group.add(Visit("t", 7, "DE", "", at_ms=0, starts=1, seconds=600, place=10))
    >>> group.viewers, group.starts, group.seconds, len(group.distinct)
    (1, 1, 600, 1)
    """

    viewers: int = 0
    """Viewers whose first visit of the title was counted here."""
    finished: int = 0
    starts: int = 0
    seconds: int = 0
    distinct: DistinctViewers = field(default_factory=DistinctViewers)

    def add(self, visit: Visit) -> None:
        """Count a visit."""
        self.starts += visit.starts
        self.seconds += visit.seconds
        self.viewers += visit.is_new
        self.finished += visit.finishes
        if visit.place >= 0:
            self.distinct.add((visit.viewer,))


ACTIONS: Final = ("again", "skips", "ups", "downs", "sought")
"""Further actions of viewers with a title: fields of `Visit`; the names are part of the stored row."""
GROUPS: Final = 16
"""Largest number of countries, and of cohorts, of a title."""


def groups() -> SpaceSaving[Group]:
    """Return counters for groups of a title's viewers, weighted by starts."""
    return SpaceSaving(GROUPS, Group)


@dataclass(slots=True)
class TitleTally:
    """Counts of a title.

    Examples
    --------
    >>> tally = TitleTally()
    >>> for viewer in range(30):
    ...     tally.add(Visit("t", viewer, "DE", "", at_ms=10**12, starts=1, seconds=600, place=10))
    >>> found = describe("t", tally)
    >>> found.viewers, found.watch_minutes, found.countries[0].name
    (30, 300.0, 'DE')
    """

    at_ms: int = 0
    starts: int = 0
    seconds: int = 0
    places: list[int] = field(default_factory=lambda: [0] * (FINISHED + 1))
    """Viewers by furthest minute; the last bin has those who finished (`curves`)."""
    distinct: DistinctViewers = field(default_factory=DistinctViewers)
    """Distinct viewers in `places`."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACTIONS, 0))
    distinct_by_action: dict[str, DistinctViewers] = field(
        default_factory=lambda: {action: DistinctViewers() for action in ACTIONS}
    )
    countries: SpaceSaving[Group] = field(default_factory=groups)
    cohorts: SpaceSaving[Group] = field(default_factory=groups)

    def add(self, visit: Visit) -> None:
        """Count a visit."""
        self.at_ms = max(self.at_ms, visit.at_ms)
        self.starts += visit.starts
        self.seconds += visit.seconds
        if visit.place >= 0:
            self.distinct.add((visit.viewer,))
            self.places[visit.place] += 1
            if visit.was >= 0:
                self.places[visit.was] -= 1
        for action in ACTIONS:
            if times := getattr(visit, action):
                self.counts[action] += times
                self.distinct_by_action[action].add((visit.viewer,))
        if visit.starts:
            for name, by in ((visit.country, self.countries), (visit.cohort, self.cohorts)):
                if name:
                    by.add(name, float(visit.starts))
                    by.counters[name].part.add(visit)


def describe(title_id: str, tally: TitleTally) -> TitleInsight | None:
    """Return the record of a title; None if too few viewers watched it."""
    viewers = sum(tally.places)
    if not tally.distinct.enough:
        return None
    points = curve(tally.places)
    step = steepest(points)
    actions = {
        action: tally.counts[action] if tally.distinct_by_action[action].enough else None
        for action in ACTIONS
    }
    return TitleInsight(
        title_id=title_id,
        at_ms=tally.at_ms,
        viewers=viewers,
        starts=tally.starts,
        watch_minutes=round(tally.seconds / 60, 1),
        curve=tuple(CurvePoint(minute=point.minute, viewers=point.viewers) for point in points),
        steepest=step
        and Steepest(minute=step[0].minute, until=step[1].minute, viewers=step[0].viewers - step[1].viewers),
        finished=disclosable_part(tally.places[FINISHED], viewers),
        rewatches=actions["again"],
        skips=actions["skips"],
        thumbs_up=actions["ups"],
        thumbs_down=actions["downs"],
        from_search=actions["sought"],
        countries=_disclosable_groups(tally.countries, tally),
        cohorts=_disclosable_groups(tally.cohorts, tally),
    )


def _disclosable_groups(by: SpaceSaving[Group], tally: TitleTally) -> tuple[GroupInsight, ...]:
    """Return the groups that may be disclosed; small ones are left out until the rest may be, too.

    The rest is what a reader computes by subtraction: viewers, starts and minutes of the title without those
    of its groups. It has to be nothing at all, or of enough viewers. A viewer counts as one where the title
    was first visited; starts and minutes count where they are, so a rest of no viewers can have minutes.
    """
    hidden: list[Group] = []
    found: list[tuple[str, Counter[Group]]] = []
    for name, one in by.top(GROUPS):
        if one.part.distinct.enough and one.part.viewers >= LEAST:
            found.append((name, one))
        else:
            hidden.append(one.part)
    while found and not _rest_is_disclosable([one.part for _, one in found], hidden, tally):
        least = min(found, key=lambda pair: (pair[1].part.viewers, pair[0]))
        found.remove(least)
        hidden.append(least[1].part)
    return tuple(
        GroupInsight(
            name=name,
            viewers=one.part.viewers,
            starts=one.part.starts,
            watch_minutes=round(one.part.seconds / 60, 1),
            finished=disclosable_part(one.part.finished, one.part.viewers),
            error_starts=round(one.error),
        )
        for name, one in found
    )


def _rest_is_disclosable(shown: Sequence[Group], hidden: Iterable[Group], tally: TitleTally) -> bool:
    """Return whether the rest of a title, beside some of its groups, is nothing or of enough viewers."""
    viewers = sum(tally.places) - sum(group.viewers for group in shown)
    starts = tally.starts - sum(group.starts for group in shown)
    seconds = tally.seconds - sum(group.seconds for group in shown)
    if viewers > 0:
        return viewers >= LEAST
    distinct = DistinctViewers()
    for group in hidden:
        distinct.take(group.distinct)
    return starts == seconds == 0 or distinct.enough
