"""How far an export has come: a JSON file in its folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from streams.errors import ExportError
from streams.ops.whole_files import whole

__all__ = ["NAME", "ExportCheckpoint"]

NAME: Final = "_checkpoint.json"
"""Readers of folders of Parquet files skip names that begin with an underscore."""


@dataclass(slots=True)
class ExportCheckpoint:
    """Place of an export in its topic.

    Attributes
    ----------
    topic
        That is read, with its cluster's addresses.
    viewers
        What becomes of viewers' ids, with a digest of the key of pseudonyms.
    next
        Offset of the first record of each partition that is not exported.
    """

    topic: str
    viewers: str
    next: dict[int, int] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, wanted: "ExportCheckpoint") -> "ExportCheckpoint":
        """Read the checkpoint of a folder, or begin a new one.

        Raises
        ------
        ExportError
            It is of another topic or another rule for ids, or not readable.
        """
        path = folder / NAME
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            return wanted
        except (OSError, msgspec.MsgspecError) as error:
            what = f"{path} is no checkpoint of an export"
            raise ExportError(what, why=str(error), next_step="give another folder with --to") from None
        for name, now, before in (
            ("topic", wanted.topic, found.topic),
            ("rule for viewers' ids", wanted.viewers, found.viewers),
        ):
            if now != before:
                what = f"{folder} has an export of another {name}"
                why = f"it is {before}, not {now}"
                raise ExportError(what, why=why, next_step="give another folder with --to")
        return found

    def save(self, folder: Path) -> None:
        """Write it; all parts up to here are written."""
        with whole(folder / NAME) as part:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(self)))

    def starts(self, folder: Path, spans: dict[int, tuple[int, int]]) -> dict[int, int]:
        """Return the offset from which to read each partition.

        Raises
        ------
        ExportError
            A partition ends before what is exported: the topic was deleted and made anew.
        """
        starts = {}
        for partition, (low, end) in spans.items():
            start = self.next.get(partition, low)
            if start > end:
                what = f"partition {partition} of {self.topic} ends at {end}, before what is exported of it"
                why = f"{folder / NAME} says {start}: the topic was made anew"
                raise ExportError(what, why=why, next_step="give another folder with --to")
            starts[partition] = max(start, low)
        return starts
