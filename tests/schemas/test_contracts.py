"""The contract files say what the code does, and what was released stays true."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from schemas import DecodeError
from schemas.codec import (
    decode_alert,
    decode_audit,
    decode_dead_letter,
    decode_demand,
    decode_event,
    decode_experiment,
    decode_experiment_result,
    decode_home,
    decode_model_switch,
    decode_model_version,
    decode_rule,
    decode_switch_marker,
    decode_title,
    decode_title_insight,
    decode_trending,
    encode,
)
from schemas.contract_tools import contracts
from schemas.contract_tools.compatibility import breaks
from schemas.errors import ContractError
from schemas.events import EVENT_TYPES
from schemas.json_schema import MESSAGES, documents

DECODERS: dict[str, Any] = {
    **dict.fromkeys(EVENT_TYPES, decode_event),
    "title": decode_title,
    "home": decode_home,
    "alert": decode_alert,
    "trending": decode_trending,
    "dead_letter": decode_dead_letter,
    "experiment": decode_experiment,
    "experiment_result": decode_experiment_result,
    "title_insight": decode_title_insight,
    "facet_demand": decode_demand,
    "search_demand": decode_demand,
    "cohort_demand": decode_demand,
    "rule": decode_rule,
    "audit": decode_audit,
    "model_version": decode_model_version,
    "model_switch": decode_model_switch,
    "switch_marker": decode_switch_marker,
}
NEW = {
    "audit",
    "alert",
    "forget",
    "history",
    "identify",
    "model_version",
    "model_switch",
    "switch_marker",
    "experiment",
    "rule",
    "experiment_result",
    "title_insight",
    "facet_demand",
    "search_demand",
    "cohort_demand",
}
"""Messages that no release has yet."""
EXAMPLES = sorted((contracts.FOLDER / "examples").glob("*.json"))
PASSING = [path for path in EXAMPLES if path.name.endswith(".pass.json")]
FAILING = [path for path in EXAMPLES if path.name.endswith(".fail.json")]
RELEASED = sorted((contracts.FOLDER / "released").glob("*/*.json"))


DOCUMENTS = documents()
"""The generated schemas by file."""


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the validator of a message's generated schema."""
    schema = DOCUMENTS[f"{name}.v1.schema.json"]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def message_name(path: Path) -> str:
    """Return the message that an example is of."""
    return path.name.split(".")[0]


def names(path: Path) -> str:
    """Return a readable test id."""
    return path.name.removesuffix(".json")


def test_the_files_are_what_the_code_generates() -> None:
    """A change of a struct shows in the contract files, in the same commit."""
    contracts.check()


@pytest.mark.parametrize("path", PASSING, ids=names)
def test_a_pass_example_is_accepted_by_schema_and_codec(path: Path) -> None:
    """What the documentation shows as valid is valid, for every reader."""
    name = message_name(path)
    validator(name).validate(json.loads(path.read_bytes()))
    message = DECODERS[name](path.read_bytes())
    assert type(message) is MESSAGES[name]
    assert DECODERS[name](encode(message)) == message


@pytest.mark.parametrize("path", FAILING, ids=names)
def test_a_fail_example_is_refused_by_schema_and_codec(path: Path) -> None:
    """What the documentation shows as invalid is refused by both, for the reason that its name gives."""
    name = message_name(path)
    assert not validator(name).is_valid(json.loads(path.read_bytes()))
    with pytest.raises(DecodeError) as caught:
        DECODERS[name](path.read_bytes())
    assert caught.value.reason == path.name.split(".")[2].split("-")[0]


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_has_examples_of_both_kinds(name: str) -> None:
    """Every message has valid and invalid examples."""
    assert name in {message_name(path) for path in PASSING}
    assert name in {message_name(path) for path in FAILING}


@pytest.mark.parametrize("name", MESSAGES)
def test_whatever_the_codec_writes_the_schema_accepts(name: str, valid: Any) -> None:
    """A consumer that validates by the published schema never refuses a message of ours."""
    check = validator(name)

    @given(valid(MESSAGES[name]))
    def law(message: Any) -> None:
        check.validate(json.loads(encode(message)))

    law()


def test_the_schema_of_any_event_accepts_each_and_tells_them_apart() -> None:
    """The schema for the whole topic accepts every event example as exactly one type."""
    check = validator("event")
    for path in PASSING:
        assert check.is_valid(json.loads(path.read_bytes())) == (message_name(path) in EVENT_TYPES)


def test_every_field_is_described() -> None:
    """No property of a message is left without a sentence about its meaning."""
    for name, schema in DOCUMENTS.items():
        for part in (schema, *schema.get("$defs", {}).values()):
            for field, body in part.get("properties", {}).items():
                assert field == "type" or body["description"], f"{name}: {field}"


def test_there_are_released_schemas() -> None:
    """The tests below have something to hold on to, for every message but those that came since."""
    assert {path.name for path in RELEASED} >= {f"{name}.v1.schema.json" for name in MESSAGES.keys() - NEW}


def test_released_schemas_never_change() -> None:
    """The bytes of what was released are pinned."""
    pins = json.loads((contracts.FOLDER / "released" / "sha256.json").read_bytes())
    folder = contracts.FOLDER / "released"
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in RELEASED
    }
    assert found == pins


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_nothing_released_is_broken(path: Path) -> None:
    """Whoever relied on a released schema can rely on today's."""
    assert breaks(json.loads(path.read_bytes()), DOCUMENTS[path.name]) == []


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_released_schema_still_knows_the_pass_examples(path: Path) -> None:
    """Released schemas accept the valid examples of today: unknown fields are ignored."""
    check = Draft202012Validator(json.loads(path.read_bytes()))
    for example in PASSING:
        if message_name(example) == path.name.split(".")[0]:
            check.validate(json.loads(example.read_bytes()))


def test_write_makes_check_pass_and_removes_strays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing into an empty folder gives exactly the generated files, and again after damage."""
    monkeypatch.setattr(contracts, "generated", cache(contracts.generated))  # the same five times
    with pytest.raises(ContractError, match=r"play\.v1\.schema\.json"):
        contracts.check(tmp_path)
    contracts.write(tmp_path)
    (tmp_path / "stray.json").write_text("{}")
    with pytest.raises(ContractError, match=r"stray\.json"):
        contracts.check(tmp_path)
    contracts.write(tmp_path)
    contracts.check(tmp_path)


def test_a_release_is_pinned_and_happens_once(tmp_path: Path) -> None:
    """A release keeps the schemas with their hashes and cannot be overwritten."""
    contracts.release("1.0.0", tmp_path)
    contracts.release("1.1.0", tmp_path)
    pins = json.loads((tmp_path / "released" / "sha256.json").read_bytes())
    assert len(pins) == 2 * len(DOCUMENTS)
    with pytest.raises(ContractError, match="never change"):
        contracts.release("1.0.0", tmp_path)


def test_the_command_says_what_drifted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends with 0 when all is well, and with 1 and the files' names when not."""
    assert contracts.main([]) == 0
    monkeypatch.setattr(contracts, "document", dict)
    assert contracts.main([]) == 1
    assert "asyncapi.json" in capsys.readouterr().err
