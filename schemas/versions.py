"""Versions of the model that work side by side, and the switches between them.

`ModelVersion` and `ModelSwitch` are the records of ``model.versions.v1``. A `SwitchMarker` stands in the
event log itself, one in each partition: whatever reads the log meets the switch at the same event, however
fast or slow it reads. A marker means something only if the register has its switch: whoever may write events
may not switch models.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.fields import Label, Offset, SchemaVersion, Seq, TimeMs

__all__ = ["FIRST_VERSION", "MARKER_KEY", "ModelSwitch", "ModelVersion", "SwitchMarker"]

FIRST_VERSION: Final = "1"
"""The version that an installation begins with: live before any switch, its topics have no name behind."""

MARKER_KEY: Final = b"\0switch"
"""Key of a marker among the events; no viewer id has a control character."""

Offsets = Annotated[tuple[Offset, ...], Meta(max_length=10_000)]
"""One offset of each partition, from partition 0 on."""


class ModelVersion(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A version of the model that works on the event log; key `version:NAME`, a tombstone retires it.

    Attributes
    ----------
    name
        Its name.
    fingerprint
        Of the models' configuration.
    epoch
        Number of the newest switch when it was registered: only later ones concern it.
    registered_at_ms
        When it was registered (UTC, ms since 1970).
    live
        Who published when it was registered.
    starts
        Offset of the first event that it learns, by partition; absent: the first that there is.
    schema_version
        Version of the contract; absent means 1.
    """

    name: Label
    fingerprint: Label
    epoch: Seq
    registered_at_ms: TimeMs
    live: Label = FIRST_VERSION
    starts: Offsets = ()
    schema_version: SchemaVersion = 1


class ModelSwitch(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The decision that another version publishes; key `switch:EPOCH:VERSION`.

    Attributes
    ----------
    epoch
        Number of the switch, from 1.
    version
        Who publishes from the cut on.
    at_ms
        When it was decided (UTC, ms since 1970).
    cut
        Offset of the marker in each partition of the events; absent while markers are still being written.
    schema_version
        Version of the contract; absent means 1.
    """

    epoch: Seq
    version: Label
    at_ms: TimeMs
    cut: Offsets = ()
    schema_version: SchemaVersion = 1


class SwitchMarker(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A record among the events that is none: here a switch takes effect. Readers of events skip it.

    Attributes
    ----------
    epoch
        Number of the switch.
    version
        Who publishes from here on.
    schema_version
        Version of the contract; absent means 1.
    """

    epoch: Seq
    version: Label
    schema_version: SchemaVersion = 1
