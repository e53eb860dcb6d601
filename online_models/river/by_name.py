"""Build a River ranker from its dotted name and literal arguments, without ``eval``."""

import ast
import inspect
from importlib import import_module
from typing import Any

from river.reco.base import Ranker

from online_models.errors import UnknownRankerError

__all__ = ["ranker_by_name"]

NESTED_PACKAGES = ("river", "online_models")
"""Packages of the classes that nested arguments (optimizers, configs) may be built from."""


def ranker_by_name(text: str, seed: int | None = None) -> Ranker:
    """Build a ranker from a dotted name, with or without arguments.

    Parameters
    ----------
    text
        ``package.module.Class`` or ``package.module.Class(argument=value, ...)``; values are Python literals
        or calls of classes of River and of this package, such as an optimizer or a config.
    seed
        Passed to a class that takes a ``seed``, unless the text gives one.

    Raises
    ------
    UnknownRankerError
        The text is no such call, the name cannot be imported, it is no subclass of River's
        ``reco.base.Ranker``, or its arguments are invalid.

    Examples
    --------
    >>> ranker_by_name("river.reco.FunkMF(n_factors=20, optimizer=river.optim.SGD(0.005))").n_factors
    20
    >>> ranker_by_name("river.reco.BiasedMF", seed=7).seed
    7
    >>> ranker_by_name("os.getcwd")
    Traceback (most recent call last):
    online_models.errors.UnknownRankerError: os.getcwd is no subclass of river.reco.base.Ranker
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        msg = f"{text} is not written as package.module.Class(argument=value)"
        raise UnknownRankerError(msg) from None
    name, call = (tree.func, tree) if isinstance(tree, ast.Call) else (tree, None)
    kind = _imported(_dotted(name, text))
    if not (inspect.isclass(kind) and issubclass(kind, Ranker)):
        msg = f"{_dotted(name, text)} is no subclass of river.reco.base.Ranker"
        raise UnknownRankerError(msg)
    positional, named = _arguments(call, text) if call else ([], {})
    if seed is not None and "seed" in inspect.signature(kind).parameters:
        named.setdefault("seed", seed)
    return _built(kind, positional, named, text)  # type: ignore[no-any-return]  # checked above


def _arguments(call: ast.Call, text: str) -> tuple[list[Any], dict[str, Any]]:
    if any(keyword.arg is None for keyword in call.keywords):
        msg = f"{text}: give each argument by name: ** is not allowed"
        raise UnknownRankerError(msg)
    named = {str(keyword.arg): _value(keyword.value, text) for keyword in call.keywords}
    return [_value(argument, text) for argument in call.args], named


def _value(node: ast.expr, text: str) -> Any:  # noqa: ANN401 - any argument of a class
    """Read a literal, or build a nested object."""
    if isinstance(node, ast.Call):
        name = _dotted(node.func, text)
        kind = _imported(name)
        if not (inspect.isclass(kind) and name.split(".")[0] in NESTED_PACKAGES):
            msg = f"{text}: {name} is no class of {' or '.join(NESTED_PACKAGES)}"
            raise UnknownRankerError(msg)
        return _built(kind, *_arguments(node, text), text)
    try:
        return ast.literal_eval(node)
    except ValueError:
        msg = f"{text}: {ast.unparse(node)} is neither a literal nor the call of a class"
        raise UnknownRankerError(msg) from None


def _built(kind: Any, positional: list[Any], named: dict[str, Any], text: str) -> Any:  # noqa: ANN401
    try:
        return kind(*positional, **named)
    except (TypeError, ValueError) as error:
        msg = f"{text} cannot be built: {error}"
        raise UnknownRankerError(msg) from error


def _dotted(node: ast.expr, text: str) -> str:
    """Return the dotted name of a chain of attributes."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, text)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    msg = f"{text}: {ast.unparse(node)} is no dotted name"
    raise UnknownRankerError(msg)


def _imported(name: str) -> Any:  # noqa: ANN401 - any attribute of a module
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        msg = f"{name} cannot be imported"
        raise UnknownRankerError(msg) from None
