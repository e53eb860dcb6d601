"""Figures as text."""

from collections.abc import Mapping
from typing import Any, TextIO

WIDTH = 46


def show(name: str, figures: Mapping[str, Any], *, file: TextIO, indent: str = "  ") -> None:
    """Print a benchmark's figures, groups of figures indented below their name."""
    print(f"\n{name}" if indent == "  " else f"{indent[2:]}{name}", file=file)
    for key, value in figures.items():
        if isinstance(value, Mapping):
            show(key, value, file=file, indent=f"{indent}  ")
        else:
            text = (
                value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:g}"
            )
            print(f"{indent}{key.replace('_', ' '):<{WIDTH - len(indent)}}{text:>12}", file=file, flush=True)
