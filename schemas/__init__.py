"""What is said on the wire. Knows no Kafka, no model, no clock.

The events, one line each
-------------------------
Every event names a viewer, a moment and itself (`event_id`); the field `type` tells them apart.

* `Play`: playback of a title began. `Progress`: it runs; so much was watched so far. `Pause`: it was paused.
  `Stop`: it ended, after so many seconds, at this position, for this cause.
* `Impression`: a recommended title was visible, in this place on this list. `Select`: a title's page was
opened.
  `Skip`: a title was turned down. `Search`: a query, and what was opened from its results. `Browse`: time on
  a surface.
* `Rate`: a thumb or stars. `MyList`: put on or taken off the viewer's own list. `Preferences`: what the
viewer said
  about themselves.
* `Identify`: an anonymous viewer signed in. `Forget`: a viewer is to be forgotten.
  `History`: what a viewer watched before they were this viewer.

In comes also the catalogue, `Title`. Out go `Home` (a viewer's page), `Alert` (a new title for a viewer),
`Trending` (a scope's list) and `DeadLetter` (a record that could not be used, and why). `Experiment` says
what varies for whom, `schemas.assignment` who that is, `ExperimentResult` what came of it. `schemas.topics`
says which topic carries which.

Key and partition
-----------------
An event's key is its viewer id in UTF-8, a title's its title id; the partition is murmur2 of the key, as
Java's producer does it (`schemas.partitioner`). All that concerns one viewer then meets in one place, in
order.

Event time, not arrival time
----------------------------
`event_time_ms` says when something happened on the viewer's device, in UTC milliseconds. Models decay, order
and expire by it, so a replay of last year gives last year's lists. The time of arrival is the record's
timestamp and matters to operators only. An event without a time is rejected: a clock's guess would differ in
every replay.

Versions
--------
Inside a version the contract only grows: new optional fields, new event types. Readers ignore fields that
they do not know. What would break a reader (a field removed, required, retyped, or with another meaning)
raises `schema_version` and gets a topic name ending in the next number, beside the old. The files in
``contracts/`` are generated from the structs here; a released one never changes in a breaking way, and tests
hold us to it.

Where to read on
----------------
`schemas.events` and its parts (base, playback, interaction, identity), `schemas.catalog`, `schemas.pages`,
`schemas.dead_letters`; then `schemas.codec`, the only door between bytes and these; `schemas.errors` for what
may come out of it instead of a message.
"""

from schemas.catalog import Artwork, Availability, Tags, Title, TitleKind, Trailer
from schemas.dead_letters import DeadLetter
from schemas.errors import ContractError, DecodeError, EncodeError, Reason, SchemaError
from schemas.events import (
    Browse,
    Event,
    Forget,
    History,
    Identify,
    Impression,
    ListAction,
    MyList,
    Pause,
    Play,
    Preferences,
    Progress,
    Rate,
    Search,
    Select,
    Skip,
    Stop,
    StopCause,
    Thumb,
    ViewingEvent,
)
from schemas.pages import Alert, Home, Item, ItemReason, Row, RowKind, Source, Trending, TrendingItem

__all__ = [
    "Alert",
    "Artwork",
    "Availability",
    "Browse",
    "ContractError",
    "DeadLetter",
    "DecodeError",
    "EncodeError",
    "Event",
    "Forget",
    "History",
    "Home",
    "Identify",
    "Impression",
    "Item",
    "ItemReason",
    "ListAction",
    "MyList",
    "Pause",
    "Play",
    "Preferences",
    "Progress",
    "Rate",
    "Reason",
    "Row",
    "RowKind",
    "SchemaError",
    "Search",
    "Select",
    "Skip",
    "Source",
    "Stop",
    "StopCause",
    "Tags",
    "Thumb",
    "Title",
    "TitleKind",
    "Trailer",
    "Trending",
    "TrendingItem",
    "ViewingEvent",
]
