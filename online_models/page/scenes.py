"""What is needed to say what an event does to a page: the scene, what was seen, and a case."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.events import Event
from schemas.lists import Home
from schemas.titles import Title
from schemas.vocabulary import RowKind

__all__ = ["Case", "Scene", "Seen"]


class Scene(NamedTuple):
    """What happens in a case, to whom: the page before, and what every event says."""

    page: Home | None
    about: Mapping[str, Any]
    """``event_id, viewer_id, event_time_ms``."""
    genres: tuple[str, ...] = ()
    """The catalogue's, the most frequent first."""

    @property
    def pick(self) -> str:
        """The first of the top picks."""
        return self.first(RowKind.TOP_PICKS)

    def first(self, kind: RowKind) -> str:
        """Return the first title of the first row of a kind; empty where there is none."""
        items = self.page.items_of(kind) if self.page else ()
        return items[0].title_id if items else ""

    def at(self, kind: RowKind) -> dict[str, Any]:
        """Say where the first title of a row was shown, as players do."""
        if self.page is None:
            return {}
        row = next((n for n, row in enumerate(self.page.rows) if row.kind is kind), 0)
        return {"title_id": self.first(kind), "list_id": self.page.list_id, "row": row, "slot": 0}


class Seen(NamedTuple):
    """What came of a case."""

    title_id: str
    """What the event was about; empty for an event without a title."""
    before: Home | None
    after: Home | None
    """The page that the event made; None: it made none."""
    forgotten: bool = False
    """The viewer's page was deleted."""
    rejected: Mapping[str, float] = {}
    """What the viewer turned down of late, with its weight."""
    titles: Mapping[str, Title] = {}
    """The catalogue."""

    @property
    def still(self) -> bool:
        """Whether the page is the one that it was."""
        return self.after is None and not self.forgotten

    def shown(self, *kinds: RowKind) -> list[str]:
        """Return the titles of the page after, or of its rows of some kinds."""
        rows = self.after.rows if self.after else ()
        return [item.title_id for row in rows if not kinds or row.kind in kinds for item in row.items]

    def gone(self, but: RowKind | None = None) -> bool:
        """Whether the title stood on the page before, and does on no row of the one after but of a kind."""
        kinds = [kind for kind in RowKind if kind is not but]
        was = self.before is not None and any(
            item.title_id == self.title_id for row in self.before.rows for item in row.items
        )
        return was and self.after is not None and self.title_id not in self.shown(*kinds)

    def seeds(self, kind: RowKind) -> bool:
        """Whether the title is what a row of a kind refers to."""
        rows = self.after.rows if self.after else ()
        return any(row.kind is kind and row.title_id == self.title_id for row in rows)


class Case(NamedTuple):
    """One thing that can happen, and what the next page shows."""

    how: str
    """Which of the things that an event of this type can say; empty where there is one."""
    says: str
    """What the page does."""
    events: Callable[[Scene], list[Event]]
    """What happens; the first event is of the type in question."""
    holds: Callable[[Seen], bool]
    """Whether it was so."""
    stranger: bool = False
    """The viewer has no page before."""
    of: str = ""
    """Behind the id of the viewer whose page is looked at."""
