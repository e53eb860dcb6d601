"""Find references in prose that lead nowhere: names of modules, classes and functions, and paths of files.

A reference is what stands in backticks in a docstring, a comment or a Markdown file. Code is read, never
imported, so that this takes seconds. Two kinds are checked:

* A dotted name (package.module.name) must exist. It is looked up from the root, from each package above the
  file, and in every module and class called like its first part. It also passes if that part is a name in
  the code of the file, and in Markdown if nothing is called like it.
* A path (folder/file.py) must exist, and so must the target of a relative link in Markdown.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("schemas", "online_models", "streams", "tests", "deploy")
"""Where code and prose are; the Markdown files at the root come on top."""
UNREAD = ("CHANGELOG.md", "vendor")
"""What speaks of other names on purpose: the table of old names, and files that are not ours."""
ABSENT = re.compile(r"\breference/\w+|\bDESIGN\b|\bGOALS\b")
"""Working papers of the authors, which are not in the repository."""

DISSOLVED = {"beside", "brokers", "experts", "kernels", "operating", "runs"}
"""Folders of the first edition of the house."""

_TICKS = re.compile(r"(`{1,2})([^`\n]+?)\1")
_DOTTED = re.compile(r"~?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(.*\))?")
_PATH = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|yml|yaml|toml|json|lock|svg|png)")
_LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
_BETWEEN_WORDS = re.compile(r"[^\w./-]+")
_IN_COMMENT = re.compile(r"#.*(?:`|reference/|DESIGN|GOALS)")
_CLOSED = {"NamedTuple", "Struct", "StrEnum", "IntEnum", "Enum", "Protocol", "Exception", "object", "Generic"}
"""Bases from outside that add no members worth naming."""


class Prose(NamedTuple):
    """Text and the line on which it begins."""

    line: int
    text: str


class Code(NamedTuple):
    """What the checks ask of a module; its tree would be a hundred times as large."""

    docstrings: list[Prose]
    """Also those of attributes."""
    members: "Members"
    identifiers: frozenset[str]
    """Every name: variables, parameters, attributes, keywords."""
    constants: frozenset[str]
    """The words of all strings."""


class Members(NamedTuple):
    """The names in a module or class, with the members of its classes and the targets of its imports."""

    classes: dict[str, "Members"]
    imports: dict[str, str]
    names: frozenset[str]
    is_open: bool = False
    """True for a class with a base from outside, whose members are not known."""


@cache
def files() -> list[Path]:
    """Return every file with prose, relative to the root."""
    found = [path for top in PACKAGES for kind in ("*.py", "*.md") for path in (ROOT / top).rglob(kind)]
    found += ROOT.glob("*.md")
    paths = sorted(path.relative_to(ROOT) for path in found)
    return [path for path in paths if not any(part in UNREAD for part in path.parts)]


def room(path: Path) -> str:
    """Return the part of the house that a file is in: its package and the folder below it."""
    return "/".join(path.parts[:-1][:2]) or "root"


def dead(path: Path) -> list[str]:
    """Return a line for each reference of a file that leads nowhere."""
    text = (ROOT / path).read_text(encoding="utf-8")
    is_code = path.suffix == ".py"
    found = []
    for begin, prose in _prose(path, text) if is_code else [Prose(1, text)]:
        for number, line in enumerate(prose.splitlines(), begin):
            tokens = [match[2].strip() for match in _TICKS.finditer(line)]
            wrong = [token for token in tokens if not _leads_somewhere(token, path)]
            wrong += ABSENT.findall(line)
            if not is_code:
                wrong += [link for link in _LINK.findall(line) if not (ROOT / path.parent / link).exists()]
            found += [f"{path}:{number}: {token}" for token in wrong]
    return found


def _prose(path: Path, text: str) -> Iterator[Prose]:
    """Yield the docstrings and the comments of a module."""
    yield from _code(ROOT / path).docstrings
    if _IN_COMMENT.search(text):  # tokenizing takes most of the time, and few comments refer to anything
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield Prose(token.start[0], token.string)


def _leads_somewhere(token: str, path: Path) -> bool:
    if _PATH.fullmatch(token):
        return _is_path(token, path)
    dotted = _DOTTED.fullmatch(token)
    return dotted is None or _is_name(dotted[1], path)


def _is_path(token: str, path: Path) -> bool:
    """Say whether a path exists, from the root or from a folder above the file; True for what is not ours."""
    bases = [ROOT, *(ROOT / parent for parent in path.parents)]
    if any((base / token).exists() for base in bases):
        return True
    first, *rest = token.split("/")
    if not rest:
        return not token.endswith((".py", ".md")) or token in _file_names()
    if token.endswith((".py", ".md")):
        return any(file.as_posix().endswith(f"/{token}") for file in files()) or _is_constant(token)
    return first not in PACKAGES or _is_constant(token)


def _is_name(name: str, path: Path) -> bool:
    """Say whether a dotted name exists; True for what is not ours."""
    first = name.split(".", maxsplit=1)[0]
    if first in PACKAGES:
        return _resolves(name)
    module = _module_of(path) if path.suffix == ".py" else ""
    parents = module.split(".") if module else []
    if any(_resolves(".".join([*parents[:n], name])) for n in range(len(parents), 0, -1)):
        return True
    if first in _outside() or _is_constant(name):
        return True
    if path.suffix == ".py":
        return first in _code(ROOT / path).identifiers or bool(_by_suffix(name))
    return _by_suffix(name) is not False and first not in DISSOLVED


def _by_suffix(name: str) -> bool | None:
    """Look a short name up in all modules and classes called like its first part, if there is one."""
    first = name.split(".", maxsplit=1)[0]
    whole = [module for module in _modules() if module.rsplit(".", 1)[-1] == first]
    owners = [module for module in _modules() if first in _members(module).classes]
    found = [_resolves(module[: -len(first)] + name) for module in whole]
    found += [_resolves(f"{module}.{name}") for module in owners]
    return any(found) if found else None


@cache
def _modules() -> dict[str, Path | None]:
    """Return every module by its dotted name; None stands for a folder without an ``__init__``."""
    found: dict[str, Path | None] = {}
    for top in PACKAGES:
        for path in (ROOT / top).rglob("*.py"):
            relative = path.relative_to(ROOT)
            name = _module_of(relative)
            found[name] = path
            parts = name.split(".")
            for n in range(1, len(parts)):
                found.setdefault(".".join(parts[:n]), None)
    return found


def _module_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _resolves(name: str) -> bool:
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        module = ".".join(parts[:n])
        if module in _modules():
            return _has(module, parts[n:])
    return False


def _has(module: str, rest: list[str]) -> bool:
    if not rest:
        return True
    members = _members(module)
    while rest:
        first, *rest = rest
        if first in members.imports:
            target = ".".join([members.imports[first], *rest])
            return target.split(".")[0] not in PACKAGES or _resolves(target)
        if first in members.classes:
            members = members.classes[first]
        else:
            # a plain name: what is inside of it (an attribute of a constant) is not known
            return first in members.names or members.is_open
    return True


def _members(module: str) -> Members:
    path = _modules()[module]
    if path is None:
        return Members({}, {}, frozenset())
    return _code(path).members


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _code(path: Path) -> Code:
    """Read a module, once and in one walk."""
    tree = ast.parse(_text(path))
    docstrings, identifiers, strings = [], set(), set()
    prose: set[ast.expr] = set()
    for node in ast.walk(tree):  # parents before their children
        match node:
            case ast.Expr(value=ast.Constant(value=str(text)) as constant):
                docstrings.append(Prose(node.lineno, text))
                prose.add(constant)
            case ast.Constant(value=str(text)) if node not in prose:
                strings.add(text)
            case (
                ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name))
            ):
                identifiers.add(name)
    constants = {word for text in strings for word in _BETWEEN_WORDS.split(text)}
    return Code(docstrings, _read(tree.body, {}), frozenset(identifiers), frozenset(constants))


def _read(body: list[ast.stmt], outer: dict[str, Members]) -> Members:
    classes: dict[str, Members] = {}
    imports: dict[str, str] = {}
    names: set[str] = set()
    for node in _statements(body):
        match node:
            case ast.ClassDef():
                classes[node.name] = _class(node, {**outer, **classes})
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names.add(node.name)
            case ast.ImportFrom():
                imports |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
            case ast.Import():
                imports |= {each.asname or each.name.split(".")[0]: each.name for each in node.names}
            case ast.Assign() | ast.AnnAssign():
                names |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return Members(classes, imports, frozenset(names | imports.keys() | classes.keys()))


def _class(node: ast.ClassDef, near: dict[str, Members]) -> Members:
    own = _read(node.body, near)
    names = set(own.names)
    names |= {
        each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    }
    is_open = False
    for base in node.bases:
        word = base.value if isinstance(base, ast.Subscript) else base
        name = word.id if isinstance(word, ast.Name) else ""
        if name in near:
            names |= near[name].names
            is_open |= near[name].is_open
        elif name not in _CLOSED and not name.endswith("Error"):
            is_open = True
    return Members(own.classes, {}, frozenset(names), is_open)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, also those under `if`, `try` and `with`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For):
            yield from _statements(node.body)
            yield from _statements(getattr(node, "orelse", []))


@cache
def _file_names() -> frozenset[str]:
    """Return the names of all files with code or prose, for those that are named without a folder."""
    return frozenset(path.name for path in files())


@cache
def _outside() -> frozenset[str]:
    """Return the packages of others that some module imports."""
    found = set(sys.stdlib_module_names)
    for module in _modules():
        found |= {target.split(".")[0] for target in _members(module).imports.values()}
    return frozenset(found - set(PACKAGES))


@cache
def _is_constant(word: str) -> bool:
    """Return whether a word is in a string in code: a topic, a setting of Kafka, the name of a file."""
    return any(
        word in _text(path) and word in _code(path).constants
        for module, path in _modules().items()
        if path is not None and module != "tests.test_references"  # whose strings are wrong on purpose
    )
