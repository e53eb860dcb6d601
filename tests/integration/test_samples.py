"""The samples in four languages: events where Java would put them, pages as they are.

Each sample is built in a temporary folder by its language's own tools, sends one event for each golden key,
and prints the pages that a real worker has made of them.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from online_models.simulation import World
from schemas import DecodeError, topics
from schemas.codec import decode_event, decode_home
from schemas.contract_tools import contracts
from schemas.pages import Home
from streams.config.settings import Settings
from streams.kafka.clients import producer
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.integration import oracle
from tests.waiting import PATIENCE_S

SAMPLES = Path(__file__).resolve().parents[2] / "deploy/samples"
PARTITIONS = 4
"""Few, so that the worker starts soon: that 30 keys agree by chance is as likely as 1 in 4^30."""


def _event_of(viewer: str) -> bytes:
    return json.dumps(
        {
            "type": "play",
            "event_id": "e",
            "viewer_id": viewer,
            "event_time_ms": 1764015301000,
            "title_id": "t",
        }
    ).encode()


def _is_viewer(key: str | None) -> bool:
    """Say whether a golden key can be a viewer's id, and a word on a command line."""
    try:
        decode_event(_event_of(key or ""))
    except DecodeError:
        return False
    return True


VECTORS = json.loads((contracts.FOLDER / "murmur2.json").read_bytes())["vectors"]
HOMES = {v["key"]: v["partitions"][str(PARTITIONS)] for v in VECTORS if _is_viewer(v["key"])}
"""Where each viewer's events belong."""


@dataclass(frozen=True)
class Installation:
    """Topics with titles, and a worker that makes pages."""

    settings: Settings
    worker: WorkerProcess

    def variables(self) -> dict[str, str]:
        """Return what a sample finds in its environment; Java reads its command line in the locale."""
        theirs = {
            "NEARLINE_BROKERS": self.settings.brokers,
            "NEARLINE_TOPIC_PREFIX": self.settings.topic_prefix,
        }
        return {**os.environ, **theirs, "LC_ALL": "C.UTF-8"}

    def pages(self) -> dict[str, Home]:
        """Return the newest page of each viewer."""
        found = oracle.read(self.settings, topics.HOME)
        return {m.key().decode(): decode_home(m.value()) for m in found if m.value() is not None}

    def await_pages(self) -> dict[str, Home]:
        """Wait until the worker has nothing left to do and everybody has a page."""
        deadline = time.monotonic() + PATIENCE_S
        while set(HOMES) - set(pages := self.pages()):
            self.worker.check()
            assert time.monotonic() < deadline, f"no page for {set(HOMES) - set(pages)}; {self.worker.log}"
            time.sleep(0.2)
        return pages


@pytest.fixture(scope="module")
def installation(kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Give a worker on topics of its own, and one viewer who is to be forgotten."""
    prefix = "samples."
    settings = Settings.load(brokers=kafka.bootstrap_servers, topic_prefix=prefix, group=f"{prefix}n")
    make_topics(settings, partitions=PARTITIONS)
    with EventProducer(settings) as titles:
        titles.send_titles(World(seed=5, viewers=1, titles=60).titles)
    writer = producer(settings)
    page = (contracts.FOLDER / "examples/home.v1.full.pass.json").read_bytes()
    for value in (page, None):
        writer.produce(settings.topic(topics.HOME), key=b"forgotten", value=value)
    assert writer.flush(10) == 0
    with WorkerProcess(settings, tmp_path_factory.mktemp("samples")) as worker:
        worker.wait_ready()
        yield Installation(settings, worker)


def _python(_: Path) -> list[str]:
    return [sys.executable, str(SAMPLES / "python/sample.py")]


def _java(folder: Path) -> list[str]:
    """Compile with Maven, which takes the jars from its own cache when they are there."""
    goals = ["compile", "dependency:copy-dependencies"]
    _run(["mvn", "-q", "-B", "-f", str(SAMPLES / "java/pom.xml"), f"-Dbuilt={folder}", *goals])
    return ["java", "-cp", f"{folder}/classes:{folder}/dependency/*", "Sample"]


def _node(folder: Path) -> list[str]:
    shutil.copytree(SAMPLES / "node", folder, dirs_exist_ok=True)
    _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)])
    return ["node", str(folder / "sample.js")]


def _go(folder: Path) -> list[str]:
    _run(["go", "build", "-o", str(folder / "sample"), "."], cwd=SAMPLES / "go")
    return [str(folder / "sample")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tools", "build"),
    [
        pytest.param((), _python, id="python"),
        pytest.param(("java", "mvn"), _java, id="java", marks=pytest.mark.nightly),
        pytest.param(("node", "npm"), _node, id="node"),
        pytest.param(("go",), _go, id="go", marks=pytest.mark.nightly),
    ],
)
def test_a_sample_sends_events_and_reads_pages(
    installation: Installation, tmp_path: Path, tools: tuple[str, ...], build: Callable[[Path], list[str]]
) -> None:
    """Every viewer's event is in its golden partition; the sample shows the pages that are on the topic."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not on this machine: {', '.join(missing)}")
    sample = build(tmp_path)
    before = len(oracle.read(installation.settings, topics.EVENTS))
    title = f"t-of-{build.__name__}"
    variables = installation.variables()
    _run([*sample, "send", title, *HOMES], env=variables)
    mine = [m for m in oracle.read(installation.settings, topics.EVENTS) if title.encode() in m.value()]
    assert {m.key().decode(): m.partition() for m in mine} == HOMES
    assert len(mine) == len(HOMES) == len(oracle.read(installation.settings, topics.EVENTS)) - before
    assert {decode_event(m.value()).viewer_id for m in mine} == set(HOMES)
    pages = installation.await_pages()
    shown = [json.loads(line) for line in _run([*sample, "lists"], env=variables).splitlines()]
    assert {line["viewer_id"] for line in shown} == set(HOMES)
    for line in shown:
        page = pages[line["viewer_id"]]
        assert line["titles"]
        assert line["seq"] >= page.seq
        if line["seq"] == page.seq:
            assert line["titles"] == [item.title_id for row in page.rows for item in row.items]
    assert not oracle.read(installation.settings, topics.DEAD_LETTERS)


def test_the_java_sample_speaks_as_the_broker_does() -> None:
    """Client and broker of the tests have one version."""
    broker = (SAMPLES.parent / "kafka/pom.xml").read_text(encoding="utf-8")
    client = (SAMPLES / "java/pom.xml").read_text(encoding="utf-8")
    version = broker.split("<kafka.version>")[1].split("<")[0]
    assert f"<artifactId>kafka-clients</artifactId>\n      <version>{version}</version>" in client


def _run(command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-3000:]
    return done.stdout.decode()
