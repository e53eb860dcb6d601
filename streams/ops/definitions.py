"""Definitions of experiments and rules that people write: as JSON, or field by field.

The command line and the console read them here, so that both say the same about what is wrong.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from schemas import DecodeError
from schemas.catalog import Tags
from schemas.codec import decode_experiment, decode_rule
from schemas.diagnosis import defects, foreign_fields
from schemas.experiments import Experiment
from schemas.rules import BusinessRule
from streams.errors import SettingsError

__all__ = ["experiment_of", "rule_of", "tags_of"]

One = TypeVar("One", bound=Struct)


def experiment_of(data: bytes, *, source: str) -> Experiment:
    """Read the definition of an experiment; it need not say that it is a draft.

    Parameters
    ----------
    data
        JSON.
    source
        What the reader of an error calls it.

    Raises
    ------
    SettingsError
        It is not valid; the text has every reason.

    Examples
    --------
    >>> experiment_of(b'{"experiment_id": "x", "arms": [], "alfa": 1}', source="x.json")
    Traceback (most recent call last):
    streams.errors.SettingsError: x.json is no valid experiment: ...alfa: no such field...
    """
    example = "experiment.v1.full.pass.json"
    return _read(data, decode_experiment, Experiment, source=source, example=example, state="draft")


def rule_of(data: bytes, *, source: str) -> BusinessRule:
    """Read the definition of a rule; a misspelt restriction would widen it, so unknown fields are refused.

    Raises
    ------
    SettingsError
        It is not valid; the text has every reason.
    """
    return _read(data, decode_rule, BusinessRule, source=source, example="rule.v1.boost.pass.json")


def tags_of(given: Iterable[str]) -> dict[str, list[str]]:
    """Group tags as ``kind:value`` by kind.

    Raises
    ------
    SettingsError
        One is not a tag.

    Examples
    --------
    >>> tags_of(["genre:Drama", "genre:Crime", "mood:dark"])
    {'genre': ['Drama', 'Crime'], 'mood': ['dark']}
    """
    out: dict[str, list[str]] = {}
    for one in given:
        kind, _, value = one.partition(":")
        if kind not in Tags.__struct_fields__ or not value:
            what, why = f"{one!r} is not a tag", f"KIND is one of {', '.join(Tags.__struct_fields__)}"
            raise SettingsError(what, why=why, next_step="give KIND:VALUE, for example genre:Drama")
        out.setdefault(kind, []).append(value)
    return out


def _read(
    data: bytes,
    decode: Callable[[bytes | None], One],
    kind: type[One],
    *,
    source: str,
    example: str,
    **defaults: str,
) -> One:
    document: object = None
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = msgspec.json.decode(data)
    if isinstance(document, dict):
        document = defaults | document
        data = msgspec.json.encode(document)
    found = list(_faults(kind, document)) if isinstance(document, dict) else []
    try:
        made = decode(data)
    except DecodeError as error:
        found = found or [str(error)]
    if found:
        what, advice = f"{source} is no valid {_words(kind)}", f"see schemas/contracts/examples/{example}"
        raise SettingsError(what, why="; ".join(found), next_step=advice)
    return made


def _faults(kind: type[Struct], document: Mapping[str, Any]) -> Iterable[str]:
    yield from map(str, defects(kind, document))
    for path in foreign_fields(kind, document):
        yield f"{path}: no such field"


def _words(kind: type[Struct]) -> str:
    """Return the name of a struct in words: of `BusinessRule` business rule."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind.__name__).strip()
