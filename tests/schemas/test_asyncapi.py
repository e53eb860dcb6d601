"""The AsyncAPI document stands by itself and names exactly the public topics that have a contract."""

import json
from collections.abc import Iterator

from schemas.contract_tools.asyncapi import document
from schemas.topics import (
    ALERTS,
    AUDIT,
    CATALOG,
    DEAD_LETTERS,
    EVENTS,
    EXPERIMENT_RESULTS,
    EXPERIMENTS,
    HOME,
    INSIGHTS_DEMAND,
    INSIGHTS_TITLES,
    RULES,
    TOPICS,
    TRENDING,
)


def references(node: object) -> Iterator[str]:
    """Walk a document and give every reference in it."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_reference_leads_somewhere() -> None:
    """No reference leaves the document, and each finds its target."""
    body = document()
    found = set(references(body))
    assert len(found) > 20
    for reference in found:
        node = body
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_channels_are_the_public_topics_with_their_settings() -> None:
    """Internal topics stay inside; the others appear with their partitions, key and clean-up."""
    channels = {channel["address"]: channel for channel in document()["channels"].values()}
    assert set(channels) == {
        EVENTS, CATALOG, HOME, ALERTS, TRENDING, DEAD_LETTERS, EXPERIMENTS, EXPERIMENT_RESULTS,
        INSIGHTS_TITLES, INSIGHTS_DEMAND, RULES, AUDIT,
    }  # fmt: skip
    for name, channel in channels.items():
        kafka = channel["bindings"]["kafka"]
        assert kafka["partitions"] == TOPICS[name].partitions
        assert kafka["topicConfiguration"]["cleanup.policy"] == [TOPICS[name].cleanup]
        assert kafka["topicConfiguration"]["retention.ms"] == TOPICS[name].retention_ms
        assert TOPICS[name].key in channel["description"]


def test_nearline_receives_events_and_sends_lists() -> None:
    """Directions are said from our side, as AsyncAPI 3 wants."""
    actions = {
        op["channel"]["$ref"].rpartition("/")[2]: op["action"] for op in document()["operations"].values()
    }
    assert actions["viewing_events_v1"] == actions["catalog_titles_v1"] == "receive"
    assert (
        actions["recs_home_v1"]
        == actions["recs_alerts_v1"]
        == actions["trending_v1"]
        == actions["viewing_dead-letters_v1"]
        == "send"
    )


def test_it_is_plain_json() -> None:
    """The document survives JSON, so that every tool can read it."""
    assert json.loads(json.dumps(document(), allow_nan=False))["asyncapi"] == "3.0.0"
