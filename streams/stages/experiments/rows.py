r"""Rows of the results and decisions stages: a viewer's part in experiments, and tallies.

Values are a byte of version and a payload: MessagePack of a viewer's part, JSON of a tally. Moments are
written as decimal digits: sums of squares outgrow the 64 bits of other readers' numbers. Keys of tallies
begin with ``\x02``, which no viewer id does.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from online_models.config import ModelConfig
from online_models.experiments.moments import FIRST_COUNTS, Moments
from online_models.experiments.tallies import Exposure, Tally, ViewerTally
from online_models.tables.row_versions import RowVersions
from streams.stages.analytics.packing import RowFormat, RowLayout, unpacked

__all__ = [
    "PARTS",
    "TALLIES",
    "TALLY",
    "TallyRecord",
    "pack_part",
    "pack_tally",
    "tally_of",
    "unpack_part",
    "unpack_tally",
]

TALLY: Final = b"\x02"
"""Beginning of the keys of tallies among a partition's rows."""


class TallyRecord(Struct, frozen=True, kw_only=True, gc=False):
    """A tally on the wire between the two stages: of one experiment in one partition, absolute.

    Attributes
    ----------
    experiment_id
        The experiment.
    partition
        Of the events.
    first_ms, at_ms, crossed
        As in `Tally`.
    arms
        By arm: viewers, sums, sums of products, as decimal digits.
    """

    experiment_id: str
    partition: int
    first_ms: int
    at_ms: int
    crossed: int
    arms: dict[str, str]


_RECORD: Final = msgspec.json.Decoder(TallyRecord)


def _parts_2(rows: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Add counts, credit and what was seen: none of them."""
    out = []
    for row in rows:
        *fields, exposures = msgspec.msgpack.decode(row[1:])
        wider = [[name, arm, at_ms, _padded(counts), [0, 0]] for name, arm, at_ms, counts in exposures]
        out.append(b"\2" + msgspec.msgpack.encode([*fields, wider, "", [], {}, 0]))
    return out


def _tallies_2(rows: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Add counts, all 0; the first ones and their products stand in front as they did."""
    out = []
    for row in rows:
        record = _RECORD.decode(row[1:])
        arms = {arm: _wider(text) for arm, text in record.arms.items()}
        out.append(b"\2" + msgspec.json.encode(msgspec.structs.replace(record, arms=arms)))
    return out


def _padded(counts: Sequence[int]) -> list[int]:
    return [*counts, *[0] * (_SECOND - len(counts))]


def _wider(text: str) -> str:
    digits = text.split()
    first, second = digits[1 : 1 + FIRST_COUNTS], digits[1 + FIRST_COUNTS :]
    more = ["0"] * (_SECOND - len(first)), ["0"] * (_SECOND_PAIRS - len(second))
    return " ".join((digits[0], *first, *more[0], *second, *more[1]))


_SECOND: Final = 12
_SECOND_PAIRS: Final = 78
"""Counts of the second version, and their products."""
PARTS: Final = RowVersions("a viewer's part in experiments").then(upgrade=_parts_2)
TALLIES: Final = RowVersions("an experiment's tally").then(upgrade=_tallies_2)


def _rows(exposures: Mapping[str, Exposure]) -> list[tuple[object, ...]]:
    return [(name, one.arm, one.at_ms, one.counts, one.credit) for name, one in exposures.items()]


def _exposures(rows: Iterable[tuple[Any, ...]]) -> dict[str, Exposure]:
    return {name: Exposure(*fields) for name, *fields in rows}


_EXPOSURES: Final = RowFormat(list[tuple[str, str, int, list[int], list[int]]], _rows, _exposures)
_PART: Final = RowLayout(ViewerTally, PARTS, exposures=_EXPOSURES)


def pack_part(part: ViewerTally) -> bytes:
    """Pack a viewer's part.

    Examples
    --------
    >>> part = Part(since_ms=5, exposures={"x": Exposure("new", 7, [1, 0, 0, 60, 0, 0, 0, 9])})
    >>> unpack_part(pack_part(part)) == part
    True
    """
    return _PART.pack(part)


def unpack_part(value: bytes) -> ViewerTally:
    """Read a viewer's part of any version; raises as `packing.unpacked`."""
    return _PART.unpack(value)


def pack_tally(name: str, partition: int, tally: Tally) -> bytes:
    """Pack a tally.

    Examples
    --------
    >>> tally = Tally(5, 9, 0, {"new": Moments()}); tally.arms["new"].add([1, 0, 0, 60, 0, 0, 0, 2**40])
    >>> tally_of(unpack_tally(pack_tally("x", 3, tally))) == tally
    True
    """
    arms = {arm: _digits(moments) for arm, moments in tally.arms.items()}
    record = TallyRecord(
        experiment_id=name,
        partition=partition,
        first_ms=tally.first_ms,
        at_ms=tally.at_ms,
        crossed=tally.crossed,
        arms=arms,
    )
    return bytes([TALLIES.version]) + msgspec.json.encode(record)


def unpack_tally(value: bytes) -> TallyRecord:
    """Read a tally of any version; raises as `packing.unpacked`."""
    return unpacked(_RECORD, TALLIES, value)


def tally_of(record: TallyRecord) -> Tally:
    """Return the tally that a record speaks of."""
    arms = {arm: _moments(text) for arm, text in record.arms.items()}
    return Tally(record.first_ms, record.at_ms, record.crossed, arms)


def _digits(moments: Moments) -> str:
    return " ".join(map(str, (moments.viewers, *moments.first, *moments.second)))


def _moments(text: str) -> Moments:
    viewers, *rest = map(int, text.split())
    first = len(Moments().first)
    return Moments(viewers, rest[:first], rest[first:])
