"""Viewers who watch and search, and what insights count of them."""

from typing import Any

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.demand import Demand
from online_models.insights.titles import TitleTally
from online_models.insights.visits import ViewerVisits, observe
from schemas import Event, Stop, StopCause
from schemas.catalog import Tags, Title

T0 = 1_700_000_000_000
TITLES = {
    "noir": Tags(genre=("Crime",), mood=("dark",), director=("Kim",), language=("ko",)),
    "farce": Tags(genre=("Comedy", "Crime"), mood=("witty",)),
    "war": Tags(genre=("Drama",), mood=("dark",)),
}


def shelf(**titles: Tags) -> CatalogSnapshot:
    """Make a catalog."""
    stock = CatalogSnapshot()
    for name, tags in (titles or TITLES).items():
        stock.put(Title(title_id=name, tags=tags))
    return stock


class Desk:
    """Viewers in front of titles of a hundred minutes; everything is counted at once."""

    def __init__(self, stock: CatalogSnapshot | None = None) -> None:
        self.stock = stock or shelf()
        self.guests: dict[str, ViewerVisits] = {}
        self.titles: dict[str, TitleTally] = {}
        self.demand = Demand()
        self.number = 0

    def feed(self, kind: type[Any], viewer: str = "ada", at: int = 0, **more: Any) -> Any:
        """Count an event; return what was new."""
        self.number += 1
        given = {"event_id": f"e{self.number}", "viewer_id": viewer, "event_time_ms": T0 + at, **more}
        return self.take(kind(**given), self.number)

    def take(self, event: Event, event_hash: int) -> Any:
        """Count an event under a hash."""
        visit, searched = observe(
            self.guests.setdefault(event.viewer_id, ViewerVisits()),
            event,
            event.event_time_ms,
            viewer=int.from_bytes(event.viewer_id.encode()),
            event_hash=event_hash,
            genres=self.stock.genres,
        )
        if visit is not None:
            self.titles.setdefault(visit.title_id, TitleTally()).add(visit)
        self.demand.add([visit] if visit else [], [searched] if searched else [], self.stock)
        return visit, searched

    def stop(self, viewer: str = "ada", minutes: float = 50.0, title: str = "noir", **more: Any) -> Any:
        """Watch from the beginning to a minute."""
        given = {"watched_s": 60 * minutes, "position_s": 60 * minutes, "duration_s": 6000.0, **more}
        return self.feed(Stop, viewer, title_id=title, cause=given.pop("cause", StopCause.EXITED), **given)
