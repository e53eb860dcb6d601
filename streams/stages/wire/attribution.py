r"""What impressions and searches teach: updates for the titles stage, and the rows learned from them.

The viewers stage attributes watches to artwork and queries (:mod:`streams.stages.viewers.impressions`); the
updates travel behind a batch's signals. The titles stage learns them (:mod:`streams.stages.titles.learners`)
and keeps the results in ``titles.model.v1``: a title's artwork under ``\x04`` and the title's id, in the
shard that owns the title; a query under ``\x05`` and its hash, in the shard of that hash: the words of one
viewer are stored with the viewer only. Workers' replicas read the former, the server looks the latter up.
"""

from typing import Final

import msgspec
from msgspec import Struct

from online_models.artwork.gallery import Gallery
from online_models.learners.attribution import ArtworkOutcome, QueryOutcome
from online_models.learners.search import SearchedQuery, decayed
from online_models.tables.layout import F8
from streams.engine.stage import Row
from streams.stages.wire.row_codec import RowCodec

__all__ = [
    "ARTWORK", "ARTWORK_CODEC", "QUERY", "QUERY_CODEC", "ArtworkRow", "AttributionUpdates", "artwork_row",
    "load_artwork", "pack_updates", "query_key", "query_row", "unpack_updates", "watched_after",
]  # fmt: skip

ARTWORK: Final = b"\x04"
"""First byte of the keys of artwork rows."""
QUERY: Final = b"\x05"
"""First byte of the keys of query rows."""


class AttributionUpdates(Struct, array_like=True, gc=False):
    """What one batch teaches about artwork and queries, as it travels; part of a signals record's version."""

    artwork: list[ArtworkOutcome]
    queries: list[QueryOutcome]


class ArtworkRow(Struct, array_like=True, gc=False):
    """The bandit of one title's artwork."""

    at_ms: int
    cells: dict[str, F8]
    """By artwork: trials and wins of each cell (`online_models.artwork.bandit`)."""


ARTWORK_CODEC: Final = RowCodec("a title's artwork", ArtworkRow)
QUERY_CODEC: Final = RowCodec("a query's row", SearchedQuery)
_UPDATES: Final = msgspec.msgpack.Decoder(AttributionUpdates)


def pack_updates(updates: AttributionUpdates) -> bytes:
    """Pack updates; empty where there are none."""
    return msgspec.msgpack.encode(updates) if updates.artwork or updates.queries else b""


def unpack_updates(value: bytes) -> AttributionUpdates:
    """Read packed updates."""
    return _UPDATES.decode(value) if value else AttributionUpdates([], [])


def artwork_row(gallery: Gallery, title_id: str) -> Row:
    """Pack the bandit of a title's artwork."""
    bandit = gallery.bandit(title_id)
    row = ArtworkRow(bandit.at_ms, {artwork: bandit.cells(artwork) for artwork in bandit.arms})
    return ARTWORK + title_id.encode(), ARTWORK_CODEC.pack(row)


def load_artwork(gallery: Gallery, key: bytes, value: bytes) -> None:
    """Load an artwork row into a gallery; raises as `RowCodec.unpack`."""
    row = ARTWORK_CODEC.unpack(value)
    gallery.load(key[1:].decode(), row.cells, row.at_ms)


def query_key(query: str) -> bytes:
    """Return the key of a query's row; the query's hash (`online_models.learners.search.hashed`)."""
    return QUERY + query.encode()


def query_row(query: str, state: SearchedQuery | None) -> Row:
    """Pack a query; None deletes its row."""
    return query_key(query), None if state is None else QUERY_CODEC.pack(state)


def watched_after(value: bytes | None) -> dict[str, float]:
    """Return the watches after a query by title; empty where there is no row."""
    return {} if value is None else decayed(QUERY_CODEC.unpack(value))
