"""`nearline state export`: decode every row of a stage, from local databases or from the changelog."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from online_models.tables.titles import TitleTable
from streams.config.settings import Settings
from streams.errors import StateError
from streams.kafka.clients import OFFSET_BEGINNING
from streams.kafka.scan import partitions_of, read
from streams.ops.decoded_rows import decoded_titles, decoded_viewers
from streams.ops.inspect import named_titles
from streams.ops.state.local import StageState, places, reading, stage_state
from streams.stages.wire.partition_rows import is_reserved

__all__ = ["export"]

CHUNK = 2_000
"""Rows decoded together."""

Rows = Iterator[tuple[bytes, bytes]]


def export(
    settings: Settings,
    stage: str,
    *,
    partition: int | None = None,
    changelog: bool = False,
    vectors: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """Yield a stage's rows as dictionaries (:mod:`streams.ops.decoded_rows`) with ``partition``.

    Parameters
    ----------
    settings
        State folder, cluster, model.
    stage
        `viewers` or `titles`.
    partition
        Only this one.
    changelog
        Read the changelog instead of the local databases. Otherwise no broker is used: ids of titles come
        from the local databases of the titles stage, and titles that are not there have none.
    vectors
        Include vectors.
    on_progress
        Called with a line on what is read.

    Raises
    ------
    SettingsError
        There is no such stage.
    StateError
        There is no local state, or a row cannot be read.
    BrokerUnreachableError
        No broker answers.
    """
    kind = stage_state(stage)
    titles = named_titles(settings) if changelog else _named_here(settings)
    decode = decoded_viewers if kind.stage == "viewers" else decoded_titles
    source = _logged if changelog else _stored
    for number, rows in source(settings, kind, partition):
        on_progress(f"{stage} partition {number}")
        while chunk := list(islice(rows, CHUNK)):
            for row in decode(chunk, titles, vectors=vectors):
                yield {"partition": number, **row}


def _stored(settings: Settings, kind: StageState, partition: int | None) -> Iterator[tuple[int, Rows]]:
    for place in places(settings, kind.stage, partition):
        with reading(place) as store:
            yield place.partition, ((key, value) for key, value in store.scan() if not is_reserved(key))


def _logged(settings: Settings, kind: StageState, partition: int | None) -> Iterator[tuple[int, Rows]]:
    numbers = range(partitions_of(settings, kind.changelog)) if partition is None else [partition]
    for number in numbers:
        newest: dict[bytes, bytes] = {}
        for message in read(settings, kind.changelog, {number: OFFSET_BEGINNING}):
            key, value = message.key() or b"", message.value()
            if value is None:
                newest.pop(key, None)
            elif not is_reserved(key):
                newest[key] = value
        yield number, iter(sorted(newest.items()))


def _named_here(settings: Settings) -> TitleTable:
    """Return a table of the titles in the local databases of the titles stage."""
    titles = TitleTable(settings.model)
    try:
        found = places(settings, "titles")
    except StateError:  # there are none
        return titles
    for place in found:
        with reading(place) as store:
            names = [key.decode(errors="replace") for key, _ in store.scan() if not is_reserved(key)]
            titles.intern(names, admit=True)
    return titles
