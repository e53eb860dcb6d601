"""Seeded viewing events: a simulated world's, and whatever else players, importers and strangers send.

A simulated world makes the realistic part. Into it go, by chance, all kinds of events and fields that its
viewers never send: looks at the pages that were really made (so that pictures, rows and arms are learned of),
repeated and late events, sign-ins and requests to be forgotten, and records that nobody can use.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from online_models.simulation import World
from schemas import (
    Browse,
    Event,
    Forget,
    History,
    Identify,
    Impression,
    MyList,
    Pause,
    Play,
    Preferences,
    Progress,
    Rate,
    Search,
    Skip,
    Stop,
    StopCause,
    Thumb,
)
from schemas.assignment import assign
from schemas.codec import MAX_EVENT_BYTES, decode_home, encode
from schemas.events import ListAction, Select
from schemas.fields import RowKind
from schemas.pages import Home
from schemas.versions import MARKER_KEY
from tests.equality.script import COUNTRIES, DECIDES, NEW

__all__ = ["UNLISTED", "Players", "Sent"]

UNLISTED: Final = (*(f"unlisted-{n}" for n in range(40)), "é", "東京" * 16)
"""Titles that no catalog has."""
DEVICES: Final = ("tv", "phone", "tablet", "web", "console", "refrigerator", None)
POISON: Final = 5
"""In each such round of unusable records one makes stages raise: all of its batch then come one by one."""
QUERIES: Final = ("dark", "  The  GODFATHER ", "Amélie's", "हिन्दी फ़िल्म", "?!", "heist" * 30, "war")
LOST: Final = 0.6
"""Share of the simulated impressions that are left out: half of all events would be such."""
SOON_MS: Final = 60_000
DAY_MS: Final = 86_400_000
E = TypeVar("E", bound=Event)


class Sent(NamedTuple):
    """A record of the events' topic, as a producer sends it."""

    key: bytes | None
    value: bytes | None
    at_ms: int | None
    """Its timestamp; None: one on which every stage fails."""
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None
    """Where it goes; None: where its key belongs."""


class Players:
    """Whoever sends events.

    Parameters
    ----------
    world
        What a simulated service's viewers do.
    seed
        Of everything else.
    pages
        Newest page of each viewer, kept up to date by whoever makes them.
    partitions
        Of the events' topic.
    tenant
        Whose events they are; None: nobody says.
    profiles
        Whether accounts have profiles.
    """

    def __init__(
        self,
        world: World,
        seed: int,
        pages: Mapping[str, bytes],
        *,
        partitions: int,
        tenant: str | None = None,
        profiles: bool = False,
    ) -> None:
        self._rng, self._pages, self._partitions = random.Random(seed), pages, partitions
        self._tenant, self._profiles = tenant, profiles
        self._world, self._waiting = world.events(), deque[Sent]()
        self.titles = [title.title_id for title in world.titles]
        self._art = {one.title_id: [art.id for art in one.artwork] for one in world.titles}
        self._viewers: dict[str, None] = {}
        self._past = deque[Sent](maxlen=400)
        self._number, self._guest, self._bad, self._rounds = 0, 0, 0, 0
        self.now_ms = 0
        self._extras: list[tuple[float, Callable[[], Iterator[Sent]]]] = [
            (0.09, self._look), (0.06, self._watch), (0.05, self._rate), (0.03, self._list),
            (0.03, self._search), (0.02, self._skip), (0.012, self._state), (0.012, self._browse),
            (0.03, self._arm), (0.008, self._import), (0.008, self._sign_in), (0.005, self._leave),
            (0.02, self._again), (0.015, self._late), (0.01, self._wrapped), (0.02, self._unusable),
        ]  # fmt: skip

    def take(self, count: int) -> list[Sent]:
        """Return the next records."""
        while len(self._waiting) < count:
            event = next(self._world)
            self.now_ms = event.event_time_ms
            self._viewers[event.viewer_id] = None
            if isinstance(event, Impression) and self._rng.random() < LOST:
                continue
            self._put(self._sent(msgspec.structs.replace(event, **self._whose())))
            for chance, extra in self._extras:
                if self._rng.random() < chance:
                    for one in extra():
                        self._put(one)
        return [self._waiting.popleft() for _ in range(count)]

    def _put(self, one: Sent) -> None:
        self._waiting.append(one)
        self._past.append(one)

    def _whose(self) -> dict[str, Any]:
        """Say whose an event is beside the account."""
        some = self._profiles and self._rng.random() < 0.4
        return {
            "tenant_id": self._tenant if self._rng.random() < 0.8 else None,
            "profile_id": self._rng.choice(("kids", "mum")) if some else None,
        }

    def _viewer(self) -> str:
        return self._rng.choice([*self._viewers])

    def _title(self) -> str:
        if self._rng.random() < 0.05:
            return self._rng.choice(UNLISTED)
        return self.titles[int(len(self.titles) * self._rng.random() ** 2)]

    def _make(self, kind: type[E], viewer: str | None = None, **fields: Any) -> E:
        """Make an event of somebody, a little after the world's last one."""
        rng = self._rng
        self._number += 1
        head: dict[str, Any] = {
            "event_id": f"x-{self._number}",
            "viewer_id": viewer or self._viewer(),
            "event_time_ms": self.now_ms + rng.randrange(SOON_MS),
            "session_id": f"s-{self._number // 50}" if rng.random() < 0.7 else None,
            "device": rng.choice(DEVICES),
            "country": rng.choice((*COUNTRIES, None)),
            **self._whose(),
        }
        return kind(**head | fields)

    def _sent(self, event: Event, value: bytes | None = None, **more: Any) -> Sent:
        """Send an event; now and then it says nothing of when."""
        delay = self._rng.randrange(3_000)
        at_ms = -1 if self._rng.random() < 0.05 else event.event_time_ms + delay
        key = event.viewer_id.encode()
        return Sent(**{"key": key, "value": value or encode(event), "at_ms": at_ms, **more})

    def _look(self) -> Iterator[Sent]:
        """Let somebody look at the page that they have, and perhaps play something from it."""
        if not self._pages:
            return
        name = self._rng.choice([*self._pages])
        page = decode_home(self._pages[name])
        account, _, profile = name.partition(":")
        more: dict[str, Any] = {"viewer": account, "profile_id": profile or None}
        seen = []
        for row, kind, slot, item in self._examined(page):
            at = {"list_id": page.list_id, "row": row, "slot": slot, "title_id": item.title_id}
            art = item.artwork or next(iter(self._art.get(item.title_id, [])), None)
            odds = "propensity" if item.artwork is None else "artwork_propensity"
            arm = item.arm or (f"{page.arms[0].experiment_id}/{page.arms[0].arm}" if page.arms else None)
            what = {"artwork": art, "row_kind": kind, "arm": arm, odds: item.propensity}
            yield self._sent(self._make(Impression, **more, **at, **what))
            seen.append((at, art))
        if seen and self._rng.random() < 0.7:
            at, art = self._rng.choice(seen)
            yield self._sent(self._make(Select, **more, **at, artwork=art))
            yield self._sent(self._make(Play, **more, **at, duration_s=3600.0))
            watched = self._rng.choice((20.0, 900.0, 2000.0, 3500.0))
            how = {"watched_s": watched, "position_s": watched, "duration_s": 3600.0}
            yield self._sent(self._make(Stop, **more, title_id=at["title_id"], **how))

    def _examined(self, page: Home) -> Iterator[tuple[int, RowKind, int, Any]]:
        rows = self._rng.sample(range(len(page.rows)), min(len(page.rows), self._rng.randrange(1, 5)))
        for row in sorted(rows):
            items = page.rows[row].items[: self._rng.randrange(1, 5)]
            yield from ((row, page.rows[row].kind, slot, item) for slot, item in enumerate(items))

    def _watch(self) -> Iterator[Sent]:
        """Play a title, told as players tell it that go their own ways."""
        rng, viewer, title = self._rng, self._viewer(), self._title()
        length = rng.choice((None, 1500.0, 6000.0))
        parts = [rng.random() * (length or 4000.0) for _ in range(2)]
        auto = rng.random() < 0.2
        yield self._sent(
            self._make(Play, viewer, title_id=title, autoplay=auto, duration_s=length, position_s=parts[0])
        )
        for at in sorted(parts):
            how = {"watched_s": at, "position_s": at, "duration_s": length}
            yield self._sent(self._make(Progress, viewer, title_id=title, **how))
            if rng.random() < 0.3:
                yield self._sent(self._make(Pause, viewer, title_id=title, position_s=at))
        end = {"watched_s": parts[0], "position_s": max(parts), "cause": rng.choice([*StopCause])}
        for _ in range(rng.choice((1, 1, 2))):
            yield self._sent(
                self._make(Stop, viewer, title_id=title, duration_s=length, autoplay=auto, **end)
            )

    def _rate(self) -> Iterator[Sent]:
        if self._rng.random() < 0.5:
            yield self._sent(self._make(Rate, title_id=self._title(), thumb=self._rng.choice([*Thumb])))
        else:
            stars = self._rng.randrange(1, 11) / 2
            yield self._sent(self._make(Rate, title_id=self._title(), stars=stars))

    def _list(self) -> Iterator[Sent]:
        yield self._sent(self._make(MyList, title_id=self._title(), action=self._rng.choice([*ListAction])))

    def _search(self) -> Iterator[Sent]:
        viewer, title = self._viewer(), self._title()
        found = self._rng.choice((0, 3))
        clicked = title if found and self._rng.random() < 0.7 else None
        what = {"query": self._rng.choice(QUERIES), "result_count": found, "clicked_title_id": clicked}
        yield self._sent(self._make(Search, viewer, **what))
        if clicked:
            how = {"watched_s": 3000.0, "position_s": 3000.0, "duration_s": 3600.0}
            yield self._sent(self._make(Stop, viewer, title_id=clicked, **how))

    def _skip(self) -> Iterator[Sent]:
        yield self._sent(self._make(Skip, title_id=self._title(), position_s=self._rng.random() * 90))

    def _state(self) -> Iterator[Sent]:
        """Let somebody say what they like."""
        rng = self._rng
        yield self._sent(
            self._make(
                Preferences,
                genres=tuple(rng.sample(("Drama", "Comedy", "Crime", "é"), rng.randrange(3))),
                languages=tuple(rng.sample(("hi", "de", "en", "pt-BR"), rng.randrange(3))),
                liked_titles=tuple(self._title() for _ in range(rng.randrange(4))),
                maturity=rng.choice((None, None, 6, 12, 16)),
            )
        )

    def _browse(self) -> Iterator[Sent]:
        yield self._sent(self._make(Browse, surface="genre:Drama", dwell_s=self._rng.random() * 100))
        yield self._sent(self._make(Select, title_id=self._title()))

    def _arm(self) -> Iterator[Sent]:
        """Let somebody meet a list; in one arm of an experiment they watch longer afterwards."""
        viewer, title = self._viewer(), self._title()
        mine = assign(DECIDES, viewer)
        longer = mine is not None and mine.arm == NEW
        where = {"list_id": "l", "row": 0, "slot": 0, "profile_id": None}
        yield self._sent(self._make(Impression, viewer, title_id=title, **where))
        seconds = (3000.0 if longer else 600.0) * (0.9 + 0.2 * self._rng.random())
        how = {"watched_s": seconds, "position_s": seconds, "duration_s": 3600.0, "profile_id": None}
        yield self._sent(self._make(Stop, viewer, title_id=title, **how))

    def _import(self) -> Iterator[Sent]:
        """Bring along what somebody watched at another service."""
        liked, rejected = ([self._title() for _ in range(self._rng.randrange(9))] for _ in range(2))
        viewer = self._rng.choice((None, "é", f"imported-{self._number % 50}"))
        yield self._sent(self._make(History, viewer, liked=tuple(liked), rejected=tuple(rejected)))

    def _sign_in(self) -> Iterator[Sent]:
        """Let a guest watch a little, turn out to be somebody, and say so, perhaps twice."""
        self._guest += 1
        guest = f"guest-{self._guest}"
        for _ in range(self._rng.randrange(4)):
            how = {"watched_s": 3000.0, "position_s": 3000.0, "duration_s": 3600.0, "profile_id": None}
            yield self._sent(self._make(Stop, guest, title_id=self._title(), **how))
            yield self._sent(
                self._make(Rate, guest, title_id=self._title(), thumb=Thumb.DOWN, profile_id=None)
            )
        whom = guest if self._rng.random() < 0.1 else self._viewer()
        one = self._make(Identify, guest, known_as=whom)
        yield self._sent(one)
        if self._rng.random() < 0.3:
            yield self._sent(one)

    def _leave(self) -> Iterator[Sent]:
        """Let somebody be forgotten, who perhaps comes back at once."""
        viewer = self._viewer()
        yield self._sent(self._make(Forget, viewer))
        if self._rng.random() < 0.5:
            how = {"watched_s": 3000.0, "position_s": 3000.0, "duration_s": 3600.0}
            yield self._sent(self._make(Stop, viewer, title_id=self._title(), **how))

    def _again(self) -> Iterator[Sent]:
        """Send a record again, and an event that says something else under the same id."""
        one = self._rng.choice([*self._past])
        if one.at_ms is None:
            return
        yield one
        event = self._make(Rate, title_id=self._title(), stars=5.0)
        yield self._sent(event)
        yield self._sent(msgspec.structs.replace(event, title_id=self._title()))

    def _late(self) -> Iterator[Sent]:
        """Send an event late, and one of a device whose clock is ahead."""
        how = {"watched_s": 3000.0, "position_s": 3000.0, "duration_s": 3600.0, "title_id": self._title()}
        late = self.now_ms - self._rng.randrange(3 * DAY_MS)
        yield self._sent(self._make(Stop, **how | {"event_time_ms": late}))
        ahead = self._make(Stop, **how | {"event_time_ms": self.now_ms + 400 * DAY_MS})
        yield self._sent(ahead, at_ms=self.now_ms)

    def _wrapped(self) -> Iterator[Sent]:
        """Send events in other producers' wrapping."""
        event = self._make(Rate, title_id=self._title(), thumb=Thumb.UP)
        yield self._sent(event, b"\0\0\0\0\7" + encode(event))
        event = self._make(Skip, title_id=self._title())
        nameless = encode(event).replace(b'"event_id":"%b",' % event.event_id.encode(), b"")
        trace = ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        yield self._sent(event, nameless, headers=(trace, ("ce_id", event.event_id.encode())))

    def _unusable(self) -> Iterator[Sent]:
        """Send the next three of everything that is wrong with records."""
        event = self._make(Skip, title_id="t", position_s=5.0)
        good, whole = self._sent(event), encode(event)
        field = b'"position_s":5.0'
        values: list[bytes | None] = [
            None, b"", b"\0\0\0\0\7", whole + b" " * MAX_EVENT_BYTES, whole.replace(b'"t"', b'"\xff"'),
            whole[:-3], b"[" * 5_000, b"[]", whole.replace(field, b'"position_s":"5"'),
            whole.replace(field, b'"position_s":-5'), whole.replace(b'"t"', b'"\\u0007"'),
            whole[:-1] + b',"country":"de"}', whole.replace(b'"title_id":"t",', b""),
            whole.replace(b'"skip"', b'"dance"'), whole[:-1] + b',"schema_version":9}',
            b'{"epoch":7,"version":"forged"}',
        ]  # fmt: skip
        bad: list[Sent] = [good._replace(value=value) for value in values]
        bad[-1] = bad[-1]._replace(key=MARKER_KEY)
        bad += [
            good._replace(key=None, partition=0),
            good._replace(key=b"somebody else"),
            *(good._replace(partition=at) for at in range(self._partitions)),
            good._replace(at_ms=good.at_ms if self._rounds % POISON else None),
            self._sent(msgspec.structs.replace(event, tenant_id="foreign")),
            self._sent(msgspec.structs.replace(event, viewer_id="with:colon")),
            self._sent(msgspec.structs.replace(event, profile_id="p" * 64)),
            good._replace(value=whole.replace(b"event_id", b"id"), headers=(("ce_id", b"\xff"),)),
        ]
        for _ in range(3):
            yield bad[self._bad]
            self._bad = (self._bad + 1) % len(bad)
            self._rounds += self._bad == 0
