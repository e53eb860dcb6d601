"""k-anonymity: whether a group has enough distinct viewers to be disclosed.

A group stores the hashes of its viewers' ids until it has `LEAST` of them. From then on only the fact that it
is large enough is stored. The answer is exact with at most twenty numbers a group, unlike a sketch. (A
collision of two 64-bit hashes makes a group smaller, never larger.)
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["LEAST", "DistinctViewers", "disclosable_part"]

LEAST: Final = 20
"""k: distinct viewers of a group that may be disclosed, a requirement. Statistics offices use 3 to 20."""


@dataclass(slots=True)
class DistinctViewers:
    """Distinct viewers, counted up to `LEAST`.

    Examples
    --------
    >>> distinct = DistinctViewers()
    >>> distinct.add([1, 2, 2]); len(distinct), distinct.enough
    (2, False)
    >>> distinct.add(range(100)); len(distinct), distinct.enough, distinct.members
    (20, True, set())
    """

    members: set[int] = field(default_factory=set)
    """Hashes of viewers; empty once there are `LEAST`."""
    enough: bool = False
    """Whether there are at least `LEAST` viewers."""

    def __len__(self) -> int:
        """Return the number of viewers, at most `LEAST`."""
        return LEAST if self.enough else len(self.members)

    def add(self, viewers: Iterable[int], least: int = LEAST) -> None:
        """Add viewers by their hashes; `least` of them are enough."""
        if not self.enough:
            self.members.update(viewers)
            if len(self.members) >= least:
                self.members, self.enough = set(), True

    def take(self, other: "DistinctViewers") -> None:
        """Add the viewers of another group."""
        if other.enough:
            self.members, self.enough = set(), True
        else:
            self.add(other.members)

    @property
    def disclosable(self) -> bool:
        """Whether a count of the group may be disclosed: enough viewers, or none."""
        return self.enough or not self.members


def disclosable_part(part: int, whole: int) -> int | None:
    """Return the size of a part of a group as far as it may be disclosed; None for nothing.

    Parameters
    ----------
    part
        Viewers in the part.
    whole
        Viewers in the group.

    Returns
    -------
    int or None
        The part, if it has `LEAST` viewers and the rest has as many or none. If only the rest is small, a
        lower bound of the part.

    Examples
    --------
    >>> [disclosable_part(part, whole) for part, whole in ((30, 60), (60, 60), (19, 60), (55, 60), (30, 35))]
    [30, 60, None, 40, None]
    """
    rest = whole - part
    if rest < 0 or part < LEAST:
        return None
    if rest == 0 or rest >= LEAST:
        return part
    return whole - LEAST if whole - LEAST >= LEAST else None
