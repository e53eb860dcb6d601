"""Whose event it is: the account's or one of its profiles', and whether it is this tenant's at all.

With the setting `profiles` every profile of an account is a viewer of its own, named ``account:profile``: its
own history, page and maturity limit (the `preferences` of a children's profile say it). Events stay keyed by
the account, so a household's profiles share a partition, and pages are where the account's page would be.
"""

import msgspec

from schemas import DecodeError, Event, Identify, Reason

__all__ = ["SEPARATOR", "Households", "account_of"]

SEPARATOR = ":"
_LONGEST = 64  # characters of an id (`schemas.fields`)


def account_of(viewer_id: str, *, profiles: bool) -> str:
    """Return the account that a viewer is of: what its events are keyed by.

    Examples
    --------
    >>> account_of("ada:kids", profiles=True), account_of("ada:kids", profiles=False)
    ('ada', 'ada:kids')
    """
    return viewer_id.split(SEPARATOR, 1)[0] if profiles else viewer_id


class Households:
    """Tells whose an event is.

    Parameters
    ----------
    tenant
        Whose installation this is; None: everybody's.
    profiles
        Whether profiles are viewers of their own.

    Examples
    --------
    >>> from schemas import Play
    >>> play = Play(event_id="e", viewer_id="ada", event_time_ms=10**12, title_id="t", profile_id="kids")
    >>> Households(None, profiles=True)(play).viewer_id, Households(None, profiles=False)(play).viewer_id
    ('ada:kids', 'ada')
    """

    def __init__(self, tenant: str | None, *, profiles: bool) -> None:
        self._tenant, self._profiles = tenant, profiles

    def __call__(self, event: Event) -> Event:
        """Return the event with the viewer whose it is.

        An anonymous viewer who signs in has no profile: the event's is the one that they sign in to.

        Raises
        ------
        DecodeError
            It is another tenant's, or the ids are ambiguous or too long together.
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
