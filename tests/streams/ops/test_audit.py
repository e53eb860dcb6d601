"""The audit log of commands."""

import getpass

import pytest

from schemas import topics
from schemas.audit import AuditAction, AuditVia
from schemas.codec import decode_audit
from streams.cli import main
from streams.config.settings import Settings
from streams.errors import RuleError, TopicError
from streams.kafka.scan import read_all
from streams.ops.audit import audited
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.stages.rules import read_rules


def _settings(cluster: EmbeddedCluster, *without: str) -> Settings:
    """Create every topic but some."""
    settings = Settings.load(brokers=cluster.bootstrap_servers)
    cluster.create(name for name in settings.topic_table() if name not in without)
    return settings


def test_commands_are_recorded_with_who_gave_them(
    embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once they are done, or with the reason why they were refused."""
    settings = _settings(embedded)
    monkeypatch.setattr(getpass, "getuser", lambda: "olga")
    brokers = ["--brokers", embedded.bootstrap_servers]
    exclude = ["rules", "create", "gone", "--kind", "exclude", "--tag", "genre:Drama", *brokers]
    assert main(exclude) == 0
    assert main(exclude) == 1
    assert main(["rules", "remove", "gone", *brokers]) == 0
    assert main(["forget", "ada", "--yes", "--wait", "0", *brokers]) == 0
    found = [decode_audit(message.value()) for message in read_all(settings, topics.AUDIT)]
    assert [(one.action, one.subject, one.refused) for one in found[:3]] == [
        (AuditAction.RULE_WRITE, "gone", None),
        (AuditAction.RULE_WRITE, "gone", "there is a rule gone"),
        (AuditAction.RULE_REMOVE, "gone", None),
    ]
    assert found[3].action is AuditAction.FORGET
    assert found[3].subject.startswith("forget-")
    assert {(one.actor, one.via) for one in found} == {("olga", AuditVia.COMMAND)}


def test_without_an_audit_log_nothing_is_done(embedded: EmbeddedCluster) -> None:
    """The error names the topic; somebody without a name is written down, too."""
    settings = _settings(embedded, topics.AUDIT)
    exclude = ["rules", "create", "gone", "--kind", "exclude", "--tag", "genre:Drama"]
    assert main([*exclude, "--brokers", embedded.bootstrap_servers]) != 0
    assert read_rules(settings) == {}
    with pytest.raises(TopicError, match=topics.AUDIT), audited(settings, AuditAction.FORGET, "f"):
        pytest.fail("it began")


def test_a_user_without_a_name_is_recorded(
    embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container; what fails is recorded with its cause, on one line."""
    settings = _settings(embedded)

    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nobody)
    with audited(settings, AuditAction.FORGET, "f"):
        pass
    with pytest.raises(RuleError), audited(settings, AuditAction.FORGET, "g"):
        raise RuleError("no", why="two\nlines")  # noqa: EM101
    found = [decode_audit(message.value()) for message in read_all(settings, topics.AUDIT)]
    assert [(one.actor, one.subject, one.refused) for one in found] == [
        ("unknown", "f", None),
        ("unknown", "g", "no: two lines"),
    ]
