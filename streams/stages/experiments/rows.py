r"""Rows of the results and decisions stages: a viewer's counts, tallies, and interim looks at an experiment.

Tallies travel between the two stages in the same form. Keys of tallies (results stage) and of looks
(decisions stage) begin with ``\x02``, which no viewer id and no key of a tally's record does. Moments are
written as decimal digits: sums of squares outgrow 64 bits.
"""

from typing import Final

from msgspec import Struct

from online_models.experiments.exposure import Tally, ViewerTally
from online_models.experiments.moments import Moments
from schemas.fields import MAX_TIME_MS
from streams.stages.wire.row_codec import RowCodec

__all__ = [
    "LOOK",
    "LOOKS",
    "TALLIES",
    "TALLY",
    "VIEWERS",
    "InterimLooks",
    "TallyRecord",
    "is_sound",
    "pack_tally",
    "tally_of",
]

TALLY: Final = b"\x02"
"""First byte of the keys of tallies in the results stage's state."""
_MOST: Final = 1 << 160
"""Above any sum of squares: 2^63 squared, of 2^34 viewers."""
_MOST_PARTITIONS: Final = 1 << 20
LOOK: Final = b"\x02"
"""First byte of the keys of looks in the decisions stage's state."""


class TallyRecord(Struct, array_like=True, frozen=True, gc=False):
    """The tally of one experiment in one partition, absolute.

    Attributes
    ----------
    experiment_id
        The experiment.
    partition
        Partition of the events.
    first_ms, at_ms, crossed
        As in `Tally`.
    arms
        By arm: viewers, sums, and sums of products, as decimal digits.
    """

    experiment_id: str
    partition: int
    first_ms: int
    at_ms: int
    crossed: int
    arms: dict[str, str]


class InterimLooks(Struct, array_like=True, frozen=True, gc=False):
    """What the looks at an experiment have found so far.

    Attributes
    ----------
    sample_ratio_p
        Least p-value of the split.
    decided
        Whether a winner was rolled out.
    """

    sample_ratio_p: float = 1.0
    decided: bool = False


VIEWERS: Final = RowCodec("a viewer's counts in experiments", ViewerTally)
TALLIES: Final = RowCodec("an experiment's tally", TallyRecord)
LOOKS: Final = RowCodec("the looks at an experiment", InterimLooks)


def pack_tally(name: str, partition: int, tally: Tally) -> bytes:
    """Pack a tally.

    Examples
    --------
    >>> tally = Tally(5, 9, 0, {"new": Moments()}); tally.arms["new"].add([1, 0, 0, 60, 0, 0, 0, 2**40])
    >>> tally_of(TALLIES.unpack(pack_tally("x", 3, tally))) == tally
    True
    """
    arms = {arm: _digits(moments) for arm, moments in tally.arms.items()}
    return TALLIES.pack(TallyRecord(name, partition, tally.first_ms, tally.at_ms, tally.crossed, arms))


def is_sound(record: TallyRecord) -> bool:
    """Return whether the numbers of a tally's record are those of a tally."""
    try:
        arms = tally_of(record).arms.values()
    except ValueError:  # no digits
        return False
    empty = Moments()
    return (
        0 <= record.partition <= _MOST_PARTITIONS
        and record.crossed >= 0
        and all(0 <= at < MAX_TIME_MS for at in (record.first_ms, record.at_ms))
        and all(len(arm.first) == len(empty.first) for arm in arms)
        and all(len(arm.second) == len(empty.second) for arm in arms)
        and all(arm.viewers >= 0 for arm in arms)
        and all(abs(n) < _MOST for arm in arms for n in (arm.viewers, *arm.first, *arm.second))
    )


def tally_of(record: TallyRecord) -> Tally:
    """Return the tally of a record."""
    arms = {arm: _moments(text) for arm, text in record.arms.items()}
    return Tally(record.first_ms, record.at_ms, record.crossed, arms)


def _digits(moments: Moments) -> str:
    return " ".join(map(str, (moments.viewers, *moments.first, *moments.second)))


def _moments(text: str) -> Moments:
    viewers, *rest = map(int, text.split())
    first = len(Moments().first)
    return Moments(viewers, rest[:first], rest[first:])
