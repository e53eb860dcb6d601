r"""What lessons teach, on the titles' side: posteriors of pictures, and what is watched after a query.

Rows lie beside the titles' in ``titles.model.v1``: a title's pictures under ``\x04`` and the title's id, in
the shard that owns the title; a query under ``\x05`` and its words, in the shard of their hash. Workers'
replicas read the former, the server looks the latter up.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from online_models.artwork.gallery import Gallery
from online_models.learners.search import SearchedQuery, SearchModel, decayed
from online_models.learners.title_side import shard_of
from online_models.tables.layout import F8
from online_models.tables.titles import title_key
from streams.engine.stage import Row, StateView
from streams.errors import StateVersionError
from streams.stages.wire.impressions import AttributionUpdates

__all__ = ["ART", "QUERY", "VERSION", "Attribution", "load_pictures", "query_key", "watched_after"]

ART: Final = b"\x04"
QUERY: Final = b"\x05"
VERSION: Final = 1


class _Pictures(msgspec.Struct, array_like=True, gc=False):
    at_ms: int
    cells: dict[str, list[list[float]]]


_ENCODER: Final = msgspec.msgpack.Encoder()
_LESSONS: Final = msgspec.msgpack.Decoder(AttributionUpdates)
_PICTURES: Final = msgspec.msgpack.Decoder(_Pictures)
_ASKED: Final = msgspec.msgpack.Decoder(tuple[dict[str, float], int, int])


def query_key(query: str) -> bytes:
    """Return the key of a query's row; the query as `online_models.learners.search.normal` gives it."""
    return QUERY + query.encode()


def watched_after(value: bytes | None) -> dict[str, float]:
    """Read a query's row: watches by title; none where there is no row."""
    return {} if value is None else decayed(SearchedQuery(*_ASKED.decode(_checked(value))))


def load_pictures(gallery: Gallery, key: bytes, value: bytes) -> None:
    """Take a row of pictures over.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    """
    found = _PICTURES.decode(_checked(value))
    cells: dict[str, F8] = {picture: np.array(cell) for picture, cell in found.cells.items()}
    gallery.load(key[1:].decode(), cells, found.at_ms)


class Attribution:
    """What a shard has learned from lessons.

    Parameters
    ----------
    store
        Its rows.
    shard, shards
        Which of how many.
    """

    def __init__(self, store: StateView, *, shard: int, shards: int) -> None:
        self._shard, self._shards = shard, shards
        self._pictures, self._searches = Gallery(), SearchModel()
        self._moved: dict[str, None] = {}
        for key, value in store.scan(ART):
            load_pictures(self._pictures, key, value)
        for key, value in store.scan(QUERY):
            self._searches.load(key[1:].decode(), SearchedQuery(*_ASKED.decode(_checked(value))))

    def learn(self, lessons: bytes) -> None:
        """Learn what is the shard's to learn."""
        if not lessons:
            return
        told = _LESSONS.decode(lessons)
        mine = self._mine([title for title, *_ in told.art])
        for (title, picture, fit, trials, wins, at_ms), own in zip(told.art, mine, strict=True):
            if own:
                bandit = self._pictures.bandit(title)
                bandit.learn(fit, picture, trials=trials, wins=wins, at_ms=at_ms)
                self._moved[title] = None
        mine = self._mine([query for query, *_ in told.queries])
        for (query, title, at_ms), own in zip(told.queries, mine, strict=True):
            if own:
                self._searches.watched(query, title, at_ms)

    def take_rows(self) -> list[Row]:
        """Return the rows that changed."""
        moved, self._moved = self._moved, {}
        return [self._art_row(title) for title in moved] + [
            self._query_row(query) for query in self._searches.take_moved()
        ]

    def _mine(self, names: Sequence[str]) -> list[bool]:
        """Say which titles or queries are the shard's."""
        keys = np.array([title_key(name) for name in names], np.uint64)
        return (shard_of(keys, self._shards) == self._shard).tolist() if names else []

    def _art_row(self, title: str) -> Row:
        bandit = self._pictures.bandit(title)
        cells = {picture: bandit.cells(picture).tolist() for picture in bandit.arms}
        return ART + title.encode(), bytes([VERSION]) + _ENCODER.encode(_Pictures(bandit.at_ms, cells))

    def _query_row(self, query: str) -> Row:
        asked = self._searches.state(query)
        value = None if asked is None else bytes([VERSION]) + _ENCODER.encode(tuple(asked))
        return query_key(query), value


def _checked(value: bytes) -> bytes:
    """Return a row without its version."""
    if value[0] != VERSION:
        what = "what was learned of pictures or queries was written by a newer version"
        advice = "start the version of nearline that wrote it; nothing was changed"
        raise StateVersionError(
            what, why=f"version {value[0]}, this program knows {VERSION}", next_step=advice
        )
    return value[1:]
