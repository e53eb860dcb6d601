"""Pages of the documentation site out of the docstrings of packages, which are reStructuredText."""

import importlib
import inspect
import re
from typing import Any, Final

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.parsers.rst import roles

__all__ = ["page"]

BIG: Final = {
    rf"\Big{one}": rf"\{side}{one}" for one, side in zip("[]()", ("left", "right") * 2, strict=True)
}
"""TeX that docutils does not know, and what it knows."""
CODE: Final = re.compile(r'<span class="docutils literal">(.*?)</span>(?!</span>)', re.DOTALL)
OPTIONS: Final = {"math_output": "MathML", "report_level": 3, "halt_level": 3, "initial_header_level": 2}
"""MathML needs no script in any browser; an error (3) in the text ends the build."""


def page(title: str, package: str) -> str:
    """Return a page: a heading for each section, for the table of contents, and its text as HTML."""
    for name in ("mod", "class", "func", "data", "meth"):
        roles.register_local_role(name, _as_code)
    roles.register_local_role("code-like", _as_code)
    docstring = inspect.cleandoc(importlib.import_module(package).__doc__ or "")
    text = f".. default-role:: code-like\n\n{docstring}"
    for unknown, known in BIG.items():
        text = text.replace(unknown, known)
    document = publish_doctree(text, settings_overrides={**OPTIONS, "doctitle_xform": False})
    parts = [f"# {title}\n\n", _html([node for node in document if not isinstance(node, nodes.section)])]
    for section in document.findall(nodes.section):
        heading, *rest = section.children
        parts += [f"## {heading.astext()}\n\n", _html(rest)]
    return "".join(parts)


def _as_code(*given: Any, **_: Any) -> tuple[list[nodes.Node], list[nodes.system_message]]:  # noqa: ANN401
    """Show what is in backticks as code, as Markdown does; ``~`` leaves out the path of a name."""
    text = str(given[2])  # after the role's name and its source
    short = text.rsplit(".", 1)[-1] if text.startswith("~") else text
    return [nodes.literal("", short)], []


def _html(children: list[nodes.Node]) -> str:
    """Write nodes as HTML that Markdown leaves alone: without empty lines, which would end it."""
    document = publish_doctree("", settings_overrides=OPTIONS)
    document += [child.deepcopy() for child in children]
    written = publish_from_doctree(
        document, writer="html5", settings_overrides={**OPTIONS, "output_encoding": "unicode"}
    )
    body = written.split("<main>", 1)[1].split("</main>", 1)[0] if "<main" in written else written
    body = CODE.sub(lambda found: f"<code>{re.sub('</?span[^>]*>', '', found[1])}</code>", body)
    if "\\" in body:
        msg = f"docutils cannot write an equation, see BIG in {__name__}: {body}"
        raise ValueError(msg)
    return f'<div class="essay">\n{body.strip()}\n</div>\n\n'
