"""What is counted of a viewer, of an experiment in one partition, and of an experiment in all."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from online_models.experiments.moments import Moments

__all__ = ["Exposure", "Tally", "ViewerTally"]


@dataclass(slots=True)
class Exposure:
    """A viewer in an experiment."""

    arm: str
    at_ms: int
    counts: list[int]
    credit: list[int] = field(default_factory=lambda: [0, 0])
    """Of two rankers in one list: seconds watched of what either picked alone, the compared one's first."""


@dataclass(slots=True)
class ViewerTally:
    """What is kept of a viewer."""

    since_ms: int
    """Of the first event."""
    past_s: float = 0.0
    """Seconds watched, decayed up to ..."""
    past_at_ms: int = 0
    country: str = ""
    maturity: int = -1
    """The profile's limit; -1 for none."""
    clicked: str = ""
    """List and title that was opened last: opening and playing it is one click."""
    seen: list[int] = field(default_factory=list)
    """Hashes of the last event ids."""
    exposures: dict[str, Exposure] = field(default_factory=dict)
    list_id: str = ""
    """The list that was seen last ..."""
    shown: list[str] = field(default_factory=list)
    """... and the titles that were seen on it."""
    teams: dict[str, str] = field(default_factory=dict)
    """Titles that one of two rankers had picked alone: under which arm they were seen last."""
    signed_in_ms: int = 0
    """When an anonymous viewer turned out to be somebody, as whom they are counted from then on; 0: never."""


@dataclass(slots=True)
class Tally:
    """What is counted of an experiment: in one partition, or in all of them."""

    first_ms: int = 0
    at_ms: int = 0
    crossed: int = 0
    arms: dict[str, Moments] = field(default_factory=dict)

    @classmethod
    def merged(cls, parts: Iterable["Tally"]) -> "Tally":
        """Return the tally of all partitions."""
        found = list(parts)
        names = dict.fromkeys(name for part in found for name in part.arms)
        return cls(
            min((part.first_ms for part in found), default=0),
            max((part.at_ms for part in found), default=0),
            sum(part.crossed for part in found),
            {name: Moments.merged(part.arms[name] for part in found if name in part.arms) for name in names},
        )
