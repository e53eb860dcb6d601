"""Names of settings: paths of values, names of variables, and suggestions for misspelt ones.

Nothing here reads the environment; :mod:`streams.config.settings` passes it in.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass

from pydantic import BaseModel

from streams.errors import SettingsError

PREFIX = "NEARLINE_"
"""Prefix of our variables."""

NOT_SETTINGS = frozenset({"NEARLINE_REQUIRE_KAFKA"})
"""Variables with our prefix that belong to the test suite, not to the product."""

OPEN_GROUPS = ("NEARLINE_KAFKA__", "NEARLINE_SCHEMA_REGISTRY__")
"""Any name may follow: Confluent's clients check their properties themselves."""

Path = tuple[str, ...]
"""Path of a value: ("model", "cowatch", "window")."""


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield path and value of each single setting in groups of any depth.

    Examples
    --------
    >>> list(leaves({"kafka": {"acks": "all"}, "group": "g"}))
    [(('kafka', 'acks'), 'all'), (('group',), 'g')]
    """
    if isinstance(value, BaseModel):
        parts = {name: getattr(value, name) for name in type(value).model_fields}
    elif is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
    elif isinstance(value, dict):
        parts = value
    else:
        yield path, value
        return
    for name, part in parts.items():
        yield from leaves(part, (*path, name))


def variable(path: Path) -> str:
    """Return the variable that sets a value.

    Examples
    --------
    >>> variable(("model", "cowatch", "window")), variable(("kafka", "sasl.mechanism"))
    ('NEARLINE_MODEL__COWATCH__WINDOW', 'NEARLINE_KAFKA__SASL_MECHANISM')
    """
    return PREFIX + "__".join(path).upper().replace(".", "_")


def refuse_unknown(environ: Iterable[str], known: Iterable[Path]) -> None:
    """Raise if a variable with our prefix names no setting.

    Parameters
    ----------
    environ
        Names of the variables that are set.
    known
        Paths of every setting and group.

    Raises
    ------
    SettingsError
        With the nearest known name as the next step.

    Examples
    --------
    >>> refuse_unknown(["NEARLINE_BROKER"], [("brokers",), ("group",)])
    Traceback (most recent call last):
    streams.errors.SettingsError: unknown variable NEARLINE_BROKER: ... (did you mean NEARLINE_BROKERS?)
    """
    names = {variable(path) for path in known}
    for given in sorted(environ):
        name = given.upper()
        if not name.startswith(PREFIX) or name.startswith(OPEN_GROUPS) or name in names | NOT_SETTINGS:
            continue
        near = difflib.get_close_matches(name, sorted(names), n=1)
        advice = f"did you mean {near[0]}?" if near else "`nearline config show` lists every setting"
        what = f"unknown variable {given}"
        raise SettingsError(what, why="no setting has this name", next_step=advice)


def lists_read(value: object) -> object:
    """Replace every text that is a JSON list by the list, at any depth of dictionaries.

    Examples
    --------
    >>> lists_read({"factorization": {"horizons": "[0.8, 0.97]"}})
    {'factorization': {'horizons': [0.8, 0.97]}}
    """
    if isinstance(value, Mapping):
        return {name: lists_read(part) for name, part in value.items()}
    if isinstance(value, str) and value.startswith("["):
        return json.loads(value)
    return value


def split_list(value: object) -> object:
    """Return the items of a text with commas, or of a JSON list; anything else as it is.

    Examples
    --------
    >>> split_list("http://a:1, http://b:2"), split_list('["10.0.0.0/8"]'), split_list(("x",))
    (['http://a:1', 'http://b:2'], ['10.0.0.0/8'], ('x',))
    """
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [item.strip() for item in value.split(",") if item.strip()]
