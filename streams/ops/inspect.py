"""What is known about a viewer, a title, and the stages' state; read from the topics, whoever runs them.

A viewer's row and page are in the partition that murmur2 gives the id; a title's row is in the partition of
its shard. Names of titles come from the keys of the title model and of the catalog.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from msgspec import to_builtins

from online_models.learners.title_side import shard_of
from online_models.tables.titles import TitleTable, title_key
from schemas import DecodeError, topics
from schemas.codec import decode_home, decode_title
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.errors import UnknownIdError
from streams.kafka.clients import Message
from streams.kafka.scan import partitions_of, read_latest
from streams.ops.decoded_rows import titles_in_words, viewers_in_words, when
from streams.stages.wire.partition_rows import is_reserved

__all__ = ["inspect_state", "inspect_title", "inspect_viewer", "named_titles"]

STAGES = (("viewers", topics.VIEWER_STATE), ("titles", topics.TITLE_MODEL))
"""Stages and their changelogs."""
RECENT = 20
"""Known titles that are named: a screen."""


def inspect_viewer(settings: Settings, viewer_id: str) -> dict[str, Any]:
    """Return a viewer's state and newest page.

    Parameters
    ----------
    settings
        Cluster, prefix, model.
    viewer_id
        Whose.

    Returns
    -------
    dict
        ``viewer_id, partition, positives, pages, last_event, country, maturity_limit, language, my_list``
        (newest first), ``known, recent`` (read_latest first, each with ``title_id`` and ``liked``), ``rejected``
        and ``loved`` (read_latest first, each with ``title_id``, ``weight`` and ``at``), ``page`` (as on the wire,
        None where there is none).

    Raises
    ------
    UnknownIdError
        The viewer has no state.
    """
    key = viewer_id.encode()
    home = partition_for(key, partitions_of(settings, topics.VIEWER_STATE))
    row = _value(read_latest(settings, topics.VIEWER_STATE, [home]), key)
    if row is None:
        what, why = f"no state of viewer {viewer_id}", f"partition {home} of the state has no such key"
        advice = "look at the id's spelling, and at `nearline doctor` for whether events are read"
        raise UnknownIdError(what, why=why, next_step=advice)
    (said,) = viewers_in_words([(key, row)], named_titles(settings))
    known = said.pop("known")
    return {
        "viewer_id": viewer_id,
        "partition": home,
        **said,
        "known": len(known),
        "recent": known[: -RECENT - 1 : -1],
        "page": _page(settings, key),
    }


def inspect_title(settings: Settings, title_id: str) -> dict[str, Any]:
    """Return a title's counters, neighbours and catalog record.

    Returns
    -------
    dict
        ``title_id, partition, watches, positives, rejections, touches, trending`` (by half-life in seconds),
        ``last_watch, bias, neighbours`` (strongest first, each with ``title_id`` and ``weight``),
        ``catalog`` (as on the wire, None where the catalog has no such title).

    Raises
    ------
    UnknownIdError
        Neither the model nor the catalog knows it.
    """
    shard = int(shard_of(np.array([title_key(title_id)], np.uint64), settings.title_shards)[0])
    key = title_id.encode()
    described = _catalogued(settings, key)
    value = _value(read_latest(settings, topics.TITLE_MODEL, [shard]), key)
    if value is None and described is None:
        what, why = f"title {title_id} is unknown", "neither the title model nor the catalog has this key"
        raise UnknownIdError(what, why=why, next_step="look at the id's spelling; nobody may have watched it")
    model = {} if value is None else _described(settings, key, value)
    return {"title_id": title_id, "partition": shard, **model, "catalog": described}


def inspect_state(settings: Settings) -> list[dict[str, Any]]:
    """Return, for each stage and partition, what its changelog holds.

    Returns
    -------
    list of dict
        ``stage, partition, rows, bytes, applied`` (source offset, -1 for none), ``changed`` (when last).
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
    """Return a table of every title that has a name in the title model or the catalog."""
    titles = TitleTable(settings.model)
    keys = [*read_latest(settings, topics.TITLE_MODEL, range(settings.title_shards))]
    keys += read_latest(settings, topics.CATALOG, range(partitions_of(settings, topics.CATALOG)))
    titles.intern([key.decode(errors="replace") for key in keys if key and not is_reserved(key)])
    return titles


def _described(settings: Settings, key: bytes, value: bytes) -> dict[str, Any]:
    """Put a title's packed row into words, rounded for people."""
    (said,) = titles_in_words([(key, value)], named_titles(settings))
    for name in ("watches", "bias"):
        said[name] = round(said[name], 4)
    said["trending"] = {half_life: round(count, 4) for half_life, count in said["trending"].items()}
    for pair in said["neighbours"]:
        pair["weight"] = round(pair["weight"], 4)
    return said


def _catalogued(settings: Settings, key: bytes) -> Any:  # noqa: ANN401 - JSON
    home = partition_for(key, partitions_of(settings, topics.CATALOG))
    value = _value(read_latest(settings, topics.CATALOG, [home]), key)
    try:
        return None if value is None else to_builtins(decode_title(value))
    except DecodeError as error:
        return {"unusable": str(error)}


def _page(settings: Settings, key: bytes) -> Any:  # noqa: ANN401 - JSON
    home = partition_for(key, partitions_of(settings, topics.HOME))
    value = _value(read_latest(settings, topics.HOME, [home]), key)
    return None if value is None else to_builtins(decode_home(value))


def _value(found: dict[bytes, Message], key: bytes) -> bytes | None:
    message = found.get(key)
    return None if message is None else message.value()
