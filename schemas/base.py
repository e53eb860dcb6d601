"""What every viewing event has in common."""

from msgspec import Struct

from schemas.fields import Country, Id, Label, SchemaVersion, TimeMs

__all__ = ["ViewingEvent"]


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class ViewingEvent(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="type", tag=_snake
):
    """What every event says; not an event itself.

    Attributes
    ----------
    event_id
        Chosen by the producer, unique per event: a repeated id is a repeated event and counts once. May be
        left to the CloudEvents header `ce_id`.
    viewer_id
        Opaque id of the account whose taste this is; the record's key.
    event_time_ms
        When it happened, on the viewer's device: UTC, milliseconds since 1970. Not when it was sent or
        stored.
    schema_version
        Version of the contract; absent means 1.
    profile_id
        Which person of the account, where accounts are shared.
    tenant_id
        Which service, where several share one installation.
    session_id
        Events of one sitting share it.
    device
        Kind of device in the sender's words. What is watched on a `tv`, `phone`, `tablet`,
        `web` or `console` is counted.
    country
        Where the viewer is: ISO 3166-1 alpha-2, upper case.
    """

    event_id: Id
    viewer_id: Id
    event_time_ms: TimeMs
    schema_version: SchemaVersion = 1
    profile_id: Id | None = None
    tenant_id: Id | None = None
    session_id: Id | None = None
    device: Label | None = None
    country: Country | None = None
