"""Topics that are not what the state was built for: refused, with what to do."""

import pytest

from streams.config.settings import Settings
from streams.engine import topic_check
from streams.engine.applied import APPLIED_KEY, Origin, newest_applied, origin_of, pack_applied
from streams.engine.changelog import RESTORER, ends
from streams.engine.stage import StageSpec
from streams.engine.topic_check import TopicCheck
from streams.errors import PartitionsChangedError, SourceRecreatedError, TopicError
from streams.kafka.clients import NewPartitions, NewTopic, admin, consumer, producer
from streams.kafka.topics import TopicInfo, describe_topics
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.embedded import EmbeddedCluster
from tests.streams.doubles import fold_spec
from tests.waiting import until


class Ground:
    """The topics of one stage on a real broker."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self.settings, self._prefix = Settings(brokers=brokers), prefix
        self.deaths: list[BaseException] = []
        self._client = admin(brokers)
        for name in ("in", "log", "dead"):
            self.create(name)

    def spec(self, shards: int = 0) -> StageSpec:
        """Return the stage."""
        source, changelog, dead = (self._prefix + name for name in ("in", "log", "dead"))
        return StageSpec(
            "toy", source, changelog, make_step=lambda *_: None, dead_letters=dead, shards=shards  # type: ignore[arg-type,return-value]
        )  # fmt: skip

    def name(self, name: str) -> str:
        """Return the name of a topic on the cluster."""
        return self._prefix + name

    def check(self, shards: int = 0) -> TopicCheck:
        """Return a check that has not started."""
        return TopicCheck(self.settings, [self.spec(shards)], self.deaths.append)

    def started(self, shards: int = 0) -> TopicCheck:
        """Check once; nothing watches afterwards."""
        check = self.check(shards)
        check.start()
        check.stop()
        return check

    def create(self, name: str, partitions: int = 2, **config: str) -> None:
        """Create a topic."""
        new = NewTopic(self._prefix + name, partitions, 1, config=config)
        self._client.create_topics([new])[new.topic].result(30)
        until(lambda: self._prefix + name in self._topics())

    def delete(self, name: str) -> None:
        """Delete a topic."""
        self._client.delete_topics([self._prefix + name])[self._prefix + name].result(30)
        until(lambda: self._prefix + name not in self._topics())

    def grow(self, name: str, partitions: int) -> None:
        """Give a topic more partitions."""
        topic = self._prefix + name
        self._client.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)
        until(lambda: self._topics()[topic].partitions == partitions)

    def build(self, offset: int, origin: Origin, partition: int = 1, more: int = 0) -> None:
        """Commit a row and an applied record to the changelog; others write behind it."""
        client = producer(self.settings, {"transactional.id": f"{self._prefix}{partition}"})
        client.init_transactions(30)
        client.begin_transaction()
        client.produce(f"{self._prefix}log", key=b"v1", value=b"row", partition=partition)
        client.produce(
            f"{self._prefix}log", key=APPLIED_KEY, value=pack_applied(offset, origin), partition=partition
        )
        client.commit_transaction(30)
        client.begin_transaction()
        for number in range(more):
            client.produce(f"{self._prefix}log", key=b"v%d" % number, value=b"row", partition=partition)
        client.commit_transaction(30)

    def _topics(self) -> dict[str, TopicInfo]:
        return describe_topics(
            self.settings, [self._prefix + name for name in ("in", "log", "dead", "rules")]
        )


@pytest.fixture
def ground(kafka: KafkaCluster, topic_prefix: str) -> Ground:
    """Give the topics."""
    return Ground(kafka.bootstrap_servers, topic_prefix)


def test_growth_is_refused_now_and_for_ever(ground: Ground) -> None:
    """The source grows under a worker, the changelog after it: numbers agree again, keys have moved."""
    check = ground.started()
    ground.build(5, check.origin(ground.spec()))
    check.check()
    assert not ground.deaths
    ground.grow("in", 4)
    check.check()
    (death,) = ground.deaths
    assert isinstance(death, PartitionsChangedError)
    assert "in has 4 partitions, the state of stage toy was built for 2" in str(death)
    with pytest.raises(PartitionsChangedError):
        check.origin(ground.spec())
    with pytest.raises(PartitionsChangedError, match="log has 2 partitions"):
        ground.started()
    ground.grow("log", 4)
    with pytest.raises(PartitionsChangedError, match="built for 2") as refusal:
        ground.started()
    assert "nearline replay --from-topic" in refusal.value.next_step


def test_a_topic_of_the_same_name_is_not_the_same(ground: Ground) -> None:
    """Deleted and created again: its offsets mean something else, however many there are."""
    check = ground.started()
    ground.build(0, check.origin(ground.spec()))
    ground.delete("in")
    ground.create("in")
    check.check()
    assert isinstance(ground.deaths[0], SourceRecreatedError)
    with pytest.raises(SourceRecreatedError, match="created again") as refusal:
        ground.started()
    assert "NEARLINE_GROUP" in refusal.value.next_step


def test_databases_belong_to_one_changelog(ground: Ground) -> None:
    """A changelog that is created again has other databases; both say which cluster they are on."""
    before = ground.started().identity(ground.spec(), 1)
    assert before == ground.started().identity(ground.spec(), 1)
    ground.delete("log")
    ground.create("log")
    after = ground.started().identity(ground.spec(), 1)
    assert (after.cluster, after.changelog) == (before.cluster, before.changelog)
    assert len(before.cluster) == 22
    assert before.topic_id != after.topic_id


def test_a_deleted_topic_ends_the_worker(ground: Ground) -> None:
    """One check may be an error of a broker that has just started; the second is believed."""
    check = ground.started()
    ground.delete("in")
    check.check()
    assert not ground.deaths
    check.check()
    (death,) = ground.deaths
    assert isinstance(death, TopicError)
    assert "does not exist" in str(death)


@pytest.mark.parametrize("change", ["grown", "deleted", "created again"])
def test_a_further_topic_that_changes_ends_the_worker(ground: Ground, change: str) -> None:
    """Pages that would go to other partitions, rules that nobody would read any more: it is named."""
    ground.create("rules")
    check = TopicCheck(ground.settings, [ground.spec()], ground.deaths.append, others=[ground.name("rules")])
    check.start()
    check.stop()
    check.check()
    if change == "grown":
        ground.grow("rules", 4)
    else:
        ground.delete("rules")
    if change == "created again":
        ground.create("rules")
    for _ in range(topic_check.MISSES):
        assert not ground.deaths
        check.check()
    (death,) = ground.deaths
    assert isinstance(death, TopicError)
    assert ground.name("rules") in str(death)
    wanted = {"grown": "has 4 partitions", "deleted": "does not exist", "created again": "created again"}
    assert wanted[change] in str(death)


def test_a_missing_further_topic_is_named_at_the_start(ground: Ground) -> None:
    """Before anything is read."""
    check = TopicCheck(ground.settings, [ground.spec()], ground.deaths.append, others=[ground.name("no")])
    with pytest.raises(TopicError, match="does not exist"):
        check.start()


def test_a_broker_that_is_silent_ends_nothing(ground: Ground, nowhere: str) -> None:
    """Whether topics changed is asked again when it answers."""
    check = ground.started()
    check._client = None
    check._settings = Settings(brokers=nowhere)
    check.check()
    assert not ground.deaths


def test_shards_are_remembered(ground: Ground) -> None:
    """Titles that are spread over another number of shards are elsewhere than their rows."""
    check = ground.started(shards=1)
    ground.build(5, check.origin(ground.spec(shards=1)))
    ground.started(shards=1)
    with pytest.raises(PartitionsChangedError, match="built for 1 shards, NEARLINE_TITLE_SHARDS is 2"):
        ground.started(shards=2)


def test_the_thread_looks(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A running worker notices by itself."""
    monkeypatch.setattr(topic_check, "PAUSE_S", 0.02)
    check = ground.check()
    check.start()
    ground.grow("in", 3)
    until(lambda: ground.deaths)
    check.stop()
    assert isinstance(ground.deaths[0], PartitionsChangedError)


def test_the_newest_applied_record_is_found(ground: Ground) -> None:
    """In each partition that has one, however much others wrote behind it."""
    ground.build(1, Origin(7), partition=0, more=100)
    ground.build(2, Origin(8), partition=1)
    ground.build(3, Origin(9), partition=1)
    client = consumer(ground.settings, RESTORER)
    topic = ground.spec().changelog
    found = newest_applied(client, topic, {p: ends(client, topic, p) for p in range(2)})
    client.close()
    assert {p: origin_of(value).parts for p, value in found.items()} == {0: 7, 1: 9}


def test_retention_is_the_topics_own(ground: Ground, embedded: EmbeddedCluster) -> None:
    """What the broker says counts; where it says nothing, Kafka's default."""
    ground.delete("log")
    ground.create("log", **{"delete.retention.ms": "1500"})
    assert ground.started().delete_retention_s(ground.spec().changelog) == 1.5
    embedded.create(["in", "log", "dead"])
    elsewhere = TopicCheck(Settings(brokers=embedded.bootstrap_servers), [fold_spec()], ground.deaths.append)
    elsewhere.start()
    elsewhere.stop()
    assert elsewhere.delete_retention_s("log") == 86_400.0
