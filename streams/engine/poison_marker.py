"""The marker of a batch on which a step raised, so that the next process isolates the one record at fault.

A step changes its memory while it works, so a batch cannot be cut in two and tried again in the same process.
Instead the process ends and leaves this marker beside the partition's database:

1. a batch of several records raised: the marker has their range, the successor takes them one at a time;
2. a batch of one record raised: the marker condemns it, the successor writes it to the dead letters unseen.

A payment that raised (:class:`streams.engine.stage.HasDeferredOutput`) has no record: its marker has the successor strike
out what is owed. A lost marker costs one more round, never a record.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

__all__ = ["PAYMENT", "PoisonMarker"]

PAYMENT = (-1, -1)
"""Stands for the range of a payment."""


@dataclass(frozen=True, slots=True)
class PoisonMarker:
    """Source offsets among which one makes the step raise.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "0.suspect"
    >>> PoisonMarker(first=7, last=9, error="KeyError").save(path)
    >>> PoisonMarker.load(path).condemns(7)
    False
    """

    first: int
    """First offset of the batch."""

    last: int
    """Last offset of the batch; equal to `first` when the record is found."""

    error: str
    """Type of the exception; never its text, which may hold a viewer's values."""

    def condemns(self, offset: int) -> bool:
        """Say whether this is the one record that is known to make the step raise."""
        return self.first == self.last == offset

    @property
    def accuses_payment(self) -> bool:
        """Return whether no record is suspected: a payment raised."""
        return (self.first, self.last) == PAYMENT

    def save(self, path: Path) -> None:
        """Write the marker; atomic, so that a reader finds a whole one or none."""
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read the marker, None when there is none."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
