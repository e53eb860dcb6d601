"""Lists as JSON, written by hand into one buffer: what is the same for every list is copied, only scores are formatted."""

import numpy as np

from online_models.kernels.layout import F4, I4, I8, U1, jit

SCORE_BYTES = 16
"""Most bytes of a formatted score: a sign, nine digits, a point, four decimals, and one to spare."""


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
def encode_items(
    titles: I4, scores: F4, reasons: U1, names: U1, name_at: I8, tails: U1, tail_at: I8, out: U1, ends: I8
) -> None:
    """Write the items of each list, separated by commas.

    Parameters
    ----------
    titles, scores, reasons
        [n, L] the lists; a title of -1 ends one.
    names, name_at
        Fragments ``{"title_id":"…","score":`` end to end, and where each row's begins (and the last ends).
    tails, tail_at
        What follows the score, one for each reason: ``}`` or ``,"reason":"…"}``.
    out
        The buffer, large enough.
    ends
        [n] receives where each list's items end.
    """
    at = 0
    for q in range(titles.shape[0]):
        for k in range(titles.shape[1]):
            t = titles[q, k]
            if t < 0:
                break
            if k > 0:
                out[at] = 44
                at += 1
            at = copy(out, at, names, name_at[t], name_at[t + 1])
            at = write_score(out, at, scores[q, k])
            r = reasons[q, k]
            at = copy(out, at, tails, tail_at[r], tail_at[r + 1])
        ends[q] = at
