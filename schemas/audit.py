"""The audit log: what operators did or were refused, over HTTP and with commands."""

from enum import StrEnum

from msgspec import Struct

from schemas.fields import Label, SchemaVersion, Text, TimeMs

__all__ = ["AuditAction", "AuditRecord", "AuditVia"]


class AuditAction(StrEnum):
    """What was done."""

    FORGET = "forget"
    """A viewer was to be forgotten; the subject is the id of the event, so that the log does not keep the
    viewer's."""
    RESEND = "resend"
    """A dead letter was sent again, corrected; the subject is the id of the event."""
    SIGN_IN = "sign-in"
    """Somebody signed in with a key; the subject is the address."""
    RULE_WRITE = "rule.write"
    """A business rule was created or replaced; the subject is its id, as of the next one."""
    RULE_REMOVE = "rule.remove"
    RULE_START = "rule.start"
    RULE_STOP = "rule.stop"
    EXPERIMENT_CREATE = "experiment.create"
    """An experiment was created; the subject is its id, as of the next ones."""
    EXPERIMENT_START = "experiment.start"
    EXPERIMENT_STOP = "experiment.stop"
    EXPERIMENT_ROLL_OUT = "experiment.roll-out"
    """An arm became the default; the detail names it, and whether that was forced."""
    EXPERIMENT_ROLL_BACK = "experiment.roll-back"
    MODEL_SWITCH = "model.switch"
    """Another version of the model was to publish; the subject is its name, as of the next one."""
    MODEL_RETIRE = "model.retire"


class AuditVia(StrEnum):
    """How it was done."""

    HTTP = "http"
    COMMAND = "command"


class AuditRecord(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that an operator did, or was refused.

    Attributes
    ----------
    at_ms
        When (UTC, ms since 1970).
    actor
        Who: the name of the key, or the user of the operating system who gave the command.
    via
        How.
    action
        What.
    subject
        On what.
    detail
        More about it, such as the arm that was rolled out.
    refused
        Why it was refused; absent: it was done.
    schema_version
        Version of the contract; absent means 1.
    """

    at_ms: TimeMs
    actor: Label
    via: AuditVia
    action: AuditAction
    subject: Text
    detail: Text | None = None
    refused: Text | None = None
    schema_version: SchemaVersion = 1
