"""Lists as JSON, written into one buffer: what all lists share is copied, only scores are formatted."""

from typing import NamedTuple

import numpy as np

from online_models.kernels.layout import I8, U1, Lists, jit

SCORE_BYTES = 17
"""Most bytes of a formatted score: a sign, ten digits, a point, four decimals, and one to spare."""


class Fragments(NamedTuple):
    """What lists are put together from."""

    names: U1
    """``{"title_id":"…","score":`` of all titles, in no particular order."""
    span: I8
    """[T, 2] where each title's begins and ends."""
    tails: U1
    """What follows a score, end to end, one for each reason: ``}`` or ``,"reason":"…"}``."""
    tail_at: I8
    """[reasons + 1] where each begins, and the last ends."""


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
def encode_items(lists: Lists, fragments: Fragments, out: U1, ends: I8) -> None:
    """Write the items of each list, separated by commas.

    Parameters
    ----------
    lists
        [n, L]; a title of -1 ends one.
    fragments
        Of every listed title and every reason.
    out
        The buffer, large enough.
    ends
        [n] receives where each list's items end.
    """
    span, tail_at = fragments.span, fragments.tail_at
    at = 0
    for q in range(lists.title.shape[0]):
        for k in range(lists.title.shape[1]):
            t = lists.title[q, k]
            if t < 0:
                break
            if k > 0:
                out[at] = 44
                at += 1
            at = copy(out, at, fragments.names, span[t, 0], span[t, 1])
            at = write_score(out, at, lists.score[q, k])
            r = lists.reason[q, k]
            at = copy(out, at, fragments.tails, tail_at[r], tail_at[r + 1])
        ends[q] = at
