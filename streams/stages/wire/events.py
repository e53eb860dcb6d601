"""Reading records of ``viewing.events.v1``: the event, the viewer that it belongs to, and its time.

With the setting `profiles` every profile of an account is a viewer of its own, named ``account:profile``,
with its own history, page and maturity limit (from the `preferences` of a children's profile). Events are
keyed by the account, so all profiles of an account share a partition, and their pages are in the account's
partition.
"""

import msgspec

from schemas import DecodeError, Event, Identify, Reason
from schemas.codec import check_key, decode_event
from streams.config.settings import Settings
from streams.engine.stage import Record

__all__ = ["SEPARATOR", "EventReader", "Profiles", "account_of", "event_time_ms"]

SEPARATOR = ":"
"""Between account and profile in a viewer's id."""
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


def event_time_ms(event: Event, record: Record) -> int:
    """Return an event's time, at most the timestamp of its record, where the record has one.

    A device's clock may be ahead; an event cannot happen after its record was sent. Without this bound one
    clock that is a year ahead would let every decayed counter fade to nothing.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> event = SimpleNamespace(event_time_ms=2_000)
    >>> [event_time_ms(event, SimpleNamespace(timestamp=sent)) for sent in (2_500, 1_500, -1)]
    [2000, 1500, 2000]
    """
    at, sent = event.event_time_ms, record.timestamp
    return sent if 0 < sent < at else at


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
    """

    def __init__(self, settings: Settings) -> None:
        self._profiles = Profiles(settings.tenant, profiles=settings.profiles)

    def __call__(self, record: Record) -> Event:
        """Decode a record, check its key, and assign it to its viewer.

        Raises
        ------
        DecodeError
            The record holds no usable event.
        """
        event = decode_event(record.value, record.headers or _NO_HEADERS)
        check_key(event, record.key)
        return self._profiles(event)
