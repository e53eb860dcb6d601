"""`nearline topics`: what is created, what is set, what is only shown."""

import json

import pytest

from schemas.topics import CATALOG, EVENTS, HOME, TOPICS
from streams.cli import main
from streams.kafka.clients import NewTopic, admin
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import EmbeddedCluster


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, str]]]:
    """Return the document that the last command printed."""
    document: dict[str, list[dict[str, str]]] = json.loads(capsys.readouterr().out)
    return document


def test_apply_then_check_on_the_embedded_cluster(
    embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stand-in cluster, which answers no CreateTopics, gets its topics too, once."""
    words = ["--brokers", embedded.bootstrap_servers, "--json", "-"]
    assert main(["topics", "check", *words]) == 1
    assert {found["found"] for found in _json(capsys)["differences"]} == {"missing"}
    assert main(["topics", "apply", *words]) == 0
    assert len(_json(capsys)["changed"]) == len(TOPICS)
    assert main(["topics", "apply", *words]) == 0
    assert _json(capsys) == {"changed": [], "differences": []}
    assert main(["topics", "check", *words]) == 0


def test_what_was_created_is_not_called_missing(
    embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table says what was done, not what was found before."""
    assert main(["topics", "apply", "--brokers", embedded.bootstrap_servers]) == 0
    said = capsys.readouterr().out
    assert said.count("created") == len(TOPICS)
    assert "missing" not in said


def test_apply_is_idempotent_on_kafka(
    kafka: KafkaCluster, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All topics of the table come into being with their configuration; a second time nothing changes."""
    words = ["--brokers", kafka.bootstrap_servers, "--prefix", topic_prefix, "--json", "-"]
    assert main(["topics", "apply", *words]) == 0
    assert len(_json(capsys)["changed"]) == len(TOPICS)
    assert main(["topics", "apply", *words]) == 0
    assert _json(capsys) == {"changed": [], "differences": []}


def test_configuration_is_repaired_and_partitions_are_only_shown(
    kafka: KafkaCluster, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong cleanup policy is set right; a wrong number of partitions stays and ends with code 1."""
    client = admin(kafka.bootstrap_servers)
    home = NewTopic(f"{topic_prefix}{HOME}", 4, config={"cleanup.policy": "delete"})
    events = NewTopic(f"{topic_prefix}{EVENTS}", 3, config=TOPICS[EVENTS].settings())
    for future in client.create_topics([home, events]).values():
        future.result(timeout=30)
    words = ["--brokers", kafka.bootstrap_servers, "--prefix", topic_prefix, "--json", "-"]
    assert main(["topics", "apply", *words]) == 1
    document = _json(capsys)
    policy = {
        "topic": f"{topic_prefix}{HOME}",
        "what": "cleanup.policy",
        "wanted": "compact",
        "found": "delete",
    }
    count = {"topic": f"{topic_prefix}{EVENTS}", "what": "partitions", "wanted": "4", "found": "3"}
    assert policy in document["changed"]
    assert document["differences"] == [count]
    assert main(["topics", "check", *words, "--partitions", "4"]) == 1


def test_partitions_and_copies_are_what_was_asked_for(
    kafka: KafkaCluster, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--partitions reaches the keyed topics, and --replication is compared when given."""
    words = ["--brokers", kafka.bootstrap_servers, "--prefix", topic_prefix, "--partitions", "6"]
    assert main(["topics", "apply", *words, "--replication", "1"]) == 0
    capsys.readouterr()
    topics = admin(kafka.bootstrap_servers).list_topics(timeout=60).topics
    assert len(topics[f"{topic_prefix}{CATALOG}"].partitions) == 6
    assert main(["topics", "check", *words, "--replication", "3", "--json", "-"]) == 1
    assert {found["what"] for found in _json(capsys)["differences"]} == {"copies"}


def test_more_copies_than_nodes_is_refused_with_the_clusters_reason(
    kafka: KafkaCluster, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the cluster refuses ends with code 1 and its own words."""
    words = ["--brokers", kafka.bootstrap_servers, "--prefix", topic_prefix, "--replication", "3"]
    assert main(["topics", "apply", *words]) == 1
    assert "replication" in capsys.readouterr().err.lower()
