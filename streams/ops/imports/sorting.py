"""Sort more rows than memory holds: sorted runs on disk, merged.

Memory is bounded by `RUN_ROWS` rows while runs are written, and by `PART_ROWS` rows of each run while they
are merged. Rows are merged in parts, not one by one: of all runs the rows up to the least of their last rows
are complete, and are sorted together.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from streams.ops.imports.history import LINE, TIME

__all__ = ["in_time_order"]

RUN_ROWS: Final = 1_000_000
"""Rows that are sorted in memory: some 100 MB of history."""
PART_ROWS: Final = 16_384
"""Rows of a run that are in memory during a merge: a hundred million rows are a hundred runs, 160 MB."""
ORDER: Final = [(TIME, "ascending"), (LINE, "ascending")]


def in_time_order(blocks: Iterable[pa.Table], folder: Path, run_rows: int = RUN_ROWS) -> Iterator[pa.Table]:
    """Yield all rows by time, then by line.

    Parameters
    ----------
    blocks
        Rows in any order, with the columns ``time`` and ``line``.
    folder
        For runs; the caller deletes it. Nothing is written if one run is enough.
    run_rows
        Rows of a run.
    """
    held: list[pa.Table] = []
    runs: list[Path] = []
    for block in blocks:
        held.append(block)
        if sum(one.num_rows for one in held) >= run_rows:
            runs.append(folder / f"run-{len(runs)}.arrow")
            _write(runs[-1], _sorted(held))
            held = []
    last = [_sorted(held)] if held else []
    if not runs:
        for table in last:
            yield from _parts(table.to_batches(PART_ROWS))
        return
    sources = [*map(_read, runs), *(_parts(table.to_batches(PART_ROWS)) for table in last)]
    yield from _merged(sources)


def _sorted(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).combine_chunks().sort_by(ORDER)


def _parts(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    return (pa.Table.from_batches([batch]) for batch in batches if batch.num_rows)


def _write(path: Path, table: pa.Table) -> None:
    with ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, PART_ROWS)


def _read(path: Path) -> Iterator[pa.Table]:
    with pa.OSFile(str(path), "rb") as file, ipc.open_file(file) as reader:
        yield from _parts(reader.get_batch(n) for n in range(reader.num_record_batches))


@dataclass(slots=True)
class _SortedRun:
    """A run that is being merged, and the part of it that is in memory."""

    rest: Iterator[pa.Table]
    head: pa.Table

    def last(self) -> tuple[int, int]:
        """Return time and line of the last row of the part."""
        end = self.head.num_rows - 1
        return self.head.column(TIME)[end].as_py(), self.head.column(LINE)[end].as_py()

    def take(self, bound: tuple[int, int]) -> pa.Table:
        """Remove the rows up to a bound from the part, and return them."""
        times, lines = self.head.column(TIME).to_numpy(), self.head.column(LINE).to_numpy()
        count = int(np.count_nonzero((times < bound[0]) | ((times == bound[0]) & (lines <= bound[1]))))
        taken, self.head = self.head.slice(0, count), self.head.slice(count)
        return taken


def _merged(sources: list[Any]) -> Iterator[pa.Table]:
    runs = [_SortedRun(rest, head) for rest in sources if (head := next(rest, None)) is not None]
    while runs:
        bound = min(run.last() for run in runs)
        yield _sorted([run.take(bound) for run in runs])
        left = []
        for run in runs:
            if not run.head.num_rows:
                following = next(run.rest, None)
                if following is None:
                    continue
                run.head = following
            left.append(run)
        runs = left
