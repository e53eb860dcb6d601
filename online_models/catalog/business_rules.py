"""Business rules: what makes one usable, whom it is about, which are in force (titles: `ruling`)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.tables.codes import FEATURED, TOP_PICKS
from online_models.tables.layout import F4, I4
from schemas.rules import BusinessRule, PinRow, RuleKind

__all__ = ["NO_PINS", "Matched", "RuleSet", "faults", "in_force", "lift", "matching", "pins", "reaches"]


def reaches(
    countries: Sequence[str], maturity_at_most: int | None, *, country: str | None, maturity: int | None
) -> bool:
    """Say whether a viewer is among those whom something is about.

    Parameters
    ----------
    countries, maturity_at_most
        Whom it is about: who is there (empty: everywhere), and children's profiles (None: all).
    country, maturity
        Where the viewer is, and the profile's limit in years; None where nobody said.

    Examples
    --------
    >>> reaches(("IN",), 12, country="IN", maturity=7), reaches((), 12, country="IN", maturity=None)
    (True, False)
    """
    if countries and country not in countries:
        return False
    return maturity_at_most is None or (maturity is not None and maturity <= maturity_at_most)


def faults(rule: BusinessRule) -> list[str]:
    """Return every reason against a rule; none if it is well.

    Examples
    --------
    >>> faults(BusinessRule(rule_id="r", kind=RuleKind.BOOST, titles=("a",), factor=0.5))
    ['a boost has a factor above 1']
    >>> faults(BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE))
    ['it matches nothing: name titles or tags']
    """
    found = [] if rule.titles or rule.tags.labels_by_kind() else ["it matches nothing: name titles or tags"]
    if rule.kind is RuleKind.BOOST and not (rule.factor or 0) > 1:
        found.append("a boost has a factor above 1")
    if rule.kind is RuleKind.BURY and not (rule.factor or 1) < 1:
        found.append("a bury has a factor below 1")
    if rule.kind in {RuleKind.PIN, RuleKind.EXCLUDE} and rule.factor is not None:
        found.append(f"a factor means nothing to a {rule.kind}")
    if rule.kind is RuleKind.PIN:
        if len(rule.titles) != 1 or rule.tags.labels_by_kind():
            found.append("a pin names one title and no tags")
    elif rule.row is not None or rule.slot is not None:
        found.append("row and slot are of a pin")
    found += [f"{one} is no country's code" for one in rule.countries if not _is_code(one)]
    if rule.starts_at_ms is not None and rule.ends_at_ms is not None and rule.ends_at_ms <= rule.starts_at_ms:
        found.append("it ends before it starts")
    return found


def in_force(rule: BusinessRule, now_ms: int) -> bool:
    """Say whether a rule holds at a time (ms): from its start until before its end."""
    return (rule.starts_at_ms is None or rule.starts_at_ms <= now_ms) and (
        rule.ends_at_ms is None or now_ms < rule.ends_at_ms
    )


class RuleSet:
    """The rules that there are at one time; never changes, a new record makes a new one.

    Parameters
    ----------
    rules
        All of them, without faults.

    Examples
    --------
    >>> late = BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE, titles=("a",), starts_at_ms=10**12)
    >>> rules = RuleSet([late])
    >>> len(rules.at(10**12 - 1)), len(rules.at(10**12)), rules.moments
    (0, 1, [1000000000000])
    """

    def __init__(self, rules: Iterable[BusinessRule] = ()) -> None:
        self.rules = sorted(rules, key=lambda one: one.rule_id)
        ends = {moment for one in self.rules for moment in (one.starts_at_ms, one.ends_at_ms)}
        self.moments = sorted(moment for moment in ends if moment is not None)
        """When a rule begins or ends, ms."""

    def at(self, now_ms: int) -> list[BusinessRule]:
        """Return those in force at a time, by id."""
        return [one for one in self.rules if in_force(one, now_ms)]


def _is_code(country: str) -> bool:
    return country.isascii() and country.isalpha() and country.isupper()


# Business rules over the titles: which they match, and what they do to scores.
#
# A boost or a bury multiplies a title's odds against the others, so that in the blend's scores, which are
# logarithms, it adds
#
# .. math:: \sum_{r} \log factor_r
#
# over the rules that match the title. An exclusion is a guard like the catalog's own:
# minus infinity. A pin names a place (:mod:`online_models.page.candidates`). None of them reaches what is
# learned.


NO_PINS: Final = np.zeros((0, 3), np.int32)
"""Nothing is pinned."""
_ROWS: Final = {PinRow.FEATURED: FEATURED, PinRow.TOP_PICKS: TOP_PICKS}


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
        Tags of every row (:meth:`online_models.catalog.title_tags.TitleTags.of`).
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
        kinds = rule.tags.labels_by_kind()
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
