"""The topic table is complete, and an installation can rename and resize it without breaking it."""

import pytest

from schemas import topics
from schemas.topics import CO_PARTITIONED, SIGNALS, TITLE_MODEL, TOPICS, TRENDING, prefixed


def test_every_named_topic_is_in_the_table() -> None:
    """Each constant of the module names a row, and each row has a constant."""
    constants = {getattr(topics, name) for name in topics.__all__ if isinstance(getattr(topics, name), str)}
    assert constants == set(TOPICS)
    assert all(spec.name == name for name, spec in TOPICS.items())


@pytest.mark.parametrize("spec", TOPICS.values(), ids=lambda spec: spec.name)
def test_cleanup_and_retention_agree(spec: topics.TopicSpec) -> None:
    """Compacted topics have unlimited retention, others a limit; all settings are strings."""
    settings = spec.settings()
    assert settings["cleanup.policy"] == spec.cleanup
    assert (spec.retention_ms == -1) == (spec.cleanup == "compact")
    assert all(isinstance(value, str) for value in settings.values())
    assert ("max.compaction.lag.ms" in settings) == (spec.cleanup == "compact")


def test_the_broker_bounds_timestamps_of_events() -> None:
    """An hour ahead, a week back: Kafka 3 takes any time, and seconds in place of milliseconds with it."""
    settings = TOPICS[topics.EVENTS].settings()
    hour_ms = 3_600_000
    assert settings["message.timestamp.after.max.ms"] == str(hour_ms)
    assert settings["message.timestamp.before.max.ms"] == str(7 * 24 * hour_ms)


def test_names_end_in_their_version_and_use_no_underscore() -> None:
    """`.` and `_` collide in the broker's metric names, so only one of them is used."""
    assert all(name.endswith(".v1") and "_" not in name for name in TOPICS)


@pytest.mark.parametrize(("partitions", "shards"), [(4, 1), (24, 3), (1, 4)])
def test_a_viewers_topics_always_have_equal_partitions(partitions: int, shards: int) -> None:
    """Whatever the installation chooses, a viewer's events, page and state share a partition number."""
    table = prefixed("x.", partitions=partitions, title_shards=shards)
    assert {table[name].partitions for name in CO_PARTITIONED} == {partitions}
    assert table[SIGNALS].partitions == table[TITLE_MODEL].partitions == shards
    assert table[TRENDING].partitions == 1


def test_the_prefix_is_on_every_name_and_the_keys_stay() -> None:
    """Code keeps asking by the plain name and gets the installation's."""
    table = prefixed("staging.")
    assert list(table) == list(TOPICS)
    assert all(spec.name == f"staging.{name}" for name, spec in table.items())
    assert prefixed("") == dict(TOPICS)


def test_only_our_own_topics_are_internal() -> None:
    """Packed rows that nobody else may rely on, and the register of the versions that have them."""
    internal = {name for name, spec in TOPICS.items() if spec.internal}
    assert internal == {
        *topics.PER_VERSION, topics.MODEL_VERSIONS,
        topics.EXPERIMENT_VIEWERS, topics.EXPERIMENT_TALLIES, topics.EXPERIMENT_DECISIONS,
        topics.INSIGHTS_VIEWERS, topics.INSIGHTS_VISITS, topics.INSIGHTS_STATE,
    }  # fmt: skip


def test_a_version_has_internal_topics_of_its_own() -> None:
    """Its name is behind theirs; what the world sees is shared, and the first version has the plain names."""
    blue = prefixed("x.", version="blue")
    own = {name for name in TOPICS if blue[name].name != f"x.{name}"}
    assert own == {"titles.signals.v1", "titles.model.v1", "viewers.state.v1"}
    assert blue[SIGNALS].name == "x.titles.signals.v1.blue"
    assert prefixed("x.", version="1") == prefixed("x.")
