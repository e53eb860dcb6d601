"""The marker of a batch on which a step raised: the next processes use it to isolate the poison record.

A step changes its memory while it works, so a batch cannot be split and retried in the same process.
Instead the process ends and leaves this marker next to the partition's database:

1. A batch of several records raised: the marker holds their range, and the next process takes them one by
   one.
2. A batch of one record raised: this is the poison record. The next process writes it to the dead letters
   without giving it to the step.

A flush that raised (:class:`streams.engine.stage.HasDeferredOutput`) has no record: the next process discards
the pending output. A lost marker costs one more restart, never a record.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import structlog

__all__ = ["IN_FLUSH", "PoisonMarker"]

_LOG = structlog.get_logger(__name__)

IN_FLUSH = (-1, -1)
"""Range of the marker of a flush."""


@dataclass(frozen=True, slots=True)
class PoisonMarker:
    """A range of source offsets that contains the poison record.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "0.poison"
    >>> PoisonMarker(first=7, last=9, error="KeyError").save(path)
    >>> PoisonMarker.load(path).is_poison(7)
    False
    """

    first: int
    """First offset of the batch."""

    last: int
    """Last offset of the batch; equal to `first` once the record is isolated."""

    error: str
    """Type of the exception; never its text, which may contain personal data of a viewer."""

    def is_poison(self, offset: int) -> bool:
        """Return whether this record is the isolated poison record."""
        return self.first == self.last == offset

    @property
    def in_flush(self) -> bool:
        """Return whether a flush raised, and no record is suspected."""
        return (self.first, self.last) == IN_FLUSH

    def save(self, path: Path) -> None:
        """Write the marker atomically: a reader finds a complete one or none."""
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(self))
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """Read the marker; None if there is none, or if it is unreadable: a power loss can leave it empty."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            _LOG.warning("marker_unreadable", path=str(path), why=type(error).__name__, next="it is ignored")
            return None
