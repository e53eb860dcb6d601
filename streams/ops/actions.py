"""What operators do to experiments and rules, each with its guards and its record in the audit log.

The command line and the console call these functions and no others, so that an action is the same from both.
"""

from schemas.audit import AuditAction
from schemas.experiments import Experiment
from schemas.rules import BusinessRule
from streams.config.settings import Settings
from streams.ops.audit import Operator, audited
from streams.ops.experiments import admin
from streams.stages import rules

__all__ = [
    "create_experiment", "create_rule", "remove_rule", "roll_back", "roll_out", "start_experiment",
    "start_rule", "stop_experiment", "stop_rule",
]  # fmt: skip


def create_experiment(settings: Settings, who: Operator, experiment: Experiment) -> Experiment:
    """Create an experiment as a draft; raises as `admin.create`."""
    with audited(settings, AuditAction.EXPERIMENT_CREATE, experiment.experiment_id, who=who):
        return admin.create(settings, experiment)


def start_experiment(settings: Settings, who: Operator, name: str) -> Experiment:
    """Start an experiment; raises as `admin.start`."""
    with audited(settings, AuditAction.EXPERIMENT_START, name, who=who):
        return admin.start(settings, name)


def stop_experiment(settings: Settings, who: Operator, name: str) -> Experiment:
    """Stop an experiment; raises as `admin.stop`."""
    with audited(settings, AuditAction.EXPERIMENT_STOP, name, who=who):
        return admin.stop(settings, name)


def roll_out(
    settings: Settings, who: Operator, name: str, arm: str, *, why: str, confirmed: bool
) -> Experiment:
    """Make an arm the default; raises as `admin.roll_out`.

    Parameters
    ----------
    settings, who
        The installation, and who decides.
    name, arm
        The experiment and its arm.
    why
        Recorded with the evidence.
    confirmed
        Whether it is confirmed although the results do not decide for the arm.
    """
    detail = f"arm {arm}{', confirmed without a decision' if confirmed else ''}; {why}"
    with audited(settings, AuditAction.EXPERIMENT_ROLL_OUT, name, who=who, detail=detail):
        return admin.roll_out(settings, name, arm, by=why, force=confirmed)


def roll_back(settings: Settings, who: Operator, name: str) -> Experiment:
    """Undo a roll-out; raises as `admin.roll_back`."""
    with audited(settings, AuditAction.EXPERIMENT_ROLL_BACK, name, who=who):
        return admin.roll_back(settings, name)


def create_rule(
    settings: Settings, who: Operator, rule: BusinessRule, *, replace: bool, known_titles: bool
) -> BusinessRule:
    """Create a rule, or replace it; raises as `rules.create`."""
    with audited(settings, AuditAction.RULE_WRITE, rule.rule_id, who=who):
        return rules.create(settings, rule, replace=replace, known_titles=known_titles)


def start_rule(settings: Settings, who: Operator, name: str) -> BusinessRule:
    """Let a rule apply from now on; raises as `rules.start`."""
    with audited(settings, AuditAction.RULE_START, name, who=who):
        return rules.start(settings, name)


def stop_rule(settings: Settings, who: Operator, name: str) -> BusinessRule:
    """Let a rule apply no longer; it stays, and can be started again. Raises as `rules.stop`."""
    with audited(settings, AuditAction.RULE_STOP, name, who=who):
        return rules.stop(settings, name)


def remove_rule(settings: Settings, who: Operator, name: str) -> None:
    """Remove a rule; raises as `rules.remove`."""
    with audited(settings, AuditAction.RULE_REMOVE, name, who=who):
        rules.remove(settings, name)
