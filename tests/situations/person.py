"""A person: makes events with ids and times, and reads what the page shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from schemas import Alert, Home
from schemas.events import (
    Event,
    Impression,
    ListAction,
    MyList,
    Play,
    Progress,
    Rate,
    Skip,
    Stop,
    StopCause,
    Thumb,
)
from schemas.fields import RowKind
from tests.situations.world import DAY_MS, FILM_S, FILMS, HOUR_MS

__all__ = ["Look", "Person"]

SHOWN: Final = 20
"""Top picks that are counted."""
HITS: Final = 10
"""The first films of a genre, which most of its viewers have seen."""
STRIDE: Final = 7
"""Films between those of a person and of the next one; no factor in common with the other 30."""


@dataclass(slots=True)
class Look:
    """What a person sees, and was alerted of."""

    page: Home | None
    alerts: Sequence[Alert] = ()

    def top(self) -> list[str]:
        """Return the top picks."""
        items = self.page.items_of(RowKind.TOP_PICKS) if self.page else ()
        return [item.title_id for item in items[:SHOWN]]

    def of(self, genre: str) -> int:
        """Count the titles of a genre among the top picks."""
        return sum(title.startswith(genre) for title in self.top())

    def shown(self, *kinds: RowKind) -> list[str]:
        """Return the titles of all rows, or of those of some kinds."""
        rows = self.page.rows if self.page else ()
        return [item.title_id for row in rows if not kinds or row.kind in kinds for item in row.items]

    def visible(self) -> set[str]:
        """Return the first six titles of all rows."""
        rows = self.page.rows if self.page else ()
        return {item.title_id for row in rows for item in row.items[:6]}

    def first(self, kind: RowKind) -> str:
        """Return the first title of a kind of row; empty where there is none."""
        return (self.shown(kind) or [""])[0]

    def seeds(self, kind: RowKind) -> set[str]:
        """Return the titles that rows of a kind refer to."""
        return {row.title_id or "" for row in (self.page.rows if self.page else ()) if row.kind is kind}


@dataclass(slots=True)
class Person:
    """Somebody whose events happen one after the other, the first three days ago.

    Attributes
    ----------
    viewer_id
        Their account.
    now_ms
        Now.
    at_ms
        Time of their last event.
    """

    viewer_id: str
    now_ms: int
    at_ms: int = 0
    events: int = 0
    about: dict[str, Any] = field(default_factory=dict)
    """Further fields of every event."""
    number: int = 0
    """Persons with other numbers watch other films."""

    def __post_init__(self) -> None:
        self.at_ms = self.now_ms - 3 * DAY_MS

    def id_of(self, genre: str, number: int) -> str:
        """Return the id of the film that a situation means by a number; hits are the same for all."""
        if number >= HITS:
            number = HITS + (number - HITS + STRIDE * self.number) % (FILMS - HITS)
        return f"{genre}{number:02d}"

    def head(self, later_ms: int = 60_000) -> dict[str, Any]:
        """Return the fields that each event has, so long after the last one, but never in the future."""
        self.at_ms, self.events = min(self.at_ms + later_ms, self.now_ms), self.events + 1
        head = {"viewer_id": self.viewer_id, "event_time_ms": self.at_ms}
        return {"event_id": f"{self.viewer_id}-{self.events}", **head, **self.about}

    def watch(
        self,
        title: str,
        share: float = 0.98,
        *,
        cause: StopCause = StopCause.ENDED,
        later_ms: int = 2 * HOUR_MS,
    ) -> Stop:
        """Watch a share of a film, by default to its end, two hours after the last event."""
        seconds = share * FILM_S
        return Stop(
            **self.head(later_ms), title_id=title, watched_s=seconds, position_s=seconds,
            duration_s=FILM_S, cause=cause,
        )  # fmt: skip

    def films(self, genre: str, numbers: Sequence[int], **more: Any) -> list[Event]:
        """Watch films of a genre to their ends."""
        return [self.watch(self.id_of(genre, number), **more) for number in numbers]

    def play(self, title: str) -> Play:
        """Start a film."""
        return Play(**self.head(), title_id=title, duration_s=FILM_S)

    def beats(self, title: str, until: float) -> list[Event]:
        """Let the player send a heartbeat each minute, up to a share of the film."""
        seconds = range(60, int(until * FILM_S) + 1, 60)
        return [
            Progress(**self.head(), title_id=title, watched_s=at, position_s=at, duration_s=FILM_S)
            for at in map(float, seconds)
        ]

    def rate(self, title: str, thumb: Thumb | None = None, stars: float | None = None) -> Rate:
        """Rate a title."""
        return Rate(**self.head(), title_id=title, thumb=thumb, stars=stars)

    def skip(self, title: str) -> Skip:
        """Skip a title."""
        return Skip(**self.head(), title_id=title)

    def add(self, title: str) -> MyList:
        """Put a title on the own list."""
        return MyList(**self.head(), title_id=title, action=ListAction.ADD)

    def sees(self, look: Look, slots: Sequence[int]) -> list[Event]:
        """See titles of the first row of top picks."""
        assert look.page is not None
        row = next(n for n, one in enumerate(look.page.rows) if one.kind is RowKind.TOP_PICKS)
        items = look.page.rows[row].items
        return [
            Impression(
                **self.head(), list_id=look.page.list_id, row=row, slot=slot,
                title_id=items[slot].title_id, row_kind=RowKind.TOP_PICKS,
            )
            for slot in slots
        ]  # fmt: skip
