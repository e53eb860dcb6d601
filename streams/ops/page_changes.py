"""What a viewer's newest page changed, and the event that did it: `nearline inspect viewer ID --diff`."""

from contextlib import closing
from typing import Any

from msgspec import to_builtins

from online_models.page.changes import ShelfChange, changes
from schemas import DecodeError, topics
from schemas.codec import decode_event, decode_home
from schemas.pages import Home
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.errors import NoPageError
from streams.kafka.clients import OFFSET_BEGINNING
from streams.kafka.scan import partitions_of, read

__all__ = ["inspect_changes", "row_document"]


def inspect_changes(settings: Settings, viewer_id: str) -> dict[str, Any]:
    """Return what the newest page of a viewer changed.

    The page before is there until the topic is compacted; without it, everything is new.

    Parameters
    ----------
    settings
        Cluster and prefix.
    viewer_id
        Whose.

    Returns
    -------
    dict
        ``viewer_id, seq, former`` (number of the page before, None where it is not there any more), ``event``
        (as on the wire, None where it is not there any more), ``rows``: of each row ``kind, title, was, now``
        (places from 1, None for new or gone), ``came, left`` (titles), ``moved`` (``title_id, was, now``).

    Raises
    ------
    NoPageError
        There is no page.
    """
    pages = _last_pages(settings, viewer_id.encode())
    if not pages:
        what, why = f"no page of viewer {viewer_id}", "the topic of pages has no such key"
        advice = "look at the id's spelling, and at `nearline doctor` for whether events are read"
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
    """Return the last pages of a viewer that the topic has, two at most."""
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
        return None if value is None else to_builtins(decode_event(value, ()))
    except DecodeError:
        return None


def row_document(change: ShelfChange) -> dict[str, Any]:
    """Return what became of a row under its documented JSON keys."""
    return {
        "kind": str(change.row.kind),
        "title": change.row.title,
        "was": change.was,
        "now": change.now,
        "came": list(change.came),
        "left": list(change.left),
        "moved": [one._asdict() for one in change.moved],
    }
