"""What is shipped for running the product: that it is well formed and agrees with the code."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.brokers.jars import find_pom
from streams.settings import Settings
from streams.variables import variable

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Read the services of docker-compose.yml."""
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    found: dict[str, Any] = document["services"]
    return found


def test_compose_starts_in_order(services: dict[str, Any]) -> None:
    """The worker waits for the topics, the topics wait for a broker that answers."""
    assert set(services) == {"kafka", "topics", "worker"}
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services["worker"]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    assert services["kafka"]["healthcheck"]["test"][0] == "CMD"


def test_compose_runs_the_same_kafka_as_the_tests(services: dict[str, Any]) -> None:
    """The image's version is the pom's."""
    version = re.search(r"<kafka.version>(.+?)</kafka.version>", find_pom().read_text(encoding="utf-8"))
    assert version is not None
    assert services["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_compose_publishes_on_loopback_only(services: dict[str, Any]) -> None:
    """There are no passwords, so nothing listens outside the machine."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_uses_settings_that_exist(services: dict[str, Any]) -> None:
    """Every NEARLINE_ variable names a setting; the broker never creates topics by accident."""
    known = {variable((name,)) for name in Settings.model_fields}
    used = {
        name
        for service in services.values()
        for name in service["environment"]
        if name.startswith("NEARLINE_")
    }
    assert used
    assert used <= known
    assert services["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_image_is_built_from_the_lock_and_not_run_as_root() -> None:
    """The Dockerfile installs the locked versions, and its last user is not root."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert "pip install -r deploy/requirements.lock" in text
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE) == ["nearline"]


def test_image_context_has_all_that_the_build_copies() -> None:
    """What .dockerignore lets through covers every COPY."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = [line[1:] for line in ignore if line.startswith("!")]
    copies = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    sources = [source for line in copies for source in line.split()]
    assert sources
    assert [source for source in sources if source not in allowed] == []
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_decisions_are_numbered_and_complete() -> None:
    """Every ADR has its number, a status, a context, a decision and consequences."""
    records = sorted((ROOT / "deploy/adr").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    for number, record in enumerate(records, start=1):
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. ")
        assert [
            part for part in ("Status:", "## Context", "## Decision", "## Consequences") if part not in text
        ] == []


def test_ci_requires_the_real_broker() -> None:
    """CI runs the README's test command with the switch that turns skips into failures."""
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "NEARLINE_REQUIRE_KAFKA=1 make test" in text
    assert "set -euo pipefail" in text
