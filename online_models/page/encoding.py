"""Encodes pages as JSON into one buffer: copies fragments that pages share, and formats the scores."""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from online_models.jit import jit_inline, jit_no_alloc
from online_models.page.layout import Pages
from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.codes import CONTINUE_WATCHING, NO_SHELF
from online_models.tables.hashing import mix
from online_models.tables.layout import I4, I8, U1, U8
from online_models.tables.texts import SIZE, SIZE_BITS, STRIDE

SCORE_BYTES = 17
"""Maximum bytes of a formatted score: sign, ten digits, point, four decimals, and one spare."""
DECIMALS = 4
"""Decimals of a score."""


BEFORE_ID, BEHIND_ID, BECAUSE, PROGRESS, LEFT, FIRST_TAG = range(6)
"""Numbers of the labels."""
VIEWER, LIST, DASH, SEQ, GENERATED, EXPIRES, ROWS, FIRST_SHARED = range(8)
"""Numbers of the texts of a page's head."""
HEAD_NUMBERS = 6 * 20
"""Maximum bytes of the numbers in a page's head."""


class Fragments(PassedByPointer):
    """Texts that pages consist of, each with ``STRIDE`` spare bytes at the end."""

    ids: U1
    """Ids of all titles, and the place of each, [T] (`online_models.tables.texts`)."""
    id_at: I8
    heads: U1
    """``{"kind":"…",…,"items":[`` of all shelves, end to end."""
    head_at: I8
    """[heads + 1] start of each, and the end of the last."""
    labels: U1
    """``{"title_id":``, ``,"score":``, ``,"because":``, ``,"progress":``, ``,"left_s":``, then the tags as
    JSON, end to end."""
    label_at: I8
    """[5 + tags + 1] start of each, and the end of the last."""
    tails: U1
    """What follows, end to end: nothing, then ``,"reason":"…"`` of each reason, and in any order
    ``,"artwork":"…","trailer":"…"``, ``,"arm":"…"`` and ``,"propensity":…``."""
    tail_at: I8
    """[tails + 1] start of each, and the end of the last."""
    said: U1
    """``,"categories":[``, then ``{"tag":"…","title":"…","score":…},`` of all categories, end to end."""
    said_at: I8
    """[said + 1] start of each, and the end of the last."""


class FragmentNumbers(NamedTuple):
    """Numbers of the fragments of each shelf, item and category."""

    head: I4
    """[n, R] head of each shelf."""
    propensity: I4
    """[n, R] propensity of a shelf's items, 0 for none."""
    reason: U1
    """[kinds] reason of each kind of shelf."""
    item: I4
    """[n, R, L] row in `own` of items that have some, 0 for none; empty if no item has."""
    own: I4
    """[m, 3] artwork with trailer, arm and propensity of items, 0 for none."""
    category: I4
    """[n, C] texts of the categories, -1 where there are no more."""

    def of(self, some: slice) -> "FragmentNumbers":
        """Return the numbers of some of the pages."""
        item = self.item[some] if self.item.size else self.item
        return self._replace(
            head=self.head[some], propensity=self.propensity[some], item=item, category=self.category[some]
        )


class PageHeads(NamedTuple):
    """What stands in front of the shelves of pages [n], each text with ``STRIDE`` spare bytes at the end."""

    viewers: U1
    """Ids of the viewers as JSON, end to end."""
    viewer_at: I8
    """[n + 1] start of each, and the end of the last."""
    seq: I8
    offset: I8
    time_ms: I8
    expires_ms: I8
    shared: I4
    """Number of the text from the model's version to the source's partition."""
    texts: U1
    """Texts between these, then those that pages share, end to end."""
    text_at: I8

    def of(self, some: slice) -> "PageHeads":
        """Return the heads of some of the pages."""
        return self._replace(
            viewer_at=self.viewer_at[some.start :],
            seq=self.seq[some],
            offset=self.offset[some],
            time_ms=self.time_ms[some],
            expires_ms=self.expires_ms[some],
            shared=self.shared[some],
        )


def _move(_: Any, out: Any, at: Any, text: Any, start: Any) -> Any:  # noqa: ANN401, ARG001 - numba's types
    """Copy ``STRIDE`` bytes at any alignment: byte by byte takes four times as long."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        to, source = (
            builder.gep(context.make_array(kind)(context, builder, array).data, [place])
            for kind, array, place in zip(signature.args[::2], args[::2], args[1::2], strict=True)
        )
        size = context.get_constant(types.intp, STRIDE)
        cgutils.raw_memcpy(builder, to, source, size, 1)
        return context.get_dummy_value()

    return types.void(out, types.int64, text, types.int64), generate


copy_stride: Any = intrinsic(_move)


@jit_inline
def copy(out: U1, at: int, text: U1, start: int, end: int) -> int:
    """Copy a slice of bytes and return its end.

    Whole strides are copied: what is written beyond the end is overwritten by the next text.
    """
    for b in range(0, end - start, STRIDE):
        copy_stride(out, at + b, text, start + b)
    return int(at + end - start)


@jit_inline
def write_digits(out: U1, at: int, number: np.uint64, digits: int) -> int:
    """Write a number with so many digits, the last first.

    The divisor is a constant, so LLVM multiplies instead of dividing.
    """
    ten = np.uint64(10)
    for k in range(at + digits - 1, at - 1, -1):
        tenth = number // ten
        out[k] = np.uint8(np.uint64(48) + number - tenth * ten)
        number = tenth
    return at + digits


@jit_inline
def write_score(out: U1, at: int, score: float) -> int:
    """Write a number with four decimals, as JSON has it, limited to 1e9."""
    x = min(max(np.float64(score), -1e9), 1e9)
    if x < 0:
        out[at] = 45  # -
        at += 1
        x = -x
    scaled = np.uint64(np.int64(x * 10_000.0 + 0.5))
    whole = scaled // np.uint64(10_000)
    digits, bound = 1, np.uint64(10)
    while whole >= bound:
        bound *= np.uint64(10)
        digits += 1
    at = write_digits(out, at, whole, digits)
    out[at] = 46  # .
    return int(write_digits(out, at + 1, scaled - whole * np.uint64(10_000), DECIMALS))


@jit_inline
def write_whole(out: U1, at: int, number: int) -> int:
    """Write a number that is not negative."""
    digits, bound = 1, np.uint64(10)
    while np.uint64(number) >= bound:
        bound *= np.uint64(10)
        digits += 1
    return int(write_digits(out, at, np.uint64(number), digits))


@jit_inline
def copy_nth(out: U1, at: int, texts: U1, starts: I8, number: int) -> int:
    """Copy one of the texts that lie end to end, and return its end."""
    return int(copy(out, at, texts, starts[number], starts[number + 1]))


@jit_inline
def copy_label(out: U1, at: int, fragments: Fragments, number: int) -> int:
    """Copy a label and return its end."""
    return int(copy_nth(out, at, fragments.labels, fragments.label_at, number))


@jit_inline
def copy_tail(out: U1, at: int, fragments: Fragments, number: int) -> int:
    """Copy a part of an item's end and return its end."""
    return int(copy_nth(out, at, fragments.tails, fragments.tail_at, number))


@jit_inline
def copy_id(out: U1, at: int, fragments: Fragments, title: int) -> int:
    """Copy the id of a title and return its end."""
    place = fragments.id_at[title]
    start = place >> SIZE_BITS
    return int(copy(out, at, fragments.ids, start, start + (place & SIZE)))


@jit_inline
def write_because(out: U1, at: int, because: int, fragments: Fragments) -> int:
    """Write what a reason refers to: a title's id, or a tag; nothing for -1."""
    if because >= 0 and fragments.id_at[because] > 0:
        return copy_id(out, copy_label(out, at, fragments, BECAUSE), fragments, because)
    if because < -1:
        return int(
            copy_label(out, copy_label(out, at, fragments, BECAUSE), fragments, FIRST_TAG - 2 - because)
        )
    return at


@jit_inline
def write_progress(out: U1, at: int, progress: float, left: int, fragments: Fragments) -> int:
    """Write how far a title was watched; nothing for a share of -1."""
    if progress < 0:
        return at
    at = write_score(out, copy_label(out, at, fragments, PROGRESS), progress)
    return int(write_whole(out, copy_label(out, at, fragments, LEFT), left))


@jit_no_alloc
def number_pages(seq: I8, slots: I4, floor: int, out: I8) -> None:
    """Write each page's number: its viewer's next above the floor, which is stored in ``seq`` [slots]."""
    for i in range(slots.size):
        out[i] = seq[slots[i]] = max(seq[slots[i]], floor) + 1


@jit_inline
def copy_text(heads: PageHeads, out: U1, at: int, number: int) -> int:
    """Copy a text of a head and return its end."""
    return int(copy_nth(out, at, heads.texts, heads.text_at, number))


@jit_inline
def write_head(heads: PageHeads, q: int, out: U1, at: int) -> int:
    """Write what stands in front of the shelves of a page."""
    at = copy_text(heads, out, at, VIEWER)
    at = copy_nth(out, at, heads.viewers, heads.viewer_at, q)
    at = write_whole(out, copy_text(heads, out, at, LIST), heads.offset[q])
    at = write_whole(out, copy_text(heads, out, at, DASH), heads.seq[q])
    at = write_whole(out, copy_text(heads, out, at, SEQ), heads.seq[q])
    at = write_whole(out, copy_text(heads, out, at, GENERATED), heads.time_ms[q])
    at = write_whole(out, copy_text(heads, out, at, EXPIRES), heads.expires_ms[q])
    at = write_whole(out, copy_text(heads, out, at, FIRST_SHARED + heads.shared[q]), heads.offset[q])
    return copy_text(heads, out, at, ROWS)


@jit_no_alloc
def encode_pages(
    heads: PageHeads, pages: Pages, parts: FragmentNumbers, fragments: Fragments, out: U1, ends: I8
) -> None:
    """Write each page: its head, the shelves, separated by commas, and the categories.

    Parameters
    ----------
    heads
        [n]
    pages
        [n] a title of -1 ends a shelf, a kind of ``NO_SHELF`` a page.
    parts
        Fragments of each shelf.
    fragments
        Texts of all titles, shelves and reasons on the pages.
    out
        Buffer that is large enough.
    ends
        [n] receives the end of each page.
    """
    at = 0
    for q in range(pages.kind.shape[0]):
        at = write_head(heads, q, out, at)
        for r in range(pages.kind.shape[1]):
            kind, head = pages.kind[q, r], parts.head[q, r]
            if kind == NO_SHELF:
                break
            if r > 0:
                out[at] = 44  # ,
                at += 1
            at = copy_nth(out, at, fragments.heads, fragments.head_at, head)
            at = encode_shelf(pages, parts, q, r, parts.reason[kind], fragments, out, at)
            out[at] = 93  # ]
            out[at + 1] = 125  # }
            at += 2
        at = end_page(parts.category[q], fragments.said, fragments.said_at, out, at)
        ends[q] = at


@jit_inline
def end_page(category: I4, said: U1, said_at: I8, out: U1, at: int) -> int:
    """Write what closes the shelves of a page, and its categories."""
    out[at] = 93  # ]
    at += 1
    if category.size > 0 and category[0] >= 0:
        at = copy_nth(out, at, said, said_at, 0)
        for c in range(category.size):
            if category[c] < 0:
                break
            at = copy_nth(out, at, said, said_at, category[c])
        out[at - 1] = 93  # ] in place of the last comma
    out[at] = 125  # }
    return at + 1


@jit_inline
def encode_shelf(
    pages: Pages, parts: FragmentNumbers, q: int, r: int, reason: int, fragments: Fragments, out: U1, at: int
) -> int:
    """Write the items of a shelf, and return their end."""
    for k in range(pages.title.shape[2]):
        t = pages.title[q, r, k]
        if t < 0:
            break
        if k > 0:
            out[at] = 44  # ,
            at += 1
        at = copy_id(out, copy_label(out, at, fragments, BEFORE_ID), fragments, t)
        at = write_score(out, copy_label(out, at, fragments, BEHIND_ID), pages.score[q, r, k])
        at = write_because(out, at, pages.because[q, r, k], fragments)
        if pages.kind[q, r] == CONTINUE_WATCHING:
            at = write_progress(out, at, pages.progress[q, k], pages.left[q, k], fragments)
        if pages.reason[q, r, k] != reason:
            at = copy_tail(out, at, fragments, 1 + pages.reason[q, r, k])
        own = parts.item[q, r, k] if parts.item.size > 0 else 0
        for n in range(3 if own > 0 else 0):
            at = copy_tail(out, at, fragments, parts.own[own, n])
        at = copy_tail(out, at, fragments, parts.propensity[q, r])
        out[at] = 125  # }
        at += 1
    return at


@jit_no_alloc
def hash_rows(rows: I4, out: U8) -> None:
    """Write a hash of each row [m, k] of whole numbers, never 0: [m]."""
    for i in range(rows.shape[0]):
        key = np.uint64(0)
        for k in range(rows.shape[1]):
            key = mix(key ^ np.uint64(np.uint32(rows[i, k])))
        out[i] = max(key, np.uint64(1))
