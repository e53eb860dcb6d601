"""What things cost: shipped constants, each with its source, or those that a machine was measured to have.

Every constant is a range: its lower and upper end are what was seen on idle and on busy cores, or in the
smallest and largest of several runs. A plan is computed with all lower ends, all middles and all upper ends.
"""

from pathlib import Path
from typing import Annotated, Final, Self

import msgspec
import numpy as np
from msgspec import Meta, Struct

from streams.errors import SettingsError
from streams.ops.whole_files import whole

__all__ = ["SHIPPED", "BySize", "Constants", "Range", "read_constants"]

Positive = Annotated[float, Meta(gt=0)]


class Range(Struct, frozen=True):
    """A constant: the least and the most that was seen, and what is usual."""

    low: Positive
    usual: Positive
    high: Positive
    source: str = ""

    def at(self, place: float) -> float:
        """Return the value at a place from -1 (low) by 0 (usual) to 1 (high).

        Examples
        --------
        >>> [Range(1.0, 2.0, 4.0).at(place) for place in (-1, 0, 0.5, 1)]
        [1.0, 2.0, 3.0, 4.0]
        """
        return float(np.interp(place, (-1, 0, 1), (self.low, self.usual, self.high)))


REPLICA_CORES: Final = Range(0.01, 0.015, 0.03, "python -m tests.benchmarks.fan_out")
FAN_OUT_US: Final = Range(0.1, 0.4, 2.0, "python -m tests.benchmarks.fan_out: 0 and 8 readers hardly differ")
"""Not measured by `nearline plan --calibrate`; files of constants from before do without."""


class BySize(Struct, frozen=True):
    """A cost that grows with the number of titles; between the measured sizes it follows a power."""

    titles: tuple[int, ...]
    us: tuple[Positive, ...]
    spread: Annotated[float, Meta(ge=0, lt=1)] = 0.2
    """Share by which it is lower on an idle core and higher on a busy one."""
    source: str = ""

    def at(self, titles: int, place: float) -> float:
        """Return the microseconds for a number of titles.

        Examples
        --------
        >>> cost = BySize((1_000, 100_000), (4.0, 40.0), spread=0.5)
        >>> cost.at(10_000, 0), cost.at(1_000, 1), cost.at(1_000_000, 0)
        (12.65, 6.0, 126.49)
        """
        x, y = np.log(self.titles), np.log(self.us)
        wanted = float(np.log(max(titles, self.titles[0])))
        if wanted > x[-1] and len(x) > 1:  # beyond what was measured: as the last two grew
            value = y[-1] + (y[-1] - y[-2]) / (x[-1] - x[-2]) * (wanted - x[-1])
        else:
            value = np.interp(wanted, x, y)
        return float(np.exp(value)) * (1 + place * self.spread)


class Constants(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What things cost on one kind of machine.

    Attributes
    ----------
    machine
        Where they were measured.
    learn, ranked
        CPU of learning an event on both sides, and of a list of 20 in a batch, by titles.
    page_us
        CPU of a page of 12 rows of 20 beyond the list: built, encoded, compressed, sent.
    event_us
        CPU of the rest of an event: fetched, decoded, packed, signalled, committed, stored.
    batch_us
        CPU of a batch of one partition, whatever is in it.
    title_row_us
        CPU of a title that events are about where it is owned: packed, committed, stored, with its share of
        the rows that have drifted.
    replica_row_us, replica_cores
        CPU of a row in each worker's replica, and of a replica that reads nothing.
    commit_ms
        Time that a transaction takes, without the CPU of the batch.
    broker_us
        CPU of the brokers for an event, with all that it causes, but for the replicas of workers.
    fan_out_us
        CPU of the brokers for a row of a title that one worker's replica reads.
    viewer_bytes, viewer_disk_bytes
        Of an active viewer in memory, and of a viewer on disk and in the changelog.
    title_bytes
        Of a title with tags and artwork in each worker's memory.
    worker_bytes
        Memory of a worker that holds nothing: program, kernels, caches that do not grow.
    restore_rows
        Viewers a second that one worker restores.
    event_bytes, page_bytes, title_row_bytes
        On the wire, compressed.
    """

    machine: str
    learn: BySize
    ranked: BySize
    page_us: Range
    event_us: Range
    batch_us: Range
    title_row_us: Range
    replica_row_us: Range
    commit_ms: Range
    broker_us: Range
    viewer_bytes: Range
    viewer_disk_bytes: Range
    title_bytes: Range
    worker_bytes: Range
    restore_rows: Range
    event_bytes: Range
    page_bytes: Range
    title_row_bytes: Range
    replica_cores: Range = REPLICA_CORES
    fan_out_us: Range = FAN_OUT_US

    def each_event_us(self, titles: int, place: float) -> float:
        """Return what an event takes, learning included, at a place of the ranges."""
        return self.event_us.at(place) + self.learn.at(titles, place)

    def each_page_us(self, titles: int, place: float) -> float:
        """Return what a page takes, its list included."""
        return self.page_us.at(place) + self.ranked.at(titles, place)

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as part:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(self)) + b"\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        SettingsError
            There is none, or it is no file of constants.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError) as error:
            what = f"{path} has no constants of a plan"
            step = "run `nearline plan --calibrate`, or leave --constants out for the shipped ones"
            raise SettingsError(what, why=str(error), next_step=step) from None


SHIPPED: Final = Constants(
    machine="two shared cores of a cloud machine, AVX2, 24 GB",
    learn=BySize(
        (1_700, 10_000, 100_000, 1_000_000), (7.6, 8.5, 21.0, 26.0),
        source="python -m tests.benchmarks core; at a million titles the same, run by hand",
    ),
    ranked=BySize(
        (1_700, 10_000, 100_000, 1_000_000), (5.6, 12.0, 45.0, 170.0),
        source="python -m tests.benchmarks core; at a million titles the same, run by hand",
    ),
    page_us=Range(200.0, 280.0, 380.0, "python -m tests.benchmarks page (120 to make it), pages (sent)"),
    event_us=Range(18.0, 26.0, 40.0, "fitted to python -m tests.benchmarks end_to_end: 55 µs an event"),
    batch_us=Range(2_500.0, 3_300.0, 5_000.0, "python -m tests.benchmarks small_batches steady"),
    title_row_us=Range(40.0, 60.0, 90.0, "python -m tests.benchmarks small_batches"),
    replica_row_us=Range(7.0, 8.0, 12.0, "python -m tests.benchmarks.fan_out: 1,000 and 6,000 rows/s"),
    commit_ms=Range(8.0, 15.0, 45.0, "python -m tests.benchmarks steady; low: brokers on own cores"),
    broker_us=Range(6.0, 10.0, 20.0, "python -m tests.benchmarks scale (broker_us_per_event)"),
    viewer_bytes=Range(1_165.0, 1_400.0, 1_800.0, "python -m tests.benchmarks viewers"),
    viewer_disk_bytes=Range(600.0, 700.0, 1_000.0, "python -m tests.benchmarks restore; the runbook"),
    title_bytes=Range(2_000.0, 7_000.0, 9_000.0, "python -m tests.benchmarks viewers; the runbook"),
    worker_bytes=Range(350e6, 500e6, 750e6, "python -m tests.benchmarks.nightly"),
    restore_rows=Range(70_000.0, 140_000.0, 180_000.0, "python -m tests.benchmarks restore (ADR 9)"),
    event_bytes=Range(60.0, 90.0, 200.0, "events of the benchmarks under lz4; own events differ"),
    page_bytes=Range(2_000.0, 2_600.0, 4_000.0, "python -m tests.benchmarks page"),
    title_row_bytes=Range(500.0, 600.0, 1_500.0, "python -m tests.benchmarks.fan_out: 570, young rows"),
)  # fmt: skip
"""Used until `nearline plan --calibrate` has measured a machine."""


def read_constants(path: Path | None, usual: Path) -> Constants:
    """Return the constants of a file; of the usual place, if there is one; else the shipped ones."""
    if path is not None:
        return Constants.read(path)
    return Constants.read(usual) if usual.exists() else SHIPPED
