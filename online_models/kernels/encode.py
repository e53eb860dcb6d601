"""Pages as JSON, written into one buffer: what pages share is copied, only scores are formatted."""

from typing import NamedTuple

import numpy as np

from online_models.kernels.layout import I4, I8, U1, jit
from online_models.kernels.page.layout import NO_ROW, Pages

SCORE_BYTES = 17
"""Most bytes of a formatted score: a sign, ten digits, a point, four decimals, and one to spare."""


class Fragments(NamedTuple):
    """What pages are put together from."""

    names: U1
    """``{"title_id":"…","score":`` of all titles, in no particular order."""
    span: I8
    """[T, 2] where each title's begins and ends."""
    heads: U1
    """``{"kind":"…",…,"items":[`` of all rows, end to end."""
    head_at: I8
    """[heads + 1] where each begins, and the last ends."""
    tails: U1
    """What follows a score, end to end: ``}``, ``,"reason":"…"}`` for each reason, ``,"propensity":…}``."""
    tail_at: I8
    """[tails + 1] where each begins, and the last ends."""


class Parts(NamedTuple):
    """What the rows of pages are written with, as numbers of fragments."""

    head: I4
    """[n, R] head of each row."""
    tail: I4
    """[n, R] tail of the items whose reason is the row's."""
    reason: U1
    """[kinds] reason of each kind of row."""
    item: I4
    """[n, R, L] tails of items that have their own, 0 for none; of size 0 where no item has."""


@jit
def copy(out: U1, at: int, text: U1, start: int, end: int) -> int:
    """Copy a slice of bytes and return where it ended."""
    for b in range(start, end):
        out[at] = text[b]
        at += 1
    return at


@jit
def write_score(out: U1, at: int, score: float) -> int:
    """Write a number with four decimals, as JSON has it; beyond 1e9 it is cut."""
    x = min(max(np.float64(score), -1e9), 1e9)
    if x < 0:
        out[at] = 45
        at += 1
        x = -x
    scaled = np.int64(x * 10_000.0 + 0.5)
    whole, decimals = scaled // 10_000, scaled % 10_000
    digit = 1
    while whole // digit >= 10:
        digit *= 10
    while digit > 0:
        out[at] = 48 + (whole // digit) % 10
        at += 1
        digit //= 10
    out[at] = 46
    at += 1
    digit = 1_000
    while digit > 0:
        out[at] = 48 + (decimals // digit) % 10
        at += 1
        digit //= 10
    return at


@jit
def encode_pages(pages: Pages, parts: Parts, fragments: Fragments, out: U1, ends: I8) -> None:
    """Write the rows of each page, separated by commas.

    Parameters
    ----------
    pages
        [n] a title of -1 ends a row, a kind of ``NO_ROW`` a page.
    parts
        Fragments of each row; the tails of reasons follow the first one.
    fragments
        Of every listed title, row and reason.
    out
        The buffer, large enough.
    ends
        [n] receives where each page's rows end.
    """
    at = 0
    for q in range(pages.kind.shape[0]):
        for r in range(pages.kind.shape[1]):
            kind, head = pages.kind[q, r], parts.head[q, r]
            if kind == NO_ROW:
                break
            if r > 0:
                out[at] = 44
                at += 1
            at = copy(out, at, fragments.heads, fragments.head_at[head], fragments.head_at[head + 1])
            at = encode_row(pages, parts, q, r, parts.reason[kind], fragments, out, at)
            out[at] = 93
            out[at + 1] = 125
            at += 2
        ends[q] = at


@jit
def encode_row(
    pages: Pages, parts: Parts, q: int, r: int, reason: int, fragments: Fragments, out: U1, at: int
) -> int:
    """Write the items of a row, and return where they end."""
    span, tail_at = fragments.span, fragments.tail_at
    for k in range(pages.title.shape[2]):
        t = pages.title[q, r, k]
        if t < 0:
            break
        if k > 0:
            out[at] = 44
            at += 1
        at = copy(out, at, fragments.names, span[t, 0], span[t, 1])
        at = write_score(out, at, pages.score[q, r, k])
        mine = pages.reason[q, r, k]
        end = parts.tail[q, r] if mine == reason else 1 + mine
        if parts.item.size > 0 and parts.item[q, r, k] > 0:
            end = parts.item[q, r, k]
        at = copy(out, at, fragments.tails, tail_at[end], tail_at[end + 1])
    return at
