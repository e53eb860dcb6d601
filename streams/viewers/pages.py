"""Home pages as bytes: a page's own head formatted, rows and items copied from fragments made once.

A title's fragment is made when it comes, a row's heading when a page first needs it; both are kept for the
partition, headings up to a bound.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from online_models.catalogue import Catalogue
from online_models.kernels.encode import SCORE_BYTES, Fragments, Parts, encode_pages
from online_models.kernels.layout import I4, I8, U1
from online_models.kernels.page.layout import EXPLORE, LIKED, NO_ROW, TAGS, WATCHED, Pages
from online_models.page.kinds import KINDS, REASONS
from online_models.page.phrases import DEFAULT, language_of, messages
from online_models.page.words import Wording
from online_models.titles import TitleTable
from schemas.lists import list_id
from streams.viewers.categories import CategoryTexts
from streams.viewers.pictures import Hung, drawn_last, tail

_END = b"]}"
_TAILS = (b"}", *(b',"reason":"%b"}' % reason.encode() for reason in REASONS))
_KEPT = 20_000
"""Headings kept at most: 3 MB; all are made anew beyond."""
_NAMED = (WATCHED, LIKED, TAGS)
"""Kinds whose headings depend on more than the language."""


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


class _Texts:
    """Bytes end to end, each found under a key."""

    def __init__(self, first: Sequence[bytes] = ()) -> None:
        self.numbers: dict[object, int] = {}
        self.bytes: U1 = np.frombuffer(b"".join(first), np.uint8)
        self._ends = [0, *np.cumsum([len(text) for text in first]).tolist()]
        self._fresh: list[bytes] = []

    def __len__(self) -> int:
        return len(self._ends) - 1

    def add(self, key: object, text: bytes) -> int:
        """Keep a text and return its number."""
        number = self.numbers[key] = len(self)
        self._fresh.append(text)
        self._ends.append(self._ends[-1] + len(text))
        return number

    def flat(self) -> tuple[U1, I8]:
        """Return all texts, and where each begins and the last ends."""
        if self._fresh:
            more = np.frombuffer(b"".join(self._fresh), np.uint8)
            self.bytes, self._fresh = np.concatenate((self.bytes, more)), []
        return self.bytes, np.array(self._ends, np.int64)


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
        self._names: U1 = np.zeros(0, np.uint8)
        self._span: I8 = np.zeros((0, 2), np.int64)
        self._nameless: list[int] = []
        self._heads, self._tails = _Texts(), _Texts(_TAILS)
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
        hung: Sequence[Hung] = (),
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
        parts = Parts(heads, tails, self._reason, self._item_numbers(pages, hung, explored))
        fragments = Fragments(self._names, self._span, *self._heads.flat(), *self._tails.flat())
        out = np.empty(self._room(pages, parts, fragments), np.uint8)
        ends = np.empty(len(causes), np.int64)
        encode_pages(pages, parts, fragments, out, ends)
        written, cuts = out.data, [0, *ends.tolist()]
        return [
            b"".join((self._page_head(cause, language), written[a:b], end))
            for cause, language, (a, b), end in zip(
                causes, spoken, pairwise(cuts), self._categories.ends(pages, spoken), strict=True
            )
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
            self._heads = _Texts()
        out = np.zeros(pages.kind.shape, np.int32)
        spoken = {language: n for n, language in enumerate(dict.fromkeys(languages))}
        speaks = np.array([spoken[language] for language in languages], np.intp)
        plain = np.zeros((len(spoken), NO_ROW + 1), np.int32)
        met = np.unique(pages.kind)
        for language, n in spoken.items():
            for kind in met[(met != NO_ROW) & ~np.isin(met, _NAMED)].tolist():
                plain[n, kind] = self._head(kind, (), language)
        if speaks.size:
            out[:] = plain[speaks[:, None], pages.kind]
        for q, r in np.argwhere(np.isin(pages.kind, _NAMED)).tolist():
            out[q, r] = self._head(int(pages.kind[q, r]), tuple(pages.arg[q, r].tolist()), languages[q])
        return out

    def _head(self, kind: int, arg: tuple[int, ...], language: str) -> int:
        names = self._catalogue.facts.names
        key = (kind, arg, language, names.get(arg[0]) if arg and kind != TAGS else None)
        number = self._heads.numbers.get(key)
        if number is None:
            wording = Wording(self._titles.ids, names, self._catalogue.tag_names)
            text = msgspec.json.encode(wording.head(kind, arg, messages(language)))
            number = self._heads.add(key, text[: -len(_END)])
        return number

    def _tail_numbers(self, pages: Pages, explored: float) -> I4:
        """Return what follows the items of each row: nothing, or with what probability they were drawn."""
        out = np.zeros(pages.kind.shape, np.int32)
        if len(self._tails) > _KEPT:
            self._tails = _Texts(_TAILS)
        for q, r in np.argwhere(pages.kind == EXPLORE).tolist():
            chance = explored / int(pages.candidates[q])
            number = self._tails.numbers.get(chance)
            if number is None:
                number = self._tails.add(chance, b',"propensity":%b}' % msgspec.json.encode(chance))
            out[q, r] = number
        return out

    def _item_numbers(self, pages: Pages, hung: Sequence[Hung], explored: float) -> I4:
        """Return the tails of items that say what they show, made if there are none yet."""
        hung = [*hung, *drawn_last(pages, explored)]
        if not hung:
            return np.zeros((0, 0, 0), np.int32)
        out = np.zeros(pages.title.shape, np.int32)
        for q, r, k, shown, arm in hung:
            kind, mine = int(pages.kind[q, r]), int(pages.reason[q, r, k])
            reason = None if mine == self._reason[kind] else REASONS[mine]
            key = (reason, *shown, arm)
            number = self._tails.numbers.get(key)
            out[q, r, k] = self._tails.add(key, tail(reason, shown, arm)) if number is None else number
        return out

    def _room(self, pages: Pages, parts: Parts, fragments: Fragments) -> int:
        """Return the most bytes that the rows of all pages can take."""
        listed = pages.title[pages.title >= 0]
        names = fragments.span[listed]
        heads, tails = np.diff(fragments.head_at), np.diff(fragments.tail_at)
        rows = pages.kind != NO_ROW
        return (
            int((names[:, 1] - names[:, 0]).sum())
            + listed.size * (SCORE_BYTES + int(tails.max()) + 1)
            + (int(heads[parts.head[rows]].sum()) if heads.size else 0)
            + int(rows.sum()) * (len(_END) + 1)
        )

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
