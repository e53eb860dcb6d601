"""Business rules for lists that are made on request: which titles they exclude, and which they feature.

A rule is in force by wall-clock time, like a title's availability window.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from online_models.catalog.business_rules import RuleSet, applies_to, in_force
from schemas.rules import BusinessRule, PinRow, RuleKind

__all__ = ["RuleAudience", "RuleFilter"]


class RuleAudience(NamedTuple):
    """For whom and when a list is made, as far as it is known."""

    now_ms: int
    country: str | None = None
    maturity: int | None = None
    """Highest maturity rating that may be shown; None: no limit."""

    def within(self, country: str | None, maturity: int | None) -> "RuleAudience":
        """Return the audience with a profile's own limits: the lower maturity; its country as the default.

        Examples
        --------
        >>> RuleAudience(0, maturity=16).within("IN", 12)
        RuleAudience(now_ms=0, country='IN', maturity=12)
        >>> RuleAudience(0, "DE", 7).within("IN", None)
        RuleAudience(now_ms=0, country='DE', maturity=7)
        """
        limits = [limit for limit in (self.maturity, maturity) if limit is not None]
        return RuleAudience(self.now_ms, self.country or country, min(limits, default=None))


class RuleFilter:
    """Business rules, indexed by title.

    Parameters
    ----------
    rules
        All of them.

    Examples
    --------
    >>> from schemas import Tags
    >>> horror = BusinessRule(
    ...     rule_id="r", kind=RuleKind.EXCLUDE, tags=Tags(genre=("Horror",)), maturity_at_most=12
    ... )
    >>> rules = RuleFilter(RuleSet([horror]))
    >>> [rules.excludes("t", {"genre:Horror"}, RuleAudience(0, maturity=limit)) for limit in (7, 16, None)]
    [True, False, False]
    """

    def __init__(self, rules: RuleSet) -> None:
        self._named: dict[str, list[BusinessRule]] = defaultdict(list)
        self._tagged: list[tuple[list[set[str]], BusinessRule]] = []
        self._featured: list[BusinessRule] = []
        for one in rules.rules:
            if one.kind is RuleKind.EXCLUDE:
                for title in one.titles:
                    self._named[title].append(one)
                if one.tags.labels_by_kind():
                    self._tagged.append(([set(labels) for labels in one.tags.labels_by_kind()], one))
            elif one.kind is RuleKind.PIN and one.row is not PinRow.TOP_PICKS:
                self._featured.append(one)
        self._featured.sort(key=lambda one: one.slot or 0)

    def excludes(self, title_id: str, labels: Iterable[str], audience: RuleAudience) -> bool:
        """Return whether a title with these tags must not be shown."""
        if any(_applies(one, audience) for one in self._named.get(title_id, ())):
            return True
        return any(
            all(not kind.isdisjoint(labels) for kind in kinds) and _applies(one, audience)
            for kinds, one in self._tagged
        )

    def featured(self, audience: RuleAudience) -> Iterator[str]:
        """Yield the titles that are pinned to the featured row, by slot; the caller applies guards."""
        yield from dict.fromkeys(one.titles[0] for one in self._featured if _applies(one, audience))


def _applies(rule: BusinessRule, audience: RuleAudience) -> bool:
    """Return whether a rule is in force for an audience."""
    return in_force(rule, audience.now_ms) and applies_to(
        rule.countries, rule.maturity_at_most, country=audience.country, maturity=audience.maturity
    )
