"""The wire contract: messages, topics and keys. Knows no Kafka client, no model, no clock.

Events
------
Every event has a viewer id, an event time and an event id. The field ``type`` identifies the kind:

* `Play`: playback of a title began. `Progress`: heartbeat with the seconds watched so far. `Pause`: playback
  was paused. `Stop`: playback ended, with the seconds watched, the position and the cause.
* `Impression`: a recommended title was visible, at a position of a list. `Select`: the viewer opened the page
  of a title. `Skip`: the viewer rejected a title. `Search`: a query, and the result that was opened.
  `Browse`: time spent in a part of the interface.
* `Rate`: a thumb or stars. `MyList`: a title was added to or removed from the viewer's own list.
  `Preferences`: stated preferences.
* `Identify`: an anonymous viewer signed in. `Forget`: a viewer has to be forgotten. `History`: an imported
  history of a viewer.

The other input is the catalog (`Title`). The output is `Home` (a viewer's page), `Alert` (a new title for a
viewer), `Trending` (the most watched titles of a scope) and `DeadLetter` (a rejected record, with the
reason). `schemas.experiments` defines experiments, `schemas.assignment` assigns viewers to their arms, and
`schemas.experiment_results` has their results. `schemas.topics` lists the topics and their messages.

Key and partition
-----------------
The key of an event is its viewer id in UTF-8, that of a title its title id. The partition is murmur2 of the
key, as in Kafka's Java client (`schemas.partitioner`). So all events of a viewer are in one partition, in
order.

Event time
----------
`event_time_ms` is the time of the event on the viewer's device, in UTC milliseconds. Models decay, order and
expire by it, so a replay of an old log gives the same lists. The timestamp of the record is the time of
arrival, and is used for monitoring only. An event without a time is rejected: a default would differ in every
replay.

Versions
--------
Within a version the contract only grows: new optional fields, new event types. Readers ignore unknown fields.
A change that would break a reader (a field removed, made required, retyped, or with a new meaning) raises
`schema_version` and gets a new topic, whose name ends in the next number; the old topic continues. The files
in ``schemas/contracts/`` are generated from the structs of this package. Released files never change, and a
test refuses changes that break them.

Modules
-------
* Messages: `schemas.events`, `schemas.catalog`, `schemas.pages`, `schemas.rules`, `schemas.experiments`,
  `schemas.experiment_results`, `schemas.insights`, `schemas.versions`, `schemas.dead_letters`,
  `schemas.audit`; their field types are in `schemas.fields`.
* `schemas.codec`: bytes to messages and back. `schemas.event_fields`: the fields of events as rules.
  `schemas.errors`: the errors, and the reasons of dead letters.
* `schemas.topics`, `schemas.partitioner`, `schemas.assignment`: topics, partitions of keys, arms of viewers.
* `schemas.json_schema` and `schemas.contract_tools`: the generated contract files.
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
