"""Business rules: what makes one usable, whom it is about, which are in force (titles: `ruling`)."""

from collections.abc import Iterable, Sequence

from schemas.rules import BusinessRule, RuleKind

__all__ = ["RuleSet", "faults", "in_force", "reaches"]


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
    found = [] if rule.titles or rule.tags.wanted() else ["it matches nothing: name titles or tags"]
    if rule.kind is RuleKind.BOOST and not (rule.factor or 0) > 1:
        found.append("a boost has a factor above 1")
    if rule.kind is RuleKind.BURY and not (rule.factor or 1) < 1:
        found.append("a bury has a factor below 1")
    if rule.kind in {RuleKind.PIN, RuleKind.EXCLUDE} and rule.factor is not None:
        found.append(f"a factor means nothing to a {rule.kind}")
    if rule.kind is RuleKind.PIN:
        if len(rule.titles) != 1 or rule.tags.wanted():
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
