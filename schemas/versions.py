"""Versions of the model that run side by side, and the switches between them.

`ModelVersion` and `ModelSwitch` are the records of ``model.versions.v1``. A `SwitchMarker` is a record in
each partition of the event log, so that every reader switches at the same offset, at any speed. A marker has
an effect only if ``model.versions.v1`` contains its switch: the right to write events does not include the
right to switch versions.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.fields import Label, Offset, SchemaVersion, Seq, TimeMs

__all__ = ["FIRST_VERSION", "MARKER_KEY", "ModelSwitch", "ModelVersion", "SwitchMarker"]

FIRST_VERSION: Final = "1"
"""The first version of an installation: live before any switch, without a suffix in its topic names."""

MARKER_KEY: Final = b"\0switch"
"""Key of a marker in the event log; no viewer id contains a control character."""

Offsets = Annotated[tuple[Offset, ...], Meta(max_length=10_000)]
"""One offset per partition, from partition 0 on."""


class ModelVersion(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A version of the model that reads the event log. Key: `version:NAME`; a tombstone retires the version.

    Attributes
    ----------
    name
        Its name.
    fingerprint
        Fingerprint of the configuration of the models.
    epoch
        Number of the newest switch at registration; earlier switches do not concern this version.
    registered_at_ms
        When it was registered (UTC, ms since 1970).
    live
        The version that published at registration.
    starts
        Offset of the first event that it learns, by partition; absent: the first available event.
    seq_base
        Number that no page had exceeded when the log began; absent: 0. A log that was split into more
        partitions begins at offset 0 again, and pages go on being numbered.
    schema_version
        Version of the contract; absent means 1.
    """

    name: Label
    fingerprint: Label
    epoch: Seq
    registered_at_ms: TimeMs
    live: Label = FIRST_VERSION
    starts: Offsets = ()
    seq_base: Seq = 0
    schema_version: SchemaVersion = 1


class ModelSwitch(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The decision that another version publishes. Key: `switch:EPOCH:VERSION`.

    Attributes
    ----------
    epoch
        Number of the switch, from 1.
    version
        The version that publishes from the cut on.
    at_ms
        Time of the decision (UTC, ms since 1970).
    cut
        Offset of the marker in each partition of the event log; absent until all markers are written.
    schema_version
        Version of the contract; absent means 1.
    """

    epoch: Seq
    version: Label
    at_ms: TimeMs
    cut: Offsets = ()
    schema_version: SchemaVersion = 1


class SwitchMarker(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A record in the event log at which a switch takes effect. Readers of events skip it.

    Attributes
    ----------
    epoch
        Number of the switch.
    version
        The version that publishes from here on.
    schema_version
        Version of the contract; absent means 1.
    """

    epoch: Seq
    version: Label
    schema_version: SchemaVersion = 1
