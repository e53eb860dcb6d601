"""A title's tally: visits in, the record that content teams read out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from online_models.insights.counters import SpaceSaving
from online_models.insights.curves import FINISHED, curve, steepest
from online_models.insights.k_anonymity import LEAST, DistinctViewers, disclosable_part
from online_models.insights.visits import Visit
from schemas.insights import CurvePoint, GroupInsight, Steepest, TitleInsight

__all__ = ["ACTIONS", "GROUPS", "Group", "TitleTally", "describe", "groups"]


# Counts of the viewers of one country or one cohort.


@dataclass(slots=True)
class Group:
    """What is counted of a group with one title.

    Examples
    --------
    >>> group = Group()
    >>> group.add(Visit("t", 7, "DE", "", at_ms=0, starts=1, seconds=600, place=10))
    >>> group.viewers, group.starts, group.seconds, len(group.crowd)
    (1, 1, 600, 1)
    """

    viewers: int = 0
    """Who was new to the title, and no longer is."""
    finished: int = 0
    starts: int = 0
    seconds: int = 0
    crowd: DistinctViewers = field(default_factory=DistinctViewers)

    def add(self, visit: Visit) -> None:
        """Count a visit."""
        self.starts += visit.starts
        self.seconds += visit.seconds
        self.viewers += visit.is_new
        self.finished += visit.finishes
        if visit.place >= 0:
            self.crowd.add((visit.viewer,))


ACTIONS: Final = ("again", "skips", "ups", "downs", "sought")
"""What viewers do with a title beside watching it, as `Visit` calls it."""
GROUPS: Final = 16
"""Countries, and cohorts, that are followed of a title."""


def groups() -> SpaceSaving[Group]:
    """Return counters for the groups of a title's viewers, by starts."""
    return SpaceSaving(GROUPS, Group)


@dataclass(slots=True)
class TitleTally:
    """What is counted of a title.

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
    """Viewers by the furthest minute, those who finished last (`curves`)."""
    crowd: DistinctViewers = field(default_factory=DistinctViewers)
    """Who has a place."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACTIONS, 0))
    crowds: dict[str, DistinctViewers] = field(
        default_factory=lambda: {act: DistinctViewers() for act in ACTIONS}
    )
    countries: SpaceSaving[Group] = field(default_factory=groups)
    cohorts: SpaceSaving[Group] = field(default_factory=groups)

    def add(self, visit: Visit) -> None:
        """Count a visit."""
        self.at_ms = max(self.at_ms, visit.at_ms)
        self.starts += visit.starts
        self.seconds += visit.seconds
        if visit.place >= 0:
            self.crowd.add((visit.viewer,))
            self.places[visit.place] += 1
            if visit.was >= 0:
                self.places[visit.was] -= 1
        for act in ACTIONS:
            if times := getattr(visit, act):
                self.counts[act] += times
                self.crowds[act].add((visit.viewer,))
        if visit.starts:
            for name, by in ((visit.country, self.countries), (visit.cohort, self.cohorts)):
                if name:
                    by.add(name, float(visit.starts))
                    by.counters[name].part.add(visit)


def describe(title_id: str, tally: TitleTally) -> TitleInsight | None:
    """Return what may be told of a title; None where too few watched it."""
    viewers = sum(tally.places)
    if not tally.crowd.enough:
        return None
    points = curve(tally.places)
    step = steepest(points)
    acts = {act: tally.counts[act] if tally.crowds[act].enough else None for act in ACTIONS}
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
        rewatches=acts["again"],
        skips=acts["skips"],
        thumbs_up=acts["ups"],
        thumbs_down=acts["downs"],
        from_search=acts["sought"],
        countries=_told(tally.countries, viewers),
        cohorts=_told(tally.cohorts, viewers),
    )


def _told(by: SpaceSaving[Group], viewers: int) -> tuple[GroupInsight, ...]:
    """Return the groups that may be told, and none that would give away a small rest."""
    found = [
        GroupInsight(
            name=name,
            viewers=one.part.viewers,
            starts=one.part.starts,
            watch_minutes=round(one.part.seconds / 60, 1),
            finished=disclosable_part(one.part.finished, one.part.viewers),
            error_starts=round(one.error),
        )
        for name, one in by.top(GROUPS)
        if one.part.crowd.enough and one.part.viewers >= LEAST
    ]
    while found and 0 < viewers - _sum(found) < LEAST:
        found.remove(min(found, key=lambda one: (one.viewers, one.name)))
    return tuple(found)


def _sum(found: Iterable[GroupInsight]) -> int:
    return sum(one.viewers for one in found)
