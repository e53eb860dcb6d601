"""The examples of `deploy/connect`: the catalog in, pages out, with Connect of Apache Kafka itself."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from schemas import topics
from schemas.codec import decode_home, decode_title, encode
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.kafka import scan as topic_scan
from streams.kafka.clients import producer
from streams.kafka.produce import put
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.java import find_pom
from streams.ops.runs.worker_process import free_port, make_topics
from tests.integration.connect import FOLDER, Connect
from tests.streams.cli.test_cli_export import a_home
from tests.waiting import until

PARTITIONS = 4


def _standalone(settings: Settings, folder: Path, *connectors: str, redis: str = "") -> Connect:
    names = ("worker.properties", *connectors)
    variables = {
        "NEARLINE_BROKERS": settings.brokers,
        "NEARLINE_TOPIC_PREFIX": settings.topic_prefix,
        "NEARLINE_CONNECT_LISTENER": f"http://127.0.0.1:{free_port()}",
        "NEARLINE_CONNECT_OFFSETS": str(folder / "offsets"),
        "NEARLINE_CONNECT_CATALOG": str(folder / "titles.jsonl"),
        "NEARLINE_CONNECT_PAGES": str(folder / "pages.jsonl"),
        "NEARLINE_CONNECT_REDIS": redis,
    }
    program = "org.apache.kafka.connect.cli.ConnectStandalone"
    return Connect(program, [str(FOLDER / name) for name in names], folder, variables)


FILES = ("catalog-file-source.json", "pages-file-sink.json")


def _line(number: int) -> str:
    title = {"title_id": f"t{number}", "name": f"Film {number}", "duration_s": 5400 + number, "maturity": 12}
    return json.dumps(title | {"tags": {"genre": ["Crime"]}}) + "\n"


@pytest.mark.nightly
@pytest.mark.slow
def test_the_catalog_comes_in_and_pages_go_out(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Titles with their keys, each once also after a restart; a bad line is skipped; only committed pages."""
    settings = Settings.load(brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    make_topics(settings, partitions=PARTITIONS)
    file, pages = tmp_path / "titles.jsonl", tmp_path / "pages.jsonl"
    file.write_text(_line(0) + "no title at all\n" + _line(1))

    def records() -> list[tuple[bytes | None, bytes | None, int | None]]:
        found = topic_scan.read_all(settings, topics.CATALOG)
        return [(message.key(), message.value(), message.partition()) for message in found]

    def written() -> list[str]:
        return pages.read_text().splitlines() if pages.exists() else []

    writer = producer(settings, {"transactional.id": f"{topic_prefix}pages"})
    writer.init_transactions(20)
    for seq, commit in ((1, True), (2, False), (3, True)):
        writer.begin_transaction()
        writer.produce(settings.topic(topics.HOME), key=b"ada", value=encode(a_home("ada", seq)))
        writer.flush()
        if commit:
            writer.commit_transaction(20)
        else:
            writer.abort_transaction(20)
    put(settings, topics.HOME, b"bo", None)
    with _standalone(settings, tmp_path, *FILES) as connect:

        def all_of(titles: int, seen: int) -> bool:
            connect.check()
            return len(records()) >= titles and len(written()) >= seen

        until(lambda: all_of(2, 2))
        with file.open("a") as more:
            more.write(_line(2))
        until(lambda: all_of(3, 2))
        assert "no JSON object" in connect.log or "ERROR" in connect.log  # says which line it has skipped
    with file.open("a") as more:
        more.write(_line(3))
    put(settings, topics.HOME, b"ada", encode(a_home("ada", 4)))
    with _standalone(settings, tmp_path, *FILES) as connect:
        until(lambda: all_of(4, 3))
    found = records()
    assert sorted(key for key, _, _ in found if key) == [b"t0", b"t1", b"t2", b"t3"]
    for key, value, partition in found:
        title = decode_title(value)
        assert (title.title_id.encode(), partition) == (key, partition_for(key, PARTITIONS))
        assert title.duration_s == 5400 + int(title.title_id[1:])
    assert [decode_home(line.encode()).seq for line in written()] == [1, 3, 4]


class Redis:
    """A Redis server on loopback, without a file."""

    def __init__(self) -> None:
        if shutil.which("redis-server") is None or shutil.which("redis-cli") is None:
            pytest.skip("there is no redis-server and redis-cli")
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait for its answer."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: self.ask("PING") == "PONG")

    def ask(self, *words: str) -> str:
        """Return the answer to a command."""
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def stop(self) -> None:
        """End it; what it had is gone."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()


@pytest.mark.nightly
@pytest.mark.slow
def test_redis_has_the_newest_page_of_each_viewer(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Also of those that came while Redis was away; who was forgotten is gone."""
    settings = Settings.load(brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix)
    make_topics(settings, partitions=PARTITIONS)
    redis = Redis()

    def seq(viewer: str) -> int:
        found = redis.ask("GET", f"home:{viewer}")
        return decode_home(found.encode()).seq if found else 0

    redis.start()
    try:
        for viewer, number in (("ada", 1), ("bo", 1), ("ada", 2)):
            put(settings, topics.HOME, viewer.encode(), encode(a_home(viewer, number)))
        connect = _standalone(
            settings, tmp_path, "pages-redis-sink.json", redis=f"redis://127.0.0.1:{redis.port}"
        )
        with connect:
            until(lambda: (connect.check(), (seq("ada"), seq("bo")))[1] == (2, 1))
            redis.stop()
            put(settings, topics.HOME, b"ada", encode(a_home("ada", 3)))
            put(settings, topics.HOME, b"bo", None)
            until(lambda: "RetriableException" in connect.log)
            redis.start()
            put(settings, topics.HOME, b"cy", encode(a_home("cy", 1)))
            until(lambda: (connect.check(), (seq("ada"), seq("bo"), seq("cy")))[1] == (3, 0, 1))
    finally:
        redis.stop()


def test_connect_is_of_the_brokers_version() -> None:
    """Its jars are those of the Kafka that the tests run."""
    ours, theirs = (
        pom.read_text(encoding="utf-8").split("<kafka.version>")[1].split("<")[0]
        for pom in (FOLDER / "pom.xml", find_pom())
    )
    assert ours == theirs


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_a_connector_names_topics_that_exist(file: Path) -> None:
    """Every configuration is JSON with a name and a class, and its topic is one of the table."""
    connector = json.loads(file.read_text(encoding="utf-8"))
    config = connector["config"]
    assert connector["name"].startswith("nearline-")
    assert "." in config["connector.class"]
    topic = config.get("topics") or config.get("topic") or config["topic.prefix"]
    assert topic.removeprefix("${env:NEARLINE_TOPIC_PREFIX}") in topics.TOPICS
    if "topics" in config:  # pages are passed on as they are
        assert config["value.converter"].endswith("StringConverter")
