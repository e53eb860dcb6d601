"""A broker behind TLS, SCRAM-SHA-512 and rights: the least are enough, and what is refused is named."""

import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.strimzi import USERS, user_documents
from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_home, encode
from streams.config.settings import Settings, child_environment
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import KafkaError, KafkaException, TopicPartition
from streams.kafka.produce import EventProducer
from streams.ops.runs.worker_process import ServeProcess, WorkerProcess, make_topics
from tests.conftest import run_cluster
from tests.integration.secured import Secured, add_users, secured
from tests.streams.steps import watch
from tests.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on PATH"),
]
TITLES = World(seed=5, viewers=1, titles=60).titles
TENANTS = ("acme", "globex")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Give a secured broker with the product's topics and the users of `deploy.strimzi`."""
    found = secured(tmp_path_factory.mktemp("secured"), Settings().cache_dir)
    with run_cluster(found.cluster):
        for tenant in (None, *TENANTS):
            make_topics(found.plain(tenant=tenant))
            add_users(found, tenant)
        yield found


def test_the_rights_of_strimzi_are_enough(broker: Secured, tmp_path: Path) -> None:
    """Each user does its part and no more is needed: a page is made, read over HTTP and from the topic."""
    worker = WorkerProcess(broker.plain(), tmp_path, broker.variables("nearline-worker"))
    serve = ServeProcess(broker.plain(), tmp_path)
    serve._variables |= broker.variables("nearline-serve-user")
    with worker, serve, EventProducer(broker.settings("catalog-owner")) as catalog:
        catalog.send_titles(TITLES)
        catalog.flush()
        worker.wait_ready()
        with EventProducer(broker.settings("events-producer")) as events:
            events.send([watch("ada", TITLES[n].title_id, n) for n in range(3)])
        posted = urllib.request.Request(  # noqa: S310 - http, ours
            f"{serve.address}/v1/events",
            encode(watch("ada", TITLES[4].title_id, 4)),
            {"Content-Type": "application/json"},
        )
        serve.wait_ready()
        with urllib.request.urlopen(posted, timeout=10) as answer:  # noqa: S310
            assert answer.status == 202
        page = _await_page(f"{serve.address}/v1/viewers/ada/home", worker, watched=TITLES[4].title_id)
        assert page["viewer_id"] == "ada"
        consumed = _newest_page(broker.settings("pages-consumer"), "ada")
        assert consumed == page["list_id"]
        assert worker.stop() == 0
        assert serve.stop() == 0


def test_what_is_refused_is_named_and_ends_the_process(broker: Secured, tmp_path: Path) -> None:
    """No rights, too few, a wrong password, an unknown authority, no TLS: cause, next step, exit code."""
    acls = next(user_documents())["spec"]["authorization"]["acls"]
    broker.add("nobody", iter(()))
    broker.add("halfway", (acl for acl in acls if acl["resource"]["name"] != topics.HOME))
    seen = {"type": "topic", "name": topics.HOME, "patternType": "literal"}
    broker.add("halfway", iter([{"resource": seen, "operations": ["Describe"], "host": "*"}]))

    _refused(broker.variables("nobody"), tmp_path, 1, "this user has no right to see them", "users.yaml")
    wrong = broker.variables("nearline-worker", KAFKA__SASL_PASSWORD="another")  # noqa: S106 - a wrong one
    _refused(wrong, tmp_path, 2, "Authentication failed", "NEARLINE_KAFKA__SASL_USERNAME")
    stranger = str(broker.authority.with_name("stranger.crt"))
    unknown = broker.variables("nearline-worker", KAFKA__SSL_CA_LOCATION=stranger)
    _refused(unknown, tmp_path, 2, "certificate verify failed", "NEARLINE_KAFKA__SSL_CA_LOCATION")
    _refused({"NEARLINE_BROKERS": broker.address}, tmp_path, 3, "security.protocol", "NEARLINE_BROKERS")

    worker = WorkerProcess(broker.plain(), tmp_path / "halfway", broker.variables("halfway"))
    with worker, EventProducer(broker.settings("events-producer")) as events:
        events.send([watch("bob", TITLES[0].title_id)])
        events.flush()
        worker.wait_dead()
        assert worker.stop() == 2
    log = worker.log.read_text()
    assert "AccessError" in log
    assert all(word in log for word in (topics.HOME, "Topic authorization failed", "users.yaml"))


def test_a_tenants_worker_needs_no_right_but_its_own(broker: Secured, tmp_path: Path) -> None:
    """The worker of a tenant makes pages with the rights of its own user; the others have none of it."""
    one, other = TENANTS
    worker = WorkerProcess(
        broker.plain(tenant=one), tmp_path / one, broker.variables(f"{one}.nearline-worker")
    )
    with (
        worker,
        EventProducer(broker.settings(f"{one}.catalog-owner", tenant=one)) as catalog,
        EventProducer(broker.settings(f"{one}.events-producer", tenant=one)) as events,
    ):
        catalog.send_titles(TITLES)
        catalog.flush()
        worker.wait_ready()
        events.send([watch("ada", TITLES[n].title_id, n, tenant_id=one) for n in range(3)])
        events.flush()
        reader = broker.settings(f"{one}.pages-consumer", tenant=one)
        deadline = time.monotonic() + PATIENCE_S
        while not (page := _newest_page(reader, "ada")) and time.monotonic() < deadline:
            worker.check()
        assert page, worker.log
        assert worker.stop() == 0
    empty = broker.plain(tenant=other).topic(topics.HOME)
    found = kafka_clients.consumer(broker.plain())
    spans = [found.get_watermark_offsets(TopicPartition(empty, n), 10) for n in range(4)]
    assert {high for _, high in spans} == {0}


@pytest.mark.parametrize("user", USERS)
def test_a_user_of_a_tenant_sees_its_own_topics_only(broker: Secured, user: str) -> None:
    """Of all topics of the cluster a user sees those that it has a right to, of its own tenant."""
    for tenant in (None, *TENANTS):
        start = f"{tenant}." if tenant else ""
        settings = broker.settings(start + user, tenant=tenant)
        seen = set(kafka_clients.admin(settings).list_topics(timeout=60).topics)
        assert seen == {start + name for name in USERS[user][0]}


@pytest.mark.parametrize("names", [TENANTS, TENANTS[::-1], (TENANTS[0], None), (None, TENANTS[0])])
def test_a_tenant_is_refused_what_is_anothers(broker: Secured, names: tuple[str | None, str | None]) -> None:
    """Neither a tenant nor an installation without one may read, write, join or commit as another."""
    one, other = names
    own = broker.settings(f"{one}.nearline-worker" if one else "nearline-worker", tenant=one)
    foreign = broker.plain(tenant=other)
    topic, group = foreign.topic(topics.EVENTS), foreign.consumer_group

    assert _reading(own, own.topic(topics.EVENTS), own.consumer_group) is None
    assert _reading(own, topic, own.consumer_group) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert _reading(own, own.topic(topics.EVENTS), group) == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert _writing(own, own.topic(topics.SIGNALS), f"{own.consumer_group}-test") is None
    refused = _writing(own, own.topic(topics.SIGNALS), f"{group}-test")
    assert refused == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    refused = _writing(own, foreign.topic(topics.SIGNALS), f"{own.consumer_group}-test")
    assert refused == KafkaError.TOPIC_AUTHORIZATION_FAILED


def _reading(settings: Settings, topic: str, group: str) -> int | None:
    """Read a topic and commit as a member of a group; return the code of the refusal, if there is one."""
    client = kafka_clients.consumer(settings, {"group.id": group, "enable.partition.eof": True})
    place = TopicPartition(topic, 0, 0)
    try:
        client.subscribe([topic])
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            message = client.poll(0.2)
            error = message.error() if message is not None else None
            if error is not None and kafka_clients.refused(error, topic) is not None:
                return error.code()
            if message is not None:  # a record, or the end
                client.commit(offsets=[place], asynchronous=False)
                return None
    except KafkaException as error:
        return error.args[0].code()
    finally:
        client.close()
    return pytest.fail("no answer")


def _writing(settings: Settings, topic: str, transactional_id: str) -> int | None:
    """Write a record in a transaction; return the code of the refusal, if there is one."""
    client = kafka_clients.producer(settings, {"transactional.id": transactional_id})
    codes: list[int] = []

    def on_delivery(error: KafkaError | None, _: object) -> None:
        if error is not None:
            codes.append(error.code())

    try:
        client.init_transactions(PATIENCE_S)
        client.begin_transaction()
        client.produce(topic, b"", partition=0, on_delivery=on_delivery)
        client.flush(PATIENCE_S)
        client.abort_transaction(PATIENCE_S)
    except KafkaException as error:
        codes.append(error.args[0].code())
    return codes[0] if codes else None


def _await_page(address: str, worker: WorkerProcess, *, watched: str) -> dict[str, object]:
    """Wait until a viewer has a page that knows of a title, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        worker.check()
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - http, ours
            stored, body = answer.headers["Nearline-Source"] == "stored", answer.read()
        page = decode_home(body) if stored else None
        if page is not None and watched not in {i.title_id for row in page.rows[:1] for i in row.items}:
            return dict(json.loads(body))
        time.sleep(0.2)
    pytest.fail(f"no page in {PATIENCE_S:g} s; {worker.log}")


def _newest_page(settings: Settings, viewer: str) -> str:
    """Read a viewer's newest page as a consumer of the topic would, in a group of its own."""
    group = f"{settings.tenant}.pages-consumer-1" if settings.tenant else "pages-consumer-1"
    reader = kafka_clients.consumer(settings, {"group.id": group, "enable.partition.eof": True})
    reader.subscribe([settings.topic(topics.HOME)])
    found, ends = "", set[int]()
    deadline = time.monotonic() + PATIENCE_S
    while len(ends) < 4 and time.monotonic() < deadline:
        for message in reader.consume(100, 0.2):
            if message.error() is not None:
                ends.add(message.partition() or 0)
            elif message.key() == viewer.encode() and message.value() is not None:
                found = decode_home(message.value()).list_id
    reader.commit(offsets=[TopicPartition(settings.topic(topics.HOME), 0, 0)], asynchronous=False)
    reader.close()
    return found


def _refused(variables: dict[str, str], folder: Path, code: int, *words: str) -> None:
    """Start a worker that may not go on, and look at what it says."""
    own = {"NEARLINE_STATE_DIR": str(folder / "refused"), "NEARLINE_HTTP_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "streams", "worker"],
        env=child_environment() | own | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
