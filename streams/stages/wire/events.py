"""Reading records of ``viewing.events.v1``: the event, the viewer that it belongs to, and its time.

With the setting `profiles` every profile of an account is a viewer of its own, named ``account:profile``,
with its own history, page and maturity limit (from the `preferences` of a children's profile). Events are
keyed by the account, so all profiles of an account share a partition, and their pages are in the account's
partition.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from schemas import DecodeError, Event, Identify, Reason
from schemas.codec import check_key, decode_event
from schemas.fields import MAX_TIME_MS, MIN_TIME_MS
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.stage import Record
from streams.kafka.schema_registry import json_values

__all__ = [
    "AHEAD_MS", "SEPARATOR", "TRUSTED_MS", "Clock", "EventReader", "Profiles", "account_of", "bounds_ms",
    "clock_of", "event_time_ms",
]  # fmt: skip

SEPARATOR = ":"
"""Between account and profile in a viewer's id."""
AHEAD_MS: Final = 300_000
"""How far an event without a usable timestamp may be ahead of the worker's clock: five minutes, what Kerberos
allows between two clocks. Events arrive within seconds."""
TRUSTED_MS: Final = 86_400_000
"""How far a record's timestamp may be ahead of the worker's clock and is still used: a day. Brokers refuse
more than an hour (`schemas.topics`); a worker whose clock is hours off must not change times of events."""
_NO_BOUND: Final = "expected a timestamp of the record, or a worker whose clock is set"
Clock = Callable[[], int]
"""UTC, milliseconds since 1970."""
_LONGEST = 64  # characters of an id (`schemas.fields`)
_NO_HEADERS: tuple[tuple[str, bytes], ...] = ()


def account_of(viewer_id: str, *, profiles: bool) -> str:
    """Return the account of a viewer: the key of its events.

    Examples
    --------
    >>> account_of("ada:kids", profiles=True), account_of("ada:kids", profiles=False)
    ('ada', 'ada:kids')
    """
    return viewer_id.split(SEPARATOR, 1)[0] if profiles else viewer_id


def clock_of(settings: Settings) -> Clock | None:
    """Return the clock of a worker; None where the times of events alone count."""
    return None if settings.event_time else now_ms


def bounds_ms(now_ms: int | None) -> tuple[int, int]:
    """Return from where on a record's timestamp is not used, and what bounds the event's time instead.

    Parameters
    ----------
    now_ms
        The worker's clock; None for replays.
    """
    return (MAX_TIME_MS, MAX_TIME_MS) if now_ms is None else (now_ms + TRUSTED_MS, now_ms + AHEAD_MS)


def event_time_ms(event: Event, record: Record, now_ms: int | None) -> int:
    """Return an event's time, at most the timestamp of its record.

    A device's clock may be ahead; an event cannot happen after its record was sent. Without this bound one
    clock that is a year ahead would let every decayed counter fade to nothing. A record without a usable
    timestamp is bounded by the worker's clock: Kafka takes -1, seconds in place of milliseconds, and days
    ahead, where it is told to.

    Parameters
    ----------
    event
        The event.
    record
        Its record.
    now_ms
        The worker's clock; None for replays: then any timestamp within the contract's range is usable, and
        without one there is no bound.

    Raises
    ------
    DecodeError
        The bound is outside of the contract's range: the worker's clock is not set.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> now, event = 1_700_000_000_000, SimpleNamespace(event_time_ms=1_800_000_000_000)
    >>> def time_at(sent: int, now_ms: int | None = now) -> int:
    ...     return event_time_ms(event, SimpleNamespace(timestamp=sent), now_ms) - now
    >>> [time_at(now - 500), time_at(-1), time_at(now // 1000), time_at(event.event_time_ms)]
    [-500, 300000, 300000, 300000]
    >>> [time_at(now - 500, None), time_at(-1, None)]
    [-500, 100000000000]
    """
    at, sent = event.event_time_ms, record.timestamp
    trusted, unsent = bounds_ms(now_ms)
    bound = sent if MIN_TIME_MS <= sent < trusted else unsent
    if bound < MIN_TIME_MS:
        raise DecodeError(Reason.OUT_OF_RANGE, "event_time_ms", _NO_BOUND)
    return min(at, bound)


class Profiles:
    """Assigns an event to its viewer: the account or one of its profiles.

    Parameters
    ----------
    tenant
        Tenant of this installation. None: events of all tenants are accepted.
    profiles
        Whether profiles are viewers of their own.

    Examples
    --------
    >>> from schemas import Play
    >>> play = Play(event_id="e", viewer_id="ada", event_time_ms=10**12, title_id="t", profile_id="kids")
    >>> Profiles(None, profiles=True)(play).viewer_id, Profiles(None, profiles=False)(play).viewer_id
    ('ada:kids', 'ada')
    """

    def __init__(self, tenant: str | None, *, profiles: bool) -> None:
        self._tenant, self._profiles = tenant, profiles

    def __call__(self, event: Event) -> Event:
        """Return the event under the id of its viewer.

        An anonymous viewer who signs in has no profile: the event's profile is the one that they sign in to.

        Raises
        ------
        DecodeError
            The event is another tenant's, or its ids are ambiguous or too long together.
        """
        if self._tenant is not None and event.tenant_id not in {None, self._tenant}:
            raise DecodeError(
                Reason.OUT_OF_RANGE, "tenant_id", "expected this installation's tenant, or none"
            )
        if not self._profiles:
            return event
        if SEPARATOR in event.viewer_id:
            raise DecodeError(
                Reason.OUT_OF_RANGE, "viewer_id", "expected no colon where accounts have profiles"
            )
        if event.profile_id is None or isinstance(event, Identify):
            return event
        viewer = f"{event.viewer_id}{SEPARATOR}{event.profile_id}"
        if len(viewer) > _LONGEST:
            raise DecodeError(
                Reason.OUT_OF_RANGE, "profile_id", "expected 63 characters with the viewer's id"
            )
        return msgspec.structs.replace(event, viewer_id=viewer)


class EventReader:
    """Reads records as events of this installation's viewers.

    Parameters
    ----------
    settings
        Tenant, and whether profiles are viewers.
    clock
        Bounds the times of events. Default: for replays, no clock.

    Attributes
    ----------
    has_profiles, has_tenant, has_registry
        Whether profiles are viewers, whether only one tenant's events are read, and whether events may be
        Avro.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._clock = clock
        self._to_json = json_values(settings) if settings.schema_registry else None
        self.has_profiles, self.has_tenant = settings.profiles, settings.tenant is not None
        self.has_registry = self._to_json is not None
        self._profiles = Profiles(settings.tenant, profiles=settings.profiles)

    def now_ms(self) -> int | None:
        """Return the time of the clock, None without one; read once a batch."""
        return None if self._clock is None else self._clock()

    def __call__(self, record: Record, now_ms: int | None) -> tuple[Event, int]:
        """Decode a record, check its key, assign it to its viewer, and bound its time.

        Parameters
        ----------
        record
            The record.
        now_ms
            Of :meth:`now_ms`.

        Returns
        -------
        event, at_ms
            The event and its time (:func:`event_time_ms`).

        Raises
        ------
        DecodeError
            The record holds no usable event.
        """
        value = record.value if self._to_json is None else self._to_json(record.value)
        event = decode_event(value, record.headers or _NO_HEADERS)
        check_key(event, record.key)
        return self._profiles(event), event_time_ms(event, record, now_ms)
