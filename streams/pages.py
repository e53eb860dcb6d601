"""Home pages as bytes: heads formatted once a list, items copied from fragments made once a title."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from online_models.kernels.encode import SCORE_BYTES, Fragments, encode_items
from online_models.kernels.layout import I8, U1
from online_models.titles import TitleTable
from online_models.viewer_side import Lists
from schemas.lists import list_id
from schemas.vocabulary import ItemReason, RowKind

_TAILS = (
    b"}",  # taste: what the row says already
    b',"reason":"%b"}' % ItemReason.CO_WATCH.encode(),
    b',"reason":"%b"}' % ItemReason.TRENDING.encode(),
)
_END = b"]}]}"


class Cause(NamedTuple):
    """The event that made a page necessary."""

    viewer_id: str
    seq: int
    """Number of the page among the viewer's."""
    offset: int
    time_ms: int
    """Event time: what the page speaks of."""


class PageEncoder:
    """Write pages of one row (top picks) for one source partition.

    Parameters
    ----------
    titles
        Names of the rows on lists.
    topic, partition
        The source, for provenance.
    model_version
        Fingerprint of the configuration.
    ttl_ms
        After so long a page should not be shown any more.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> from schemas.codec import decode_home
    >>> titles = TitleTable(ModelConfig()); rows = titles.intern(["a", "b"])
    >>> scores, reasons = np.array([[2.5, -0.125, 0]], "f4"), np.array([[1, 0, 0]], "u1")
    >>> lists = Lists(np.array([[1, 0, -1]], "i4"), scores, reasons)
    >>> encoder = PageEncoder(titles, topic="viewing.events.v1", partition=3, model_version="m", ttl_ms=1000)
    >>> page, = encoder.encode(lists, [Cause("ada", 7, 41, 10**12)])
    >>> home = decode_home(page)
    >>> home.list_id, [(i.title_id, i.score) for i in home.rows[0].items]
    ('3-41-7', [('b', 2.5), ('a', -0.125)])
    """

    def __init__(
        self, titles: TitleTable, *, topic: str, partition: int, model_version: str, ttl_ms: int
    ) -> None:
        self._titles = titles
        self._partition, self._ttl_ms = partition, ttl_ms
        self._names: U1 = np.zeros(0, np.uint8)
        self._span: I8 = np.zeros((0, 2), np.int64)
        self._nameless: list[int] = []
        self._tails: U1 = np.frombuffer(b"".join(_TAILS), np.uint8)
        self._tail_at: I8 = np.concatenate(([0], np.cumsum([len(t) for t in _TAILS])))
        kind, reason = RowKind.TOP_PICKS.encode(), ItemReason.TASTE.encode()
        self._middle = b',"model_version":%b,"source":{"topic":%b,"partition":%d,"offset":' % (
            msgspec.json.encode(model_version),
            msgspec.json.encode(topic),
            partition,
        )
        self._row = b'},"rows":[{"kind":"%b","reason":"%b","items":[' % (kind, reason)

    def encode(self, lists: Lists, causes: Sequence[Cause]) -> list[bytes]:
        """Return one page for each list, in order."""
        self._fit()
        out = np.empty(self._room(lists), np.uint8)
        ends = np.empty(lists.title.shape[0], np.int64)
        encode_items(lists, Fragments(self._names, self._span, self._tails, self._tail_at), out, ends)
        items, ends_at = out.data, ends.tolist()
        return [
            b"".join((self._head(cause), items[a:b], _END))
            for cause, a, b in zip(causes, [0, *ends_at][: len(ends_at)], ends_at, strict=True)
        ]

    def _head(self, cause: Cause) -> bytes:
        return b'{"viewer_id":%b,"list_id":"%b","seq":%d,"generated_at_ms":%d,"expires_at_ms":%d%b%d%b' % (
            msgspec.json.encode(cause.viewer_id),
            list_id(self._partition, cause.offset, cause.seq).encode(),
            cause.seq,
            cause.time_ms,
            cause.time_ms + self._ttl_ms,
            self._middle,
            cause.offset,
            self._row,
        )

    def _room(self, lists: Lists) -> int:
        """Return the most bytes that the items of all lists can take."""
        listed = lists.title[lists.title >= 0]
        names = self._span[listed]
        rest = SCORE_BYTES + max(map(len, _TAILS)) + 1
        return int((names[:, 1] - names[:, 0]).sum()) + listed.size * rest

    def _fit(self) -> None:
        """Encode the fragments of titles that came since, and of those that have got a name since."""
        ids, have, want = self._titles.ids, self._span.shape[0], len(self._titles)
        waiting = [*self._nameless, *range(have, want)]
        if want > have:
            self._span = np.concatenate((self._span, np.zeros((want - have, 2), np.int64)))
        self._nameless = [
            row for row in waiting if not ids[row]
        ]  # before `named`: names come from other threads
        named = [row for row in waiting if ids[row]]
        if not named:
            return
        fresh = [b'{"title_id":%b,"score":' % msgspec.json.encode(ids[row]) for row in named]
        ends = np.cumsum([self._names.size, *map(len, fresh)])
        self._span[named] = np.column_stack((ends[:-1], ends[1:]))
        self._names = np.concatenate((self._names, np.frombuffer(b"".join(fresh), np.uint8)))
