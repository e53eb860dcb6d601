"""The report of an import: each row that was left out, with its line and the cause.

A CSV file with the columns ``line``, ``column`` and ``cause``. It contains no values of rows, since watches
are personal data.
"""

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from streams.errors import SettingsError

__all__ = ["Faults"]


class Faults:
    """Rows that cannot be used. A context manager; the file is made with the first fault.

    Parameters
    ----------
    path
        The report; None: only count.

    Attributes
    ----------
    causes
        Number of faults by column and cause.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.causes: Counter[tuple[str, str]] = Counter()
        self._file: IO[str] | None = None
        if path is not None:
            path.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        """Number of rows that were left out."""
        return self.causes.total()

    def add(self, lines: Sequence[int], column: str, cause: str) -> None:
        """Note rows with one fault each.

        Raises
        ------
        SettingsError
            The report cannot be written.
        """
        if not len(lines):
            return
        self.causes[column, cause] += len(lines)
        if self.path is None:
            return
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8", newline="")
                self._file.write("line,column,cause\n")
            csv.writer(self._file, lineterminator="\n").writerows((line, column, cause) for line in lines)
        except OSError as error:
            what = f"cannot write {self.path}"
            raise SettingsError(
                what, why=error.strerror or "", next_step="give another --report PATH"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
