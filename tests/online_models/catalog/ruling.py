"""Business rules, made in a line."""

from typing import Any

from online_models.catalog.business_rules import RuleSet, faults
from online_models.recommender import Recommender
from schemas.rules import BusinessRule, RuleKind


def rule(kind: RuleKind, *titles: str, name: str = "r", **more: Any) -> BusinessRule:
    """Return a rule about some titles."""
    return BusinessRule(rule_id=name, kind=kind, titles=titles, **more)


def obey(model: Recommender, *rules: BusinessRule) -> Recommender:
    """Let a model obey rules, every one of which is well."""
    assert [faults(one) for one in rules] == [[]] * len(rules)
    model.catalog.obey(RuleSet(rules))
    return model
