"""How far the import of a history has come: a JSON file beside the report.

It is written after the broker has acknowledged all events up to a row of the sorted history, and names the
ends of the topic's partitions at that moment. Whatever was sent later lies behind these ends, so an import
that goes on reads the topic from there and leaves out what has arrived: no event is sent twice, however many
a viewer has. (Workers recognise an event that is sent again only among the viewer's newest 16.)
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from schemas import topics
from streams.config.settings import Settings
from streams.errors import ImportFileError
from streams.kafka import scan as topic_scan
from streams.ops.whole_files import whole

__all__ = ["Checkpoint"]


@dataclass(slots=True)
class Checkpoint:
    """State of an import.

    Attributes
    ----------
    file
        Hash of the file.
    mapping
        The mapping as TOML: with another one, rows would be other events.
    topic
        That the events go to, with its cluster's addresses.
    sent
        Rows of the sorted history that are acknowledged.
    ends
        End of each partition when these were.
    done
        Whether all of the file is.
    """

    file: str
    mapping: str
    topic: str
    sent: int = 0
    ends: dict[int, int] = field(default_factory=dict)
    done: bool = False

    @classmethod
    def open(cls, path: Path, wanted: "Checkpoint") -> "Checkpoint":
        """Read the checkpoint of an interrupted import, or begin a new one.

        Raises
        ------
        ImportFileError
            It is of an unfinished import of another file, of another mapping or topic, not readable, or the
            import is complete.
        """
        if not path.exists():
            return wanted
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError) as error:
            what = f"{path} is no checkpoint of an import"
            raise ImportFileError(
                what, why=str(error), next_step="delete it, or give another --report"
            ) from None
        if found.done and found.file != wanted.file:
            return wanted  # the next file of the same name
        for name, other in (("file", "file"), ("mapping", "mapping"), ("topic", "topic")):
            if getattr(found, name) != getattr(wanted, name):
                what = f"{path} is the checkpoint of another {other}"
                step = "give another --report PATH, or delete it to begin anew: events are then sent again"
                raise ImportFileError(what, next_step=step)
        if found.done:
            what = f"this history is imported already, all {found.sent:,} events of it"
            step = f"delete {path} to send it again: what it teaches would count twice"
            raise ImportFileError(what, next_step=step)
        return found

    def save(self, path: Path, settings: Settings) -> None:
        """Write the checkpoint; all events that were sent are acknowledged."""
        self.ends = {number: end for number, (_, end) in topic_scan.spans(settings, topics.EVENTS).items()}
        with whole(path) as part:
            part.write_bytes(msgspec.json.encode(self))

    def arrived(self, settings: Settings) -> set[int]:
        """Return the lines of events that have arrived behind the checkpoint."""
        if not self.ends:
            return set()
        begin = f'"event_id":"{self.file}-'.encode()
        lines = set()
        spans = topic_scan.spans(settings, topics.EVENTS)
        starts = {number: max(self.ends.get(number, 0), low) for number, (low, _) in spans.items()}
        for message in topic_scan.read(settings, topics.EVENTS, starts):
            _, found, rest = (message.value() or b"").partition(begin)
            if found:
                lines.add(int(rest.split(b'"', 1)[0]))
        return lines
