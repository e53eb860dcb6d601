"""Counts of the viewers of one country or one cohort."""

from dataclasses import dataclass, field

from online_models.insights.k_anonymity import DistinctViewers
from online_models.insights.visits import Visit

__all__ = ["Group"]


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
