"""Hostile records of every topic that we read: valid ones, with one to three things wrong."""

import random
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Final

from schemas import Title
from schemas.events import EVENT_TYPES
from schemas.experiments import Experiment
from schemas.insights import CohortDemand, FacetDemand, SearchDemand, TitleInsight
from schemas.pages import Home, Trending
from schemas.rules import BusinessRule
from schemas.versions import MARKER_KEY, ModelSwitch, ModelVersion, SwitchMarker
from tests.hostile.mutations import Mutator
from tests.hostile.values import TEXTS, Values

__all__ = ["NOW_MS", "TITLES", "VIEWERS", "Hostile", "as_message", "as_record"]

TITLES: Final = tuple(f"t{n}" for n in range(12))
VIEWERS: Final = ("ada", "bob", "映" * 64, "v:1", "guest", "kid")
KNOWN: Final = {
    "title_id": (*TITLES, "映" * 64, "new"),
    "liked_titles": TITLES,
    "liked": TITLES,
    "rejected": TITLES,
    "titles": TITLES,
    "clicked_title_id": TITLES,
    "series_id": TITLES,
    "viewer_id": VIEWERS,
    "known_as": VIEWERS,
    "event_id": tuple(f"e{n}" for n in range(3_000)),
    "country": ("DE", "US", "IN"),
    "countries": ("DE", "US", "IN", "ÖS", "xx"),
    "artwork": ("love.jpg", "war.jpg"),
    "genre": ("love", "war", "Drama"),
    "genres": ("love", "war", "Drama"),
    "language": ("en", "hi"),
    "languages": ("en", "hi", "pt-BR"),
    "device": ("tv", "phone", "toaster"),
    "session_id": ("s1", "s2"),
    "list_id": ("0-1-1", "l"),
    "query": ("blue", "t1", "映 画"),
    "name": ("blue", "1", "green"),
    "version": ("blue", "1", "green"),
    "experiment_id": ("x1", "x2"),
    "rule_id": ("r1", "r2"),
    "scope": ("global", "country:DE", "device:tv"),
}
"""Texts that mean something, so that records meet what others have said."""
NOW_MS: Final = int(time.time() * 1_000)
TIMESTAMPS: Final = (
    -1,
    0,
    1,
    1_700_000_000,
    NOW_MS,
    NOW_MS,
    NOW_MS,
    NOW_MS + 3_600_000,
    4_102_444_799_999,
    2**62,
    -(2**62),
)
"""Of records: none, the first moment, seconds instead of milliseconds, now, fast clocks, 2099, nonsense."""
_KEYS: Final = (None, b"", b"\xff\xfe", b"\0", b"\0switch", b"\0applied", b"x" * 10_000, "映".encode() * 64)


class Hostile:
    """Draws hostile records; the same seed draws the same ones.

    Parameters
    ----------
    seed
        Of everything.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.values = Values(self.rng, KNOWN)
        self.mutator = Mutator(self.rng, self.values)
        self._offset = 0

    def events(self, count: int) -> list[Any]:
        """Draw records of the events' topic; some are switch markers, some have headers of envelopes."""
        return [self._event() for _ in range(count)]

    def titles(self, count: int) -> list[Any]:
        """Draw records of the catalog."""
        return [self._message(Title, "title_id") for _ in range(count)]

    def rules(self, count: int) -> list[Any]:
        """Draw records of business rules."""
        return [self._message(BusinessRule, "rule_id") for _ in range(count)]

    def experiments(self, count: int) -> list[Any]:
        """Draw records of experiments."""
        return [self._message(Experiment, "experiment_id") for _ in range(count)]

    def versions(self, count: int) -> list[Any]:
        """Draw records of the register of model versions."""
        return [self._version() for _ in range(count)]

    def insights(self, count: int) -> list[Any]:
        """Draw records of titles' insights."""
        return [self._message(TitleInsight, "title_id") for _ in range(count)]

    def demand(self, count: int) -> list[Any]:
        """Draw records of demand."""
        return [
            self._message(self._one_of(FacetDemand, SearchDemand, CohortDemand), "") for _ in range(count)
        ]

    def pages(self, count: int) -> list[Any]:
        """Draw records of home pages."""
        return [self._message(Home, "viewer_id") for _ in range(count)]

    def trending(self, count: int) -> list[Any]:
        """Draw records of trending lists."""
        return [self._message(Trending, "scope") for _ in range(count)]

    def rows(self, some: Sequence[tuple[bytes, bytes | None]], count: int) -> list[Any]:
        """Draw records that are no JSON: of valid rows, with something wrong with bytes or keys."""
        return [self._row(*self._one_of(*some)) for _ in range(count)] if some else []

    def _one_of(self, *some: Any) -> Any:
        return self.rng.choice(some)

    def _key(self, key: bytes | None) -> bytes | None:
        """Return a key, or at times another one."""
        dice = self.rng.random()
        if dice < 0.9:
            return key
        odd = self._one_of(*TEXTS).encode("utf-8", "surrogatepass")
        return self._one_of(*_KEYS, odd, None if key is None else self.mutator.bytes(key)[:300])

    def _event(self) -> Any:
        rng = self.rng
        if rng.random() < 0.01:
            marker = self.values.of(SwitchMarker)
            return self._record(self._key(MARKER_KEY), self.mutator.json(marker))
        value = self.values.of(self._one_of(*EVENT_TYPES.values()))
        if rng.random() < 0.85:  # near now, as most are
            value["event_time_ms"] = NOW_MS - rng.randrange(10**9)
        key = str(value.get("viewer_id", "")).encode("utf-8", "surrogatepass")
        raw = self.mutator.json(value) if rng.random() > 0.02 else None
        return self._record(self._key(key), raw, headers=self._headers())

    def _headers(self) -> list[tuple[str, bytes]]:
        if self.rng.random() < 0.9:
            return []
        odd = self._one_of(*TEXTS).encode("utf-8", "surrogatepass")
        name = self._one_of("ce_id", "ce_type", "ce_specversion", "content-type", "")
        return [(name, self._one_of(odd, b"", b"\xff", b"x" * 1_000)), ("ce_id", b"from-envelope")]

    def _version(self) -> Any:
        kind, prefix = self._one_of((ModelVersion, b"version:"), (ModelSwitch, b"switch:"))
        value = self.values.of(kind)
        name = str(value.get("name") or f"{value.get('epoch')}:{value.get('version')}")
        raw = self.mutator.json(value) if self.rng.random() > 0.05 else None
        return self._record(self._key(prefix + name.encode("utf-8", "surrogatepass")), raw)

    def _message(self, kind: Any, key: str) -> Any:
        value = self.values.of(kind)
        raw = self.mutator.json(value) if self.rng.random() > 0.03 else None
        name = str(value.get(key, "k")).encode("utf-8", "surrogatepass")
        return self._record(self._key(name), raw)

    def _row(self, key: bytes, value: bytes | None) -> Any:
        raw = value or b""
        if self.rng.random() < 0.9:
            raw = self.mutator.bytes(raw)
        return self._record(self._key(key), raw if self.rng.random() > 0.02 else None)

    def _record(self, key: bytes | None, value: bytes | None, headers: Sequence[Any] = ()) -> Any:
        self._offset += 1
        return as_record(key, value, self._offset, self._one_of(*TIMESTAMPS), headers)


def as_record(
    key: bytes | None, value: bytes | None, offset: int = 0, timestamp: int = -1, headers: Sequence[Any] = ()
) -> Any:
    """Make a record as steps get it."""
    return SimpleNamespace(
        topic="hostile",
        partition=0,
        offset=offset,
        timestamp=timestamp,
        key=key,
        value=value,
        headers=headers,
    )


def as_message(record: Any) -> Any:
    """Make a message as readers of tables get it."""
    return SimpleNamespace(
        topic=lambda: record.topic,
        partition=lambda: record.partition,
        offset=lambda: record.offset,
        timestamp=lambda: (1, record.timestamp),
        key=lambda: record.key,
        value=lambda: record.value,
        headers=lambda: list(record.headers) or None,
        error=lambda: None,
    )
