"""Shortcuts for tests of business rules."""

from typing import Any

from online_models.catalog.business_rules import RuleSet, rule_errors
from online_models.recommender import Recommender
from schemas.rules import BusinessRule, RuleKind


def rule(kind: RuleKind, *titles: str, name: str = "r", **more: Any) -> BusinessRule:
    """Return a rule about some titles."""
    return BusinessRule(rule_id=name, kind=kind, titles=titles, **more)


def with_rules(model: Recommender, *rules: BusinessRule) -> Recommender:
    """Return a model with valid rules in force."""
    assert [rule_errors(one) for one in rules] == [[]] * len(rules)
    model.catalog.set_rules(RuleSet(rules))
    return model
