"""State of a viewer, a title and the stages, and what a viewer's newest page changed: `nearline inspect`.

Everything is read from the topics. A viewer's row and page are in the partition of its id by murmur2; a
title's row is in the partition of its shard. Names of titles are the keys of the title model and of the
catalog.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
from msgspec import to_builtins

from online_models.learners.title_side import shard_of
from online_models.page.changes import ShelfChange, changes
from online_models.tables.titles import TitleTable, title_key
from schemas import DecodeError, topics
from schemas.codec import decode_event, decode_home, decode_title
from schemas.pages import Home
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.errors import NoPageError, UnknownIdError
from streams.kafka.clients import OFFSET_BEGINNING, Message
from streams.kafka.scan import keys, newest, partitions_of, read, read_latest
from streams.kafka.schema_registry import json_values
from streams.ops.decoded_rows import decoded_titles, decoded_viewers, when
from streams.stages.wire.partition_rows import is_reserved

__all__ = [
    "inspect_changes",
    "inspect_state",
    "inspect_title",
    "inspect_viewer",
    "named_titles",
    "row_document",
]

STAGES = (("viewers", topics.VIEWER_STATE), ("titles", topics.TITLE_MODEL))
"""Stages and their changelogs."""
RECENT = 20
"""Most recent known titles that are listed: what fits on a screen."""


def inspect_viewer(settings: Settings, viewer_id: str, *, page: bool = True) -> dict[str, Any]:
    """Return a viewer's state and newest page.

    Parameters
    ----------
    settings
        Cluster, prefix, model.
    viewer_id
        Viewer id, as in the events.
    page
        Whether the newest page is read, too: all pages of its partition pass by.

    Returns
    -------
    dict
        ``viewer_id, partition, positives, last_page, last_event, country, maturity_limit, language, my_list``
        (newest first), ``known, recent`` (newest first, each with ``title_id`` and ``liked``), ``rejected``
        and ``loved`` (newest first, each with ``title_id``, ``weight`` and ``at``), ``page`` (as on the wire,
        None if there is none).

    Raises
    ------
    UnknownIdError
        The viewer has no state.
    """
    key = viewer_id.encode()
    home = partition_for(key, partitions_of(settings, topics.VIEWER_STATE))
    row = newest(settings, topics.VIEWER_STATE, home, key)
    if row is None:
        what, why = f"no state of viewer {viewer_id}", f"partition {home} of the state has no such key"
        advice = "check the spelling of the id, and run `nearline doctor` to see whether events are read"
        raise UnknownIdError(what, why=why, next_step=advice)
    (decoded,) = decoded_viewers([(key, row)], named_titles(settings))
    known = decoded.pop("known")
    return {
        "viewer_id": viewer_id,
        "partition": home,
        **decoded,
        "known": len(known),
        "recent": known[: -RECENT - 1 : -1],
        "page": _page(settings, key) if page else None,
    }


def inspect_title(settings: Settings, title_id: str) -> dict[str, Any]:
    """Return a title's counters, neighbours and catalog record.

    Returns
    -------
    dict
        ``title_id, partition, watches, positives, rejections, touches, trending`` (by half-life in seconds),
        ``last_watch, bias, neighbours`` (strongest first, each with ``title_id`` and ``weight``),
        ``catalog`` (as on the wire, None if the catalog has no such title).

    Raises
    ------
    UnknownIdError
        Neither the model nor the catalog has it.
    """
    shard = int(shard_of(np.array([title_key(title_id)], np.uint64), settings.title_shards)[0])
    key = title_id.encode()
    record = _catalog_record(settings, key)
    value = newest(settings, topics.TITLE_MODEL, shard, key)
    if value is None and record is None:
        what, why = f"title {title_id} is unknown", "neither the title model nor the catalog has this key"
        raise UnknownIdError(
            what, why=why, next_step="check the spelling of the id; perhaps nobody has watched it yet"
        )
    model = {} if value is None else _rounded_title(settings, key, value)
    return {"title_id": title_id, "partition": shard, **model, "catalog": record}


def inspect_state(settings: Settings) -> list[dict[str, Any]]:
    """Return the content of the changelog of each stage and partition.

    Returns
    -------
    list of dict ``stage, partition, rows, bytes, applied`` (source offset, -1 for none), ``changed`` (time of
        the last record).
    """
    return [part for stage, log in STAGES for part in _partitions(settings, stage, log)]


def _partitions(settings: Settings, stage: str, log: str) -> Iterator[dict[str, Any]]:
    for partition in range(partitions_of(settings, log)):
        found = read_latest(settings, log, [partition])
        applied = _value(found, APPLIED_KEY)
        live = [message for key, message in found.items() if not is_reserved(key)]
        sizes = [len(message.value() or b"") for message in live if message.value() is not None]
        yield {
            "stage": stage,
            "partition": partition,
            "rows": len(sizes),
            "bytes": sum(sizes),
            "applied": -1 if applied is None else unpack_applied(applied),
            "changed": when(max((message.timestamp()[1] for message in found.values()), default=0)),
        }


def named_titles(settings: Settings) -> TitleTable:
    """Return a table of all titles in the title model or the catalog."""
    titles = TitleTable(settings.model)
    found = keys(settings, topics.TITLE_MODEL, range(settings.title_shards))
    found += keys(settings, topics.CATALOG, range(partitions_of(settings, topics.CATALOG)))
    names = [key.decode(errors="replace") for key in found if key and not is_reserved(key)]
    titles.intern(names, admit=True)
    return titles


def _rounded_title(settings: Settings, key: bytes, value: bytes) -> dict[str, Any]:
    """Decode a title's row, with numbers rounded for display."""
    (title,) = decoded_titles([(key, value)], named_titles(settings))
    for name in ("watches", "bias"):
        title[name] = round(title[name], 4)
    title["trending"] = {half_life: round(count, 4) for half_life, count in title["trending"].items()}
    for pair in title["neighbours"]:
        pair["weight"] = round(pair["weight"], 4)
    return title


def _catalog_record(settings: Settings, key: bytes) -> Any:  # noqa: ANN401 - JSON
    home = partition_for(key, partitions_of(settings, topics.CATALOG))
    value = newest(settings, topics.CATALOG, home, key)
    try:
        return None if value is None else to_builtins(decode_title(value))
    except DecodeError as error:
        return {"unusable": str(error)}


def _page(settings: Settings, key: bytes) -> Any:  # noqa: ANN401 - JSON
    home = partition_for(key, partitions_of(settings, topics.HOME))
    value = newest(settings, topics.HOME, home, key)
    return None if value is None else to_builtins(decode_home(value))


def _value(found: dict[bytes, Message], key: bytes) -> bytes | None:
    message = found.get(key)
    return None if message is None else message.value()


def inspect_changes(settings: Settings, viewer_id: str) -> dict[str, Any]:
    """Return what the newest page of a viewer changed.

    The previous page is in the topic until compaction; without it, everything is new.

    Parameters
    ----------
    settings
        Cluster and prefix.
    viewer_id
        Viewer id, as in the events.

    Returns
    -------
    dict ``viewer_id, seq, former`` (number of the previous page, None if it was compacted), ``event`` (as on
        the wire, None if it was deleted), ``rows``: of each shelf ``kind, title, was, now`` (places from 1,
        None for new or gone), ``came, left`` (titles), ``moved`` (``title_id, was, now``).

    Raises
    ------
    NoPageError
        There is no page.
    """
    pages = _last_pages(settings, viewer_id.encode())
    if not pages:
        what, why = f"no page of viewer {viewer_id}", "the topic of pages has no such key"
        advice = "check the spelling of the id, and run `nearline doctor` to see whether events are read"
        raise NoPageError(what, why=why, next_step=advice)
    page, former = pages[-1], pages[-2] if len(pages) > 1 else None
    return {
        "viewer_id": viewer_id,
        "seq": page.seq,
        "former": former.seq if former else None,
        "event": _event(settings, page),
        "rows": [row_document(change) for change in changes(former.rows if former else (), page)],
    }


def _last_pages(settings: Settings, key: bytes) -> list[Home]:
    """Return the last two pages of a viewer in the topic."""
    home = partition_for(key, partitions_of(settings, topics.HOME))
    last: list[bytes] = []
    for message in read(settings, topics.HOME, {home: OFFSET_BEGINNING}):
        if message.key() == key:
            value = message.value()
            last = [] if value is None else [*last[-1:], value]
    return [decode_home(value) for value in last]


def _event(settings: Settings, page: Home) -> Any:  # noqa: ANN401 - JSON
    """Return the event that caused a page."""
    with closing(read(settings, topics.EVENTS, {page.source.partition: page.source.offset})) as records:
        found = next(records, None)
    value = found.value() if found is not None and found.offset() == page.source.offset else None
    try:
        return None if value is None else to_builtins(decode_event(json_values(settings)(value), ()))
    except DecodeError:
        return None


def row_document(change: ShelfChange) -> dict[str, Any]:
    """Return the change of a shelf under its documented JSON keys."""
    return {
        "kind": str(change.row.kind),
        "title": change.row.title,
        "was": change.was,
        "now": change.now,
        "came": list(change.came),
        "left": list(change.left),
        "moved": [one._asdict() for one in change.moved],
    }
