"""Dead letters of the records of tables that cannot be used (`streams.engine.table_records`): one each.

Every worker reads the whole catalog, all rules, experiments and versions, and reads them again at each start.
So that a bad record becomes one dead letter and not one per worker and start, the owner of partition 0 of the
events writes them, in the transaction that also stores the offset of the last one of each table's partition.
A shadow stores the offset only (:class:`streams.engine.stage.Step`).
"""

from typing import Final

from streams.engine.stage import Outcome, StateView
from streams.engine.table_records import UnusableRecords
from streams.stages.wire.partition_rows import TABLE_LETTERS

__all__ = ["OWNER", "POLL_S", "TableLetters"]

OWNER: Final = 0
"""Partition of the events whose owner writes them: every installation has it."""
POLL_S: Final = 1.0
"""Seconds between two looks for new ones while no events arrive: people read them."""


class TableLetters:
    """Writes the dead letters of tables with the batches of one partition.

    Parameters
    ----------
    store
        The partition's rows.
    unusable
        Keeps the dead letters of this worker's tables.
    """

    def __init__(self, store: StateView, unusable: UnusableRecords) -> None:
        self._unusable = unusable
        self._written = dict(TABLE_LETTERS.members(store))

    def due_s(self) -> float:
        """Return the seconds until some may have to be written."""
        return 0.0 if self._unusable.has_letters else POLL_S

    def put(self, out: Outcome) -> None:
        """Put dead letters that nobody has written yet into an outcome, with the rows that say so.

        Parameters
        ----------
        out
            Gets them.
        """
        changed = set()
        for letter in self._unusable.take_letters():
            place = f"{letter.source.topic}/{letter.source.partition}"
            if letter.source.offset > self._written.get(place, -1):
                self._written[place] = letter.source.offset
                changed.add(place)
                out.dead_letters.append(letter)
        out.rows.extend(TABLE_LETTERS.row(self._written[place], place) for place in sorted(changed))
