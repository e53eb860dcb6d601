r"""Business rules over the titles: which they match, and what they do to scores.

A boost or a bury multiplies a title's odds against the others, so that in the blend's scores, which are
logarithms, it adds

.. math:: \sum_{r} \log factor_r

over the rules that match the title. An exclusion is a guard like the catalogue's own:
minus infinity. A pin names a place (:mod:`online_models.kernels.page.pins`). None of them reaches what is
learned.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.kernels.layout import F4, I4
from online_models.kernels.page.layout import FEATURED, TOP
from online_models.rules import reaches
from schemas.rules import BusinessRule, PinRow, RuleKind

__all__ = ["NO_PINS", "Matched", "lift", "matching", "pins"]

NO_PINS: Final = np.zeros((0, 3), np.int32)
"""Nothing is pinned."""
_ROWS: Final = {PinRow.FEATURED: FEATURED, PinRow.TOP_PICKS: TOP}


class Matched(NamedTuple):
    """A rule and the rows of the titles that it matches."""

    rule: BusinessRule
    rows: I4

    def concerns(self, country: str | None, maturity: int | None) -> bool:
        """Say whether it is about a viewer."""
        rule = self.rule
        return reaches(rule.countries, rule.maturity_at_most, country=country, maturity=maturity)

    def below(self, size: int) -> I4:
        """Return its rows of a table that was shorter when it was looked at."""
        return self.rows[self.rows < size]


def matching(
    rules: Sequence[BusinessRule],
    row_of: Callable[[str], int | None],
    tags: tuple[I4, I4],
    names: Sequence[str],
) -> list[Matched]:
    """Find the titles of rules.

    Parameters
    ----------
    rules
        Those in force.
    row_of
        The row of a title, None where it has none.
    tags
        Tags of every row (:meth:`online_models.title_tags.TitleTags.of`).
    names
        Tags by number, as ``kind:value``.
    """
    indptr, ids = tags
    size = indptr.size - 1
    having = np.repeat(np.arange(size, dtype=np.int32), np.diff(indptr))[np.argsort(ids, kind="stable")]
    first = np.concatenate(([0], np.cumsum(np.bincount(ids, minlength=len(names)))))
    number = {name: n for n, name in enumerate(names)}

    def rows_of(rule: BusinessRule) -> I4:
        found = np.zeros(size, np.bool_)
        kinds = rule.tags.wanted()
        found[:] = bool(kinds)
        for labels in kinds:
            one = np.zeros(size, np.bool_)
            for n in (number[label] for label in labels if label in number):
                one[having[first[n] : first[n + 1]]] = True
            found &= one
        named = [row for row in map(row_of, rule.titles) if row is not None and row < size]
        found[named] = True
        return np.flatnonzero(found).astype(np.int32)

    return [Matched(rule, rows_of(rule)) for rule in rules]


def lift(matched: Iterable[Matched], size: int) -> F4:
    """Return what boosts and buries add to the score of each of so many rows."""
    out = np.zeros(size, np.float32)
    for one in matched:
        if one.rule.factor is not None:
            out[one.below(size)] += np.float32(np.log(one.rule.factor))
    return out


def pins(matched: Iterable[Matched]) -> I4:
    """Return pins as the kernels take them: [P, 3] title, kind of row, place; by place, then by id."""
    found = [
        (int(one.rows[0]), _ROWS[one.rule.row or PinRow.FEATURED], one.rule.slot or 0)
        for one in matched
        if one.rule.kind is RuleKind.PIN and one.rows.size
    ]
    return np.array(sorted(found, key=lambda pin: pin[2]), np.int32).reshape(-1, 3)
