"""A tutorial as a Jupyter notebook: its text is Markdown cells, its examples are code cells."""

import json
import re

__all__ = ["notebook"]

EXAMPLES = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def notebook(text: str) -> str:
    """Return a document with examples (``>>>``) as a notebook; what they print is left to whoever runs it."""
    cells = []
    for number, part in enumerate(EXAMPLES.split(text)):
        source = _code(part) if number % 2 else part.strip()
        if source:
            cells.append(_cell("code" if number % 2 else "markdown", source, len(cells)))
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {"cells": cells, "metadata": {"kernelspec": python}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, ensure_ascii=False, indent=1)


def _code(examples: str) -> str:
    r"""Return the statements of examples, without their output.

    >>> print(_code(">>> for n in (1, 2):\n...     n\n1\n2\n>>> n\n2\n"))
    for n in (1, 2):
        n
    n
    """
    return "\n".join(line[4:] for line in examples.splitlines() if line.startswith((">>>", "...")))


def _cell(kind: str, source: str, number: int) -> dict[str, object]:
    cell: dict[str, object] = {"id": f"cell-{number}", "cell_type": kind, "metadata": {}}
    cell["source"] = source.splitlines(keepends=True)
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
