"""The command line as a whole: help, version, exit codes, and that it is quick."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

from streams import cli
from streams.cli import COMMANDS, main

HEAVY = (
    "numba",
    "numpy",
    "river",
    "faust",
    "aiokafka",
    "confluent_kafka",
    "pyarrow",
    "matplotlib",
    "pydantic",
)


def test_help_imports_nothing_heavy() -> None:
    """`nearline --help` loads none of the big packages: that is what makes it quick."""
    code = (
        "import sys\n"
        "from streams.cli import main\n"
        "main(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the installed version and nothing else."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nearline {metadata.version('nearline')}\n"


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_every_command_has_help_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command explains itself and ends with lines that can be copied."""
    assert main([name, "--help"]) == 0
    assert f"$ nearline {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["nonsense"], ["kafka", "start", "--nodes", "2"], ["topics", "check", "--what"]]
)
def test_bad_usage_is_code_2(words: list[str]) -> None:
    """A command, a value or an option that is not there ends with code 2."""
    assert main(words) == 2


def test_unreachable_broker_is_code_3(nowhere: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A closed port ends with code 3 and says what to do; the driver, written in C, says nothing itself."""
    assert main(["topics", "check", "--brokers", nowhere]) == 3
    said = capfd.readouterr()
    assert said.err.startswith("error: no Kafka broker answers")
    assert "nearline kafka start" in said.err
    assert "rdkafka" not in said.err + said.out


def test_wrong_setting_is_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt variable stops every command that reads settings."""
    monkeypatch.setenv("NEARLINE_BROKER", "x")
    assert main(["config", "show"]) == 2
    assert "did you mean NEARLINE_BROKERS?" in capsys.readouterr().err


def test_unforeseen_error_is_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug in a command becomes text and code 1."""
    broken = cli.Command("broken", f"{__name__}:fail", ())
    monkeypatch.setattr(cli, "COMMANDS", (broken,))
    monkeypatch.setitem(sys.modules, __name__, type(sys)(__name__))
    sys.modules[__name__].fail = _fail  # type: ignore[attr-defined]
    assert main(["broken"]) == 1
    assert "RuntimeError: oops" in capsys.readouterr().err


def _fail() -> None:
    """Raise what nobody foresaw."""
    msg = "oops"
    raise RuntimeError(msg)


def test_config_show_masks_secrets_and_names_sources(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Passwords appear nowhere, and every value says where it came from."""
    monkeypatch.setenv("NEARLINE_KAFKA__SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("NEARLINE_KAFKA__SSL_KEY_PEM", "-----BEGIN PRIVATE KEY----- MIIE")
    monkeypatch.setenv("NEARLINE_KAFKA__SASL_OAUTHBEARER_CONFIG", "MIIE")
    monkeypatch.setenv("NEARLINE_KAFKA__SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("NEARLINE_SERVE__WORKERS", '["http://user:hunter2@w:8000/metrics"]')
    monkeypatch.setenv("NEARLINE_THREADS", "3")
    assert main(["config", "show", "--json", "-"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert "hunter2" not in captured.out + captured.err
    assert "MIIE" not in captured.out + captured.err
    assert document["kafka.sasl.password"]["value"] == "********"
    assert document["kafka.ssl.key.pem"]["value"] == "********"
    assert document["kafka.sasl.mechanism"]["value"] == "PLAIN"
    assert document["serve.workers"]["value"] == ["http://********@w:8000/metrics"]
    assert document["threads"] == {"value": 3, "source": "NEARLINE_THREADS", "variable": "NEARLINE_THREADS"}
    assert document["group"]["source"] == "default"


def test_kafka_status_without_a_cluster_is_bad_usage(
    tmp_path: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asking about a cluster that was never made says how to make one."""
    assert main(["kafka", "status", "--dir", str(tmp_path)]) == 2
    assert "nearline kafka start" in capsys.readouterr().err
