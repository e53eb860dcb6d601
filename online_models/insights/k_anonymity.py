"""Whether a group has enough distinct viewers to be shown.

A group is a set of hashes of viewer ids until it has `LEAST` of them; then it is known to be large enough,
for ever, and the set is dropped. So the answer is exact at twenty numbers a group: no sketch, no false yes.
(Two viewers with one hash of 64 bits would make a group look smaller, never larger.)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["LEAST", "DistinctViewers", "disclosable_part"]

LEAST: Final = 20
"""Distinct viewers that a group needs to be shown: what is asked of us. Statistics offices use 3 to 20."""


@dataclass(slots=True)
class DistinctViewers:
    """Distinct viewers, counted up to `LEAST`.

    Examples
    --------
    >>> crowd = DistinctViewers()
    >>> crowd.add([1, 2, 2]); len(crowd), crowd.enough
    (2, False)
    >>> crowd.add(range(100)); len(crowd), crowd.enough, crowd.members
    (20, True, set())
    """

    members: set[int] = field(default_factory=set)
    """Hashes of viewers; empty once there are enough."""
    enough: bool = False
    """Whether there are `LEAST` or more."""

    def __len__(self) -> int:
        """Return how many there are, at most `LEAST`."""
        return LEAST if self.enough else len(self.members)

    def add(self, viewers: Iterable[int]) -> None:
        """Put viewers in."""
        if not self.enough:
            self.members.update(viewers)
            if len(self.members) >= LEAST:
                self.members, self.enough = set(), True

    def take(self, other: "DistinctViewers") -> None:
        """Put the viewers of another crowd in."""
        if other.enough:
            self.members, self.enough = set(), True
        else:
            self.add(other.members)

    @property
    def showable(self) -> bool:
        """Whether it may be spoken of: enough viewers, or none."""
        return self.enough or not self.members


def disclosable_part(part: int, whole: int) -> int | None:
    """Return how much may be told of a part of a group of viewers; None: nothing.

    Parameters
    ----------
    part
        Viewers in the part.
    whole
        Viewers in the group.

    Returns
    -------
    int or None
        The part, if it has `LEAST` viewers and the rest has as many or none; where only the rest is small,
        what the part has at least.

    Examples
    --------
    >>> told(30, 60), told(60, 60), told(19, 60), told(55, 60), told(30, 35)
    (30, 60, None, 40, None)
    """
    rest = whole - part
    if rest < 0 or part < LEAST:
        return None
    if rest == 0 or rest >= LEAST:
        return part
    return whole - LEAST if whole - LEAST >= LEAST else None
