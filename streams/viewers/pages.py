"""Home pages as bytes: a page's own head formatted, rows and items copied from fragments made once.

A title's fragment is made when it comes, a row's heading when a page first needs it; both are kept for the
partition, headings up to a bound.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from online_models.artwork import Picked
from online_models.catalogue import Catalogue
from online_models.kernels.encode import SCORE_BYTES, STRIDE, Fragments, Parts, encode_pages
from online_models.kernels.layout import I4, I8, U1
from online_models.kernels.page.layout import EXPLORE, NO_ROW, WORDS, Pages
from online_models.page.kinds import KINDS, REASONS
from online_models.page.phrases import DEFAULT, language_of, messages
from online_models.page.words import Wording
from online_models.titles import TitleTable
from schemas.lists import list_id
from streams.viewers.categories import CategoryTexts
from streams.viewers.pictures import NOTHING, Hung, drawn_last, tail
from streams.viewers.texts import Texts, distinct

_END = b"]}"
_TAILS = (b"}", *(b',"reason":"%b"}' % reason.encode() for reason in REASONS))
_SAID = 2 + WORDS
"""Numbers that a row's head depends on: its kind, the language, and what its words are about."""
_KEPT = 20_000
"""Headings kept at most: 3 MB; all are made anew beyond."""


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
    catalogue
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
    >>> from online_models.page.builder import listed
    >>> from online_models.viewer_side import Lists
    >>> from schemas.codec import decode_home
    >>> titles = TitleTable(ModelConfig()); rows = titles.intern(["a", "b"])
    >>> scores, reasons = np.array([[2.5, -0.125, 0]], "f4"), np.array([[1, 0, 0]], "u1")
    >>> lists = Lists(np.array([[1, 0, -1]], "i4"), scores, reasons, np.zeros(1, "i4"))
    >>> about = {"topic": "viewing.events.v1", "partition": 3, "model_version": "m", "ttl_ms": 1000}
    >>> encoder = PageEncoder(titles, Catalogue(titles), **about)
    >>> page, = encoder.encode(listed(lists), [Cause("ada", 7, 41, 10**12)], [0])
    >>> home = decode_home(page)
    >>> home.list_id, [(i.title_id, i.score) for i in home.rows[0].items]
    ('3-41-7', [('b', 2.5), ('a', -0.125)])
    """

    def __init__(
        self,
        titles: TitleTable,
        catalogue: Catalogue,
        *,
        topic: str,
        partition: int,
        model_version: str,
        ttl_ms: int,
    ) -> None:
        self._titles, self._catalogue = titles, catalogue
        self._partition, self._ttl_ms = partition, ttl_ms
        self._names: U1 = np.zeros(STRIDE, np.uint8)
        self._span: I8 = np.zeros((0, 2), np.int64)
        self._nameless: list[int] = []
        self._heads, self._tails = Texts(), Texts(_TAILS)
        self._spoken: dict[str, int] = {}
        self._categories = CategoryTexts(catalogue)
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
        hung: Hung = NOTHING,
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
            Code of each reader's language, 0 where unknown (`online_models.page.phrases`).
        hung
            Pictures and trailers of items, where they are not the first, and their arms.
        explored
            Probability with which these pages have an exploring row, where one does; of lists, with which the
            last title is drawn.
        """
        self._fit()
        spoken = [language_of(code) for code in languages]
        heads, tails = self._head_numbers(pages, spoken), self._tail_numbers(pages, explored)
        items, said = self._item_numbers(pages, hung, explored), self._categories.numbers(pages, spoken)
        parts = Parts(heads, tails, self._reason, items, said)
        texts = (*self._heads.flat(), *self._tails.flat(), *self._categories.flat())
        fragments = Fragments(self._names, self._span, *texts)
        out = np.empty(self._room(pages, parts, fragments), np.uint8)
        ends = np.empty(len(causes), np.int64)
        encode_pages(pages, parts, fragments, out, ends)
        written, cuts = out.data, [0, *ends.tolist()]
        return [
            b"".join((self._page_head(cause, language), written[a:b]))
            for cause, language, (a, b) in zip(causes, spoken, pairwise(cuts), strict=True)
        ]

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

    def _head_numbers(self, pages: Pages, languages: Sequence[str]) -> I4:
        """Return the number of each row's head, made if there is none yet."""
        if len(self._heads) > _KEPT:
            self._heads = Texts()
        for language in languages:
            self._spoken.setdefault(language, len(self._spoken))
        q, r = np.nonzero(pages.kind != NO_ROW)
        said = np.empty((q.size, _SAID), np.int32)
        said[:, 0], said[:, 2:] = pages.kind[q, r], pages.arg[q, r]
        said[:, 1] = np.array([self._spoken[language] for language in languages], np.int32)[q]
        seeds = map(self._catalogue.facts.names.get, said[:, 2].tolist())
        out = np.zeros(pages.kind.shape, np.int32)
        out[q, r] = self._heads.many(zip(_bytes_of(said), seeds, strict=True), self._head)
        return out

    def _head(self, key: tuple[bytes, str | None]) -> bytes:
        """Return a row's head; who names a row goes by another name one day."""
        kind, language, *arg = np.frombuffer(key[0].ljust(4 * _SAID, b"\0"), np.int32).tolist()
        wording = Wording(self._titles.ids, self._catalogue.facts.names, self._catalogue.tag_names)
        text = msgspec.json.encode(wording.head(kind, arg, messages(list(self._spoken)[language])))
        return text[: -len(_END)]

    def _tail_numbers(self, pages: Pages, explored: float) -> I4:
        """Return what follows the items of each row: nothing, or with what probability they were drawn."""
        out = np.zeros(pages.kind.shape, np.int32)
        if len(self._tails) > _KEPT:
            self._tails = Texts(_TAILS)
        q, r = np.nonzero(pages.kind == EXPLORE)
        out[q, r] = self._tails.many((explored / pages.candidates[q]).tolist(), _drawn)
        return out

    def _item_numbers(self, pages: Pages, hung: Hung, explored: float) -> I4:
        """Return the tails of items that say what they show, made if there are none yet."""
        out = np.zeros(pages.title.shape, np.int32)
        for some in filter(None, (hung, drawn_last(pages, explored))):
            at = some.page, some.row, some.slot
            reasons = pages.reason[at]
            usual = reasons == self._reason[pages.kind[some.page, some.row]]
            out[at] = self._pictured(some, np.where(usual, 0, reasons.astype(np.int32) + 1))
        return out if out.any() else np.zeros((0, 0, 0), np.int32)

    def _pictured(self, some: Hung, reasons: I4) -> I4:
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

    def _room(self, pages: Pages, parts: Parts, fragments: Fragments) -> int:
        """Return the most bytes that the rows of all pages can take."""
        listed = pages.title[pages.title >= 0]
        names = fragments.span[listed]
        heads, tails = np.diff(fragments.head_at), np.diff(fragments.tail_at)
        rows = pages.kind != NO_ROW
        said = int(np.diff(fragments.said_at).max())
        room: int = (
            int((names[:, 1] - names[:, 0]).sum())
            + listed.size * (SCORE_BYTES + int(tails.max()) + 1)
            + (int(heads[parts.head[rows]].sum()) if heads.size else 0)
            + int(rows.sum()) * (len(_END) + 1)
            + parts.category.shape[0] * ((parts.category.shape[1] + 1) * said + len(_END))
            + STRIDE
        )
        return room

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
        ends = np.cumsum([self._names.size - STRIDE, *map(len, fresh)])
        self._span[named] = np.column_stack((ends[:-1], ends[1:]))
        more = np.frombuffer(b"".join(fresh) + bytes(STRIDE), np.uint8)
        self._names = np.concatenate((self._names[:-STRIDE], more))


def _bytes_of(rows: I4) -> list[bytes]:
    """Return each row as its bytes, but for zeros at the end."""
    out: list[bytes] = rows.view(f"S{4 * rows.shape[1]}")[:, 0].tolist()
    return out


def _drawn(chance: float) -> bytes:
    """Return what follows the score of an item that was drawn."""
    return b',"propensity":%b}' % msgspec.json.encode(chance)


def _shown(key: tuple[int, Picked, str | None]) -> bytes:
    """Return what follows the score of an item that says what it shows; a reason of -1 is its row's."""
    reason, shown, arm = key
    return tail(None if reason < 0 else REASONS[reason], shown, arm)
