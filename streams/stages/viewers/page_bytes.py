"""Encodes home pages: a kernel formats each page's head, and copies shelves and items from fragments.

Ids of titles are fragments as the table of titles has them. A shelf's heading, a category, an artwork or an
arm becomes one when a page first needs it; they are kept for the partition, up to a bound.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from online_models.artwork.gallery import Selection
from online_models.catalog.catalog import Catalog
from online_models.catalog.languages import DEFAULT, LANGUAGES, language_of
from online_models.page.encoding import (
    HEAD_NUMBERS,
    SCORE_BYTES,
    FragmentNumbers,
    Fragments,
    PageHeads,
    encode_pages,
    number_pages,
)
from online_models.page.headings import PageDecoder, hundredths
from online_models.page.layout import Pages
from online_models.page.messages import messages
from online_models.page.shelf_kinds import KINDS, REASONS
from online_models.tables.codes import EXPLORE, NO_SHELF
from online_models.tables.layout import I4, I8, U1
from online_models.tables.texts import STRIDE
from online_models.tables.titles import TitleTable
from schemas.fields import MAX_TIME_MS
from schemas.pages import Category
from streams.stages.viewers.artwork import NOTHING, ArtworkSelection, last_drawn
from streams.stages.viewers.fragments import FragmentStore, ShelfFragments, distinct

K = TypeVar("K", bound=Hashable)
_END = b"]}"
_TAILS = (b"", *(b',"reason":"%b"' % reason.encode() for reason in REASONS))
_LABELS = (b'{"title_id":', b',"score":', b',"because":', b',"progress":', b',"left_s":')
_CATEGORIES_HEAD: Final = (b',"categories":[',)
"""Text in front of a page's categories (`online_models.page.encoding`)."""
_BLOCK = 128
"""Pages written into the buffer at a time: it stays in the processor's cache and in the process. A new buffer
for 2,000 pages costs 13 us a page of clearing memory (measured: 19.9 us of writing against 7.0)."""


class Cause(NamedTuple):
    """The event that caused a page."""

    viewer_id: str
    seq: int
    """Number of the page among the viewer's pages."""
    offset: int
    time_ms: int
    """Event time, and time of the page."""
    limits: bytes = b""
    """The page's fields `country` and `maturity` as JSON with a comma before each; empty for neither."""
    arms: bytes = b""
    """The page's field `arms` as JSON with a comma before it; empty for none."""
    made_ms: int = 0
    """From when on the page lives; 0: from the time of its event."""


class Causes(NamedTuple):
    """The causes of pages [n], by columns."""

    viewer_ids: Sequence[str]
    seq: I8
    offset: I8
    time_ms: I8
    said: Sequence[bytes]
    """`Cause.limits` and `Cause.arms`."""
    made_ms: I8

    def at(self, n: int) -> Cause:
        """Return the cause of a page, without what it says."""
        seq, offset, time_ms = int(self.seq[n]), int(self.offset[n]), int(self.time_ms[n])
        return Cause(self.viewer_ids[n], seq, offset, time_ms, made_ms=int(self.made_ms[n]))

    @classmethod
    def of(cls, causes: Sequence[Cause]) -> "Causes":
        """Turn causes into columns."""
        numbers = np.array([(c.seq, c.offset, c.time_ms, c.made_ms) for c in causes], np.int64)
        seq, offset, time_ms, made_ms = np.ascontiguousarray(numbers.reshape(-1, 4).T)
        return cls(
            [c.viewer_id for c in causes], seq, offset, time_ms, [c.limits + c.arms for c in causes], made_ms
        )


def numbered(seq: I8, slots: I4, floor: int) -> I8:
    """Return each page's number, its viewer's next above the floor, and store the last ones.

    Examples
    --------
    >>> seq = np.array([7, 0])
    >>> numbered(seq, np.array([0, 1, 0], np.int32), 3).tolist(), seq.tolist()
    ([8, 4, 9], [9, 4])
    """
    out = np.empty(slots.size, np.int64)
    number_pages(seq, slots, floor, out)
    return out


class PageEncoder:
    """Encodes the pages of one source partition.

    Parameters
    ----------
    titles
        Ids of the titles on pages.
    catalog
        Names of titles and tags.
    topic, partition
        The source, for provenance.
    model_version
        Fingerprint of the configuration.
    ttl_ms
        Lifetime of a page.

    Examples
    --------
    >>> from online_models.config import ModelConfig
    >>> from online_models.page.build import pages_of_lists
    >>> from online_models.ranking.viewer_side import Lists
    >>> from schemas.codec import decode_home
    >>> titles = TitleTable(ModelConfig()); rows = titles.intern(["a", "b"])
    >>> scores, reasons = np.array([[2.5, -0.125, 0]], "f4"), np.array([[1, 0, 0]], "u1")
    >>> lists = Lists(np.array([[1, 0, -1]], "i4"), scores, reasons, np.zeros(1, "i4"))
    >>> about = {"topic": "viewing.events.v1", "partition": 3, "model_version": "m", "ttl_ms": 1000}
    >>> encoder = PageEncoder(titles, Catalog(titles), **about)
    >>> page, = encoder.encode(pages_of_lists(lists), Causes.of([Cause("ada", 7, 41, 10**12)]), [0])
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
        self._ttl_ms = ttl_ms
        self._buffer: U1 = np.zeros(0, np.uint8)
        self._heads, self._tails = ShelfFragments(), FragmentStore(_TAILS)
        self._labels = FragmentStore(_LABELS)
        self._categories = ShelfFragments(_CATEGORIES_HEAD)
        self._reused = 0
        self._reason: U1 = np.array([REASONS.index(kind.reason) for kind in KINDS], np.uint8)
        self._model = b',"model_version":%b' % msgspec.json.encode(model_version)
        self._texts = (
            b'{"viewer_id":', b',"list_id":"%d-' % partition, b"-", b'","seq":',
            b',"generated_at_ms":', b',"expires_at_ms":', b'},"rows":[',
        )  # fmt: skip
        self._about = FragmentStore(self._texts)
        self._source = b',"source":{"topic":%b,"partition":%d,"offset":' % (
            msgspec.json.encode(topic),
            partition,
        )

    def encode(
        self,
        pages: Pages,
        causes: Causes,
        languages: Sequence[int],
        selection: ArtworkSelection = NOTHING,
        explored: float = 1.0,
    ) -> list[bytes]:
        """Return the bytes of each page, in order.

        Parameters
        ----------
        pages
            [n]
        causes
            The event that caused each.
        languages
            Language code of each viewer, 0 where unknown (`online_models.catalog.languages`).
        selection
            Artwork and trailers of items, where they are not the first, and their arms.
        explored
            Probability that a page has an exploring shelf, or that a list's last title is drawn.
        """
        for store in (self._about, self._heads, self._tails, self._categories):
            store.clear_if_large()
        self._forget_reused_tags()
        self._add_tags()
        place = {code: LANGUAGES.index(language_of(code)) for code in {*languages}}
        language_of_page = np.array([place[code] for code in languages], np.int32)
        parts = FragmentNumbers(
            self._head_numbers(pages, language_of_page),
            self._shelf_propensities(pages, explored),
            self._reason,
            *self._item_numbers(pages, selection, explored),
            self._category_numbers(pages, language_of_page),
        )
        fragments = Fragments(
            *self._titles.ids.encoded.flat(),
            *self._heads.flat(),
            *self._labels.flat(),
            *self._tails.flat(),
            *self._categories.flat(),
        )
        page_heads, most = self._page_heads(causes, language_of_page)
        return [*self._written(page_heads, pages, parts, fragments, most + self._most_bytes(pages))]

    def _written(
        self, heads: PageHeads, pages: Pages, parts: FragmentNumbers, fragments: Fragments, most: int
    ) -> Iterator[bytes]:
        """Yield each page."""
        ends = np.empty(_BLOCK, np.int64)
        for a in range(0, pages.kind.shape[0], _BLOCK):
            some = slice(a, a + _BLOCK)
            block = pages.part(some)
            n = block.kind.shape[0]
            if self._buffer.size < n * most:
                self._buffer = np.empty(n * most, np.uint8)
            encode_pages(heads.of(some), block, parts.of(some), fragments, self._buffer, ends)
            written = self._buffer.data
            for start, end in pairwise((0, *ends[:n].tolist())):
                yield bytes(written[start:end])

    def _page_heads(self, causes: Causes, languages: I4) -> tuple[PageHeads, int]:
        """Return the heads of pages, and the most bytes of one."""
        shared = self._about
        keys = zip(languages.tolist(), causes.said, strict=True)
        numbers = np.array(shared.many(keys, self._shared), np.int32) - len(self._texts)
        ids, sizes = _as_json(causes.viewer_ids)
        lives = np.where(causes.made_ms > 0, causes.made_ms, causes.time_ms) + self._ttl_ms
        most = int(sizes.max(initial=0)) + sum(map(len, self._texts)) + shared.longest + HEAD_NUMBERS
        heads = PageHeads(
            np.frombuffer(bytearray(ids + bytes(STRIDE)), np.uint8), np.cumsum(np.append(0, sizes)),
            causes.seq, causes.offset, causes.time_ms, np.minimum(lives, MAX_TIME_MS - 1), numbers,
            *shared.flat(),
        )  # fmt: skip
        return heads, most

    def _shared(self, about: tuple[int, bytes]) -> bytes:
        """Return the fields of a page between its lifetime and its source's offset."""
        language, said = LANGUAGES[about[0]], about[1]
        spoken = b"" if language == DEFAULT else b',"language":"%b"' % language.encode()
        return self._model + spoken + said + self._source

    def _forget_reused_tags(self) -> None:
        """Make headings, labels and categories again if a number of a tag became another tag's."""
        if self._reused != self._catalog.tags.reused:
            self._reused = self._catalog.tags.reused
            for store in (self._labels, self._heads, self._categories):
                store.clear()

    def _head_numbers(self, pages: Pages, languages: I4) -> I4:
        """Return the number [n, shelves] of each shelf's head; missing heads are made.

        A head depends on the shelf's kind and language, on the subject of its heading, and on the subject's
        present name.
        """
        q, r = np.nonzero(pages.kind != NO_SHELF)
        arg = pages.arg[q, r]
        renamed = self._catalog.facts.name_changes(arg[:, 0])
        keys = np.column_stack((pages.kind[q, r].astype(np.int32), languages[q], renamed, arg))
        out = np.zeros(pages.kind.shape, np.int32)
        out[q, r] = self._heads.of_rows(keys, self._head)
        return out

    def _head(self, row: list[int]) -> bytes:
        """Return a shelf's head."""
        kind, language, _, *arg = row
        wording = PageDecoder(self._titles.ids, self._catalog.facts.name, self._catalog.tag_names)
        text = msgspec.json.encode(wording.head(kind, arg, messages(LANGUAGES[language])))
        return text[: -len(_END)]

    def _category_numbers(self, pages: Pages, languages: I4) -> I4:
        """Return the number of each category's text; missing texts are made; -1: the page has no more."""
        out = np.full(pages.category.shape, -1, np.int32)
        if not out.size:  # lists
            return out
        q, c = np.nonzero(pages.category >= 0)
        keys = np.column_stack((pages.category[q, c], hundredths(pages.category_share[q, c]), languages[q]))
        out[q, c] = self._categories.of_rows(keys, self._category)
        return out

    def _category(self, row: list[int]) -> bytes:
        """Return a category's text."""
        tag, part, language = row
        wording = PageDecoder((), lambda _: None, self._catalog.tag_names)
        label, name = wording.category(tag, messages(LANGUAGES[language]))
        return msgspec.json.encode(Category(tag=label, title=name, score=part / 100)) + b","

    def _shelf_propensities(self, pages: Pages, explored: float) -> I4:
        """Return the number of the text of the propensity of each shelf's items, 0 for none."""
        out = np.zeros(pages.kind.shape, np.int32)
        q, r = np.nonzero(pages.kind == EXPLORE)
        out[q, r] = self._tails.many((explored / pages.candidates[q]).tolist(), _propensity)
        return out

    def _item_numbers(self, pages: Pages, selection: ArtworkSelection, explored: float) -> tuple[I4, I4]:
        """Return what items have of their own: `FragmentNumbers.item` and `FragmentNumbers.own`."""
        out, own = np.zeros(pages.title.shape, np.int32), [np.zeros((1, 3), np.int32)]
        first = 1
        for some in filter(None, (selection, last_drawn(pages, explored))):
            out[some.page, some.row, some.slot] = np.arange(first, first + some.page.size)
            own.append(self._own_numbers(some))
            first += some.page.size
        return out if first > 1 else np.zeros((0, 0, 0), np.int32), np.concatenate(own)

    def _own_numbers(self, some: ArtworkSelection) -> I4:
        """Return the numbers of the texts of a selection's artwork, arm and propensity: [m, 3].

        One store has all of them: keys of each kind have a type of their own, and None is no text of any.
        """
        out = np.zeros((some.page.size, 3), np.int32)
        out[:, 0] = self._numbers_of(some.number, some.shown, _artwork)
        if some.arm is not None:
            out[:, 1] = self._tails.many(some.arm, _arm)
        out[:, 2] = self._numbers_of(some.propensity, some.propensities, _propensity)
        return out

    def _numbers_of(self, which: I4, values: Sequence[K], make: Callable[[K], bytes]) -> I4:
        """Return the numbers of the texts of values by index."""
        found, at = distinct(which)
        numbers = self._tails.many([values[n] for n in found.tolist()], make)
        out: I4 = np.array(numbers, np.int32)[at]
        return out

    def _most_bytes(self, pages: Pages) -> int:
        """Return the most bytes of a page's shelves and categories."""
        title, label, tail = self._titles.ids.encoded.longest, self._labels.longest, self._tails.longest
        # Id, score, because, progress, left_s; reason, artwork, arm, propensities; comma and end
        item = title + max(label, title) + 5 * label + 3 * SCORE_BYTES + 5 * tail + 2
        shelves, length = pages.title.shape[1:]
        shelf = self._heads.longest + length * item + len(_END) + 1
        most: int = shelves * shelf + (pages.category.shape[1] + 1) * self._categories.longest + STRIDE
        return most

    def _add_tags(self) -> None:
        """Encode the tags that are new."""
        names = self._catalog.tag_names
        new = range(len(self._labels) - len(_LABELS), len(names))
        self._labels.many(new, lambda tag: msgspec.json.encode(names[tag]))


def _as_json(texts: Sequence[str]) -> tuple[bytes, I8]:
    r"""Return texts as JSON, end to end, and the size of each.

    Examples
    --------
    >>> [(text, sizes.tolist()) for text, sizes in map(_as_json, (["ada", "bob"], ["a\"b", "c"], []))]
    [(b'"ada""bob"', [5, 5]), (b'"a\\"b""c"', [6, 3]), (b'', [])]
    """
    joined = '""'.join(texts)
    is_plain = joined.isascii() and joined.isprintable() and "\\" not in joined
    if texts and is_plain and joined.count('"') == 2 * len(texts) - 2:  # they are JSON as they are
        return b'"%b"' % joined.encode(), np.fromiter(map(len, texts), np.int64, len(texts)) + 2
    encoded = [*map(msgspec.json.encode, texts)]
    return b"".join(encoded), np.fromiter(map(len, encoded), np.int64, len(encoded))


def _propensity(chance: float | None) -> bytes:
    """Return the text of an item's propensity, empty for none."""
    return b"" if chance is None else b',"propensity":%b' % msgspec.json.encode(chance)


def _artwork(shown: Selection) -> bytes:
    """Return the text of an item's artwork and trailer, empty for the first ones."""
    artwork = b"" if shown.artwork is None else b',"artwork":%b' % msgspec.json.encode(shown.artwork)
    return artwork + (b"" if shown.trailer is None else b',"trailer":%b' % msgspec.json.encode(shown.trailer))


def _arm(label: str | None) -> bytes:
    """Return the text of an item's arm, empty for none."""
    return b"" if label is None else b',"arm":%b' % msgspec.json.encode(label)
