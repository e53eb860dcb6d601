r"""Business rules: validity, time in force, the viewers and titles that they apply to, and their effects.

A boost or a bury multiplies the odds of a title. The scores of the blend are logarithms, so the rules that
match a title add

.. math:: \sum_{r} \log factor_r

to its score. An exclusion is a guard, like those of the catalog: minus infinity. A pin gives a title a place
on the page (:mod:`online_models.page`). Rules have no effect on learning.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.tables.codes import FEATURED, TOP_PICKS
from online_models.tables.layout import F4, I4
from schemas.rules import BusinessRule, PinRow, RuleKind

__all__ = [
    "NO_PINS",
    "MatchedRule",
    "RuleSet",
    "applies_to",
    "in_force",
    "match_rules",
    "pins_of",
    "rule_errors",
    "score_changes",
]

NO_PINS: Final = np.zeros((0, 3), np.int32)
"""No pins."""
_SHELVES: Final = {PinRow.FEATURED: FEATURED, PinRow.TOP_PICKS: TOP_PICKS}


def applies_to(
    countries: Sequence[str], maturity_at_most: int | None, *, country: str | None, maturity: int | None
) -> bool:
    """Whether a viewer is in the audience of a rule or treatment.

    Parameters
    ----------
    countries, maturity_at_most
        The audience: countries (empty for all), and the highest maturity limit of a profile (None for all).
    country, maturity
        The viewer's country, and the profile's maturity limit in years; None if unknown.

    Examples
    --------
    >>> applies_to(("IN",), 12, country="IN", maturity=7), applies_to((), 12, country="IN", maturity=None)
    (True, False)
    """
    if countries and country not in countries:
        return False
    return maturity_at_most is None or (maturity is not None and maturity <= maturity_at_most)


def rule_errors(rule: BusinessRule) -> list[str]:
    """Return all errors of a rule, none if it is valid.

    Examples
    --------
    >>> rule_errors(BusinessRule(rule_id="r", kind=RuleKind.BOOST, titles=("a",), factor=0.5))
    ['a boost has a factor above 1']
    >>> rule_errors(BusinessRule(rule_id="r", kind=RuleKind.EXCLUDE))
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
    """Whether a rule is in force at a time (ms): from its start until before its end."""
    return (rule.starts_at_ms is None or rule.starts_at_ms <= now_ms) and (
        rule.ends_at_ms is None or now_ms < rule.ends_at_ms
    )


class RuleSet:
    """An immutable set of rules; each new record makes a new set.

    Parameters
    ----------
    rules
        Valid rules.

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
        """Times at which a rule begins or ends, ascending, ms."""

    def at(self, now_ms: int) -> list[BusinessRule]:
        """Return the rules in force at a time, by id."""
        return [one for one in self.rules if in_force(one, now_ms)]


def _is_code(country: str) -> bool:
    return country.isascii() and country.isalpha() and country.isupper()


class MatchedRule(NamedTuple):
    """A rule, and the rows of the titles that it matches."""

    rule: BusinessRule
    rows: I4

    def applies_to(self, country: str | None, maturity: int | None) -> bool:
        """Whether a viewer is in the rule's audience."""
        rule = self.rule
        return applies_to(rule.countries, rule.maturity_at_most, country=country, maturity=maturity)

    def below(self, size: int) -> I4:
        """Return the rows below ``size``: the table may have grown since the rule was matched."""
        return self.rows[self.rows < size]


def match_rules(
    rules: Sequence[BusinessRule],
    row_of: Callable[[str], int | None],
    tags: tuple[I4, I4],
    names: Sequence[str],
) -> list[MatchedRule]:
    """Find the titles that rules match.

    Parameters
    ----------
    rules
        Rules in force.
    row_of
        Returns the row of a title, None if it has none.
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

    return [MatchedRule(rule, rows_of(rule)) for rule in rules]


def score_changes(matched: Iterable[MatchedRule], size: int) -> F4:
    """Return what boosts and buries add to the scores of the first ``size`` rows."""
    out = np.zeros(size, np.float32)
    for one in matched:
        if one.rule.factor is not None:
            out[one.below(size)] += np.float32(np.log(one.rule.factor))
    return out


def pins_of(matched: Iterable[MatchedRule]) -> I4:
    """Return pins as kernels take them: [P, 3] title, kind of shelf, place; by place, then by id."""
    found = [
        (int(one.rows[0]), _SHELVES[one.rule.row or PinRow.FEATURED], one.rule.slot or 0)
        for one in matched
        if one.rule.kind is RuleKind.PIN and one.rows.size
    ]
    return np.array(sorted(found, key=lambda pin: pin[2]), np.int32).reshape(-1, 3)
