"""Home pages as bytes: a page's own head formatted, rows and items copied from fragments made once.

A title's fragment is made when it comes, a row's heading when a page first needs it; both are kept for the
partition, headings up to a bound.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np

from online_models.artwork.gallery import Picked
from online_models.catalog.catalog import Catalog
from online_models.catalog.languages import DEFAULT, LANGUAGES, language_of
from online_models.page.decoding import Wording
from online_models.page.encoding import SCORE_BYTES, STRIDE, Fragments, Parts, encode_pages
from online_models.page.headings import messages
from online_models.page.layout import Pages
from online_models.page.shelf_kinds import KINDS, REASONS
from online_models.tables.codes import EXPLORE, NO_ROW
from online_models.tables.layout import I4, I8, U1
from online_models.tables.titles import TitleTable
from schemas.pages import list_id
from streams.stages.viewers.artwork import NOTHING, ArtworkSelection, drawn_last, tail
from streams.stages.viewers.categories import CategoryFragments
from streams.stages.viewers.fragments import FragmentStore, ShelfFragments, distinct

_END = b"]}"
_TAILS = (b"}", *(b',"reason":"%b"}' % reason.encode() for reason in REASONS))
_KEPT = 20_000
"""Headings kept at most: 3 MB; all are made anew beyond."""
_AT_ONCE = 128
"""Pages written into the buffer at a time: it stays in the processor's cache and in the process. A fresh one
for 2,000 pages costs 13 us a page of clearing memory (measured: 19.9 us of writing against 7.0)."""


class Cause(NamedTuple):
    """The event that made a page necessary."""

    viewer_id: str
    seq: int
    """Number of the page among the viewer's."""
    offset: int
    time_ms: int
    """Event time: what the page speaks of."""
    limits: bytes = b""
    """The page's fields `country` and `maturity` as JSON with a comma before each; empty for neither."""
    arms: bytes = b""
    """The page's field `arms` as JSON with a comma before it; empty for none."""


def numbered(seq: I8, slots: I4, floor: int) -> list[int]:
    """Give each page its viewer's next number, above the floor, and keep the last one given.

    Examples
    --------
    >>> seq = np.array([7, 0])
    >>> numbered(seq, np.array([0, 1, 0], np.int32), 3), seq.tolist()
    ([8, 4, 9], [9, 4])
    """
    last: dict[int, int] = {}
    numbers = []
    for slot, before in zip(slots.tolist(), seq[slots].tolist(), strict=True):
        last[slot] = last.get(slot, max(before, floor)) + 1
        numbers.append(last[slot])
    seq[list(last)] = list(last.values())
    return numbers


class PageEncoder:
    """Write the pages of one source partition.

    Parameters
    ----------
    titles
        Ids of the rows on pages.
    catalog
        Names of titles and tags.
    topic, partition
        The source, for provenance.
    model_version
        Fingerprint of the configuration.
    ttl_ms
        After so long a page should not be shown any more.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> from online_models.page.build import listed
    >>> from online_models.ranking.viewer_side import Lists
    >>> from schemas.codec import decode_home
    >>> titles = TitleTable(ModelConfig()); rows = titles.intern(["a", "b"])
    >>> scores, reasons = np.array([[2.5, -0.125, 0]], "f4"), np.array([[1, 0, 0]], "u1")
    >>> lists = Lists(np.array([[1, 0, -1]], "i4"), scores, reasons, np.zeros(1, "i4"))
    >>> about = {"topic": "viewing.events.v1", "partition": 3, "model_version": "m", "ttl_ms": 1000}
    >>> encoder = PageEncoder(titles, Catalog(titles), **about)
    >>> page, = encoder.encode(listed(lists), [Cause("ada", 7, 41, 10**12)], [0])
    >>> home = decode_home(page)
    >>> home.list_id, [(i.title_id, i.score) for i in home.rows[0].items]
    ('3-41-7', [('b', 2.5), ('a', -0.125)])
    """

    def __init__(
        self,
        titles: TitleTable,
        catalog: Catalog,
        *,
        topic: str,
        partition: int,
        model_version: str,
        ttl_ms: int,
    ) -> None:
        self._titles, self._catalog = titles, catalog
        self._partition, self._ttl_ms = partition, ttl_ms
        self._buffer: U1 = np.zeros(0, np.uint8)
        self._names: U1 = np.zeros(STRIDE, np.uint8)
        self._longest = 0
        self._span: I8 = np.zeros((0, 2), np.int64)
        self._nameless: list[int] = []
        self._heads, self._tails = ShelfFragments(), FragmentStore(_TAILS)
        self._categories = CategoryFragments(catalog)
        self._reason: U1 = np.array([REASONS.index(kind.reason) for kind in KINDS], np.uint8)
        self._model = b',"model_version":%b' % msgspec.json.encode(model_version)
        self._source = b',"source":{"topic":%b,"partition":%d,"offset":' % (
            msgspec.json.encode(topic),
            partition,
        )

    def encode(
        self,
        pages: Pages,
        causes: Sequence[Cause],
        languages: Sequence[int],
        hung: ArtworkSelection = NOTHING,
        explored: float = 1.0,
    ) -> list[bytes]:
        """Return the bytes of each page, in order.

        Parameters
        ----------
        pages
            [n]
        causes
            What made each necessary.
        languages
            Code of each reader's language, 0 where unknown (`online_models.page.headings`).
        hung
            Pictures and trailers of items, where they are not the first, and their arms.
        explored
            Probability with which these pages have an exploring row, where one does; of lists, with which the
            last title is drawn.
        """
        self._fit()
        place = {code: LANGUAGES.index(language_of(code)) for code in {*languages}}
        spoken = np.array([place[code] for code in languages], np.int32)
        heads, tails = self._head_numbers(pages, spoken), self._tail_numbers(pages, explored)
        items, said = self._item_numbers(pages, hung, explored), self._categories.numbers(pages, spoken)
        parts = Parts(heads, tails, self._reason, items, said)
        texts = (*self._heads.flat(), *self._tails.flat(), *self._categories.flat())
        fragments = Fragments(self._names, self._span, *texts)
        bodies = self._bodies(pages, parts, fragments)
        return [
            b"".join((self._page_head(cause, LANGUAGES[language]), body))
            for cause, language, body in zip(causes, spoken.tolist(), bodies, strict=True)
        ]

    def _bodies(self, pages: Pages, parts: Parts, fragments: Fragments) -> Iterator[memoryview]:
        """Yield what follows each page's head; valid until the next is asked for."""
        ends, most = np.empty(_AT_ONCE, np.int64), self._most_bytes(pages, fragments)
        for a in range(0, pages.kind.shape[0], _AT_ONCE):
            some = slice(a, a + _AT_ONCE)
            columns: list[Any] = [column[some] for column in pages]
            n = columns[0].shape[0]
            if self._buffer.size < n * most:
                self._buffer = np.empty(n * most, np.uint8)
            encode_pages(Pages(*columns), parts.of(some), fragments, self._buffer, ends)
            written = self._buffer.data
            for start, end in pairwise((0, *ends[:n].tolist())):
                yield written[start:end]

    def _page_head(self, cause: Cause, language: str) -> bytes:
        return (
            b'{"viewer_id":%b,"list_id":"%b","seq":%d,"generated_at_ms":%d,"expires_at_ms":%d%b%b%b%b%d%b'
            % (
                msgspec.json.encode(cause.viewer_id),
                list_id(self._partition, cause.offset, cause.seq).encode(),
                cause.seq,
                cause.time_ms,
                cause.time_ms + self._ttl_ms,
                self._model,
                b"" if language == DEFAULT else b',"language":"%b"' % language.encode(),
                cause.limits + cause.arms,
                self._source,
                cause.offset,
                b'},"rows":[',
            )
        )

    def _head_numbers(self, pages: Pages, languages: I4) -> I4:
        """Return the number of each row's head, made if there is none yet.

        It depends on kind and language, on what the row's words are about, and on what that is called by now.
        """
        if len(self._heads) > _KEPT:
            self._heads = ShelfFragments()
        q, r = np.nonzero(pages.kind != NO_ROW)
        arg = pages.arg[q, r]
        renamed = self._catalog.facts.renamed(arg[:, 0])
        said = np.column_stack((pages.kind[q, r].astype(np.int32), languages[q], renamed, arg))
        out = np.zeros(pages.kind.shape, np.int32)
        out[q, r] = self._heads.of_rows(said, self._head)
        return out

    def _head(self, row: list[int]) -> bytes:
        """Return a row's head."""
        kind, language, _, *arg = row
        wording = Wording(self._titles.ids, self._catalog.facts.names, self._catalog.tag_names)
        text = msgspec.json.encode(wording.head(kind, arg, messages(LANGUAGES[language])))
        return text[: -len(_END)]

    def _tail_numbers(self, pages: Pages, explored: float) -> I4:
        """Return what follows the items of each row: nothing, or with what probability they were drawn."""
        out = np.zeros(pages.kind.shape, np.int32)
        if len(self._tails) > _KEPT:
            self._tails = FragmentStore(_TAILS)
        q, r = np.nonzero(pages.kind == EXPLORE)
        out[q, r] = self._tails.many((explored / pages.candidates[q]).tolist(), _drawn)
        return out

    def _item_numbers(self, pages: Pages, hung: ArtworkSelection, explored: float) -> I4:
        """Return the tails of items that say what they show, made if there are none yet."""
        out = np.zeros(pages.title.shape, np.int32)
        for some in filter(None, (hung, drawn_last(pages, explored))):
            at = some.page, some.row, some.slot
            reasons = pages.reason[at]
            usual = reasons == self._reason[pages.kind[some.page, some.row]]
            out[at] = self._pictured(some, np.where(usual, 0, reasons.astype(np.int32) + 1))
        return out if out.any() else np.zeros((0, 0, 0), np.int32)

    def _pictured(self, some: ArtworkSelection, reasons: I4) -> I4:
        """Return the tails of what items show; of their reasons, 0 is their row's, 1 the first of all."""
        arms = dict.fromkeys(some.arm or (None,))
        signs = np.array([[*arms].index(arm) for arm in some.arm], np.int64) if some.arm else np.int64(0)
        places = (signs * (len(REASONS) + 1) + reasons) * len(some.shown) + some.number
        met, which = distinct(places)
        rest, numbers = np.divmod(met, len(some.shown))
        under, why = np.divmod(rest, len(REASONS) + 1)
        keys = [
            (int(reason) - 1, some.shown[number], [*arms][sign])
            for reason, number, sign in zip(why.tolist(), numbers.tolist(), under.tolist(), strict=True)
        ]
        out: I4 = np.array(self._tails.many(keys, _shown), np.int32)[which]
        return out

    def _most_bytes(self, pages: Pages, fragments: Fragments) -> int:
        """Return the most bytes that a page's rows and categories can take."""
        head, tail, said = (
            int(np.diff(at).max(initial=0))
            for at in (fragments.head_at, fragments.tail_at, fragments.said_at)
        )
        rows, length = pages.title.shape[1:]
        row = head + length * (self._longest + SCORE_BYTES + tail + 1) + len(_END) + 1
        most: int = rows * row + (pages.category.shape[1] + 1) * said + STRIDE
        return most

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
        self._longest = max(self._longest, *map(len, fresh))
        ends = np.cumsum([self._names.size - STRIDE, *map(len, fresh)])
        self._span[named] = np.column_stack((ends[:-1], ends[1:]))
        more = np.frombuffer(b"".join(fresh) + bytes(STRIDE), np.uint8)
        self._names = np.concatenate((self._names[:-STRIDE], more))


def _drawn(chance: float) -> bytes:
    """Return what follows the score of an item that was drawn."""
    return b',"propensity":%b}' % msgspec.json.encode(chance)


def _shown(key: tuple[int, Picked, str | None]) -> bytes:
    """Return what follows the score of an item that says what it shows; a reason of -1 is its row's."""
    reason, shown, arm = key
    return tail(None if reason < 0 else REASONS[reason], shown, arm)
