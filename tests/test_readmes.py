"""The READMEs are true: links lead somewhere, commands exist, examples do what they say.

The commands of the first hour are run, one after the other, in `tests/integration/test_first_hour.py`.
"""

import doctest
import json
import re
import shlex
from typing import Any

import pytest
import yaml

from schemas.codec import decode_alert, decode_event, decode_home
from streams.cli import build
from streams.config.settings import Settings
from streams.config.variables import OPEN_GROUPS, leaves, variable
from tests.readmes import FILES, ROOT, Command, blocks, commands

TOOLS = {"nearline", "make", "docker", "kubectl", "helm", "promtool", "python", "export"}
"""What a command may begin with: each is checked below, or run by the tests of what it belongs to."""


def _words(command: Command) -> list[str]:
    """Return a command's words, without variables set before it and what follows `&&`."""
    words = shlex.split(command.line.split(" && ")[0])
    return words[next(n for n, word in enumerate(words) if "=" not in word or word.startswith("-")) :]


COMMANDS = [pytest.param(command, id=f"{command.file}: {command.line}") for command in commands()]


@pytest.mark.parametrize("file", FILES)
def test_links_lead_somewhere(file: str) -> None:
    """Every relative link names a file that exists, and a heading that exists in it."""
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        found = (ROOT / file).parent / path if path else ROOT / file
        assert found.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, (
                target
            )


@pytest.mark.parametrize("file", FILES)
def test_examples_in_python_do_what_they_say(file: str) -> None:
    """Everything after >>> gives what stands below it."""
    failed, tried = doctest.testfile(str(ROOT / file), module_relative=False)
    assert failed == 0
    assert tried == sum(block.count(">>> ") for block in blocks(file, "python"))


def test_examples_in_json_are_messages() -> None:
    """The event, the page and the alert of schemas/README.md pass the codec."""
    event, page, alert = blocks("schemas/README.md", "json")
    assert decode_alert(alert.encode()).title_id in page
    assert decode_event(event.encode()).viewer_id == "ada"
    assert decode_home(json.dumps(json.loads(page)).encode()).seq == 17


@pytest.mark.parametrize("file", FILES)
def test_variables_are_settings(file: str) -> None:
    """Every NEARLINE_ variable that is mentioned is one."""
    known = {variable(path) for path, _ in leaves(Settings())} | {
        variable((n,)) for n in Settings.model_fields
    }
    text = (ROOT / file).read_text(encoding="utf-8")
    unknown = {
        name
        for name in re.findall(r"NEARLINE_[A-Z_]*[A-Z]", text)
        if name not in known and not name.startswith((*OPEN_GROUPS, "NEARLINE_TOKEN"))
    }
    assert unknown - {"NEARLINE_KAFKA", "NEARLINE_SCHEMA_REGISTRY", "NEARLINE_MODEL", "NEARLINE"} == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command: Command) -> None:
    """Each is one of ours with options that it has, a target of the Makefile, or a file of the repository."""
    tool, *words = _words(command) if not command.line.startswith("export") else ["export"]
    assert tool in TOOLS
    match tool:
        case "nearline":
            _parse(words)
        case "make":
            targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert words[0] in targets
        case "docker":
            _compose(words)
        case "python":
            assert words[0] == "-m"
            assert words[1] in {"schemas.contract_tools", "deploy.strimzi"}  # `make lint` and tests run them
        case "helm":
            assert (ROOT / words[2]).exists()  # tests/test_helm.py runs it
        case "kubectl" | "promtool":
            assert (ROOT / words[-1]).exists()  # tests/test_kubernetes.py and test_observability.py run them


def _parse(words: list[str]) -> None:
    """Parse a command line of ours without running it."""
    command: Any = build()
    context = command.make_context("nearline", list(words), resilient_parsing=False)
    while words and hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)


def _compose(words: list[str]) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    profiles = {profile for service in services.values() for profile in service.get("profiles", ())}
    assert words[0] == "compose"
    if "--profile" in words:
        assert words[words.index("--profile") + 1] in profiles


def test_a_command_that_does_not_exist_is_found() -> None:
    """The check of the other tests can fail: by command, and by option."""
    for line in ("wrok", "evaluate --ratings x --compair all", "model swap blue"):
        with pytest.raises(Exception, match=r"(?i)no such"):
            _parse(line.split())
