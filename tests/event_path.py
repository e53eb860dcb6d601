"""The path of one event through the code, measured: ``python -m tests.event_path``; ``--write`` draws it.

A viewer with a history stops a film. A profile hook records every Python function of the product that runs
while the viewers step turns that event into a page, signals and rows, and while the titles step learns the
signals and the replica takes the changed rows. The hook does not see compiled functions: those that a
recorded function names are added, with the ones that they call in turn.

The result is the page ``deploy/event-path.md`` with its picture. The engine is left out:
`streams.engine.stage` lists what it does around a step.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from numba.core.dispatcher import Dispatcher

from tests.streams.steps import Line, watch

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "deploy/event-path.md"
PICTURE = ROOT / "deploy/pictures/event-path.svg"
PACKAGES = ("schemas", "online_models", "streams")
COLOURS = {"schemas": "#2a7", "online_models": "#36c", "streams": "#c60"}
LEFT, TOP, LANE, STEP = 210, 40, 22, 4
"""Of the picture, in pixels: margins, height of a room's lane, distance of two calls."""


class Call(NamedTuple):
    """One call of a Python function of the product."""

    module: str
    """Path of its file below the repository's root."""
    function: str
    """Its qualified name."""


class EventPath(NamedTuple):
    """What ran for one event."""

    calls: list[Call]
    """Calls of Python functions, in order."""
    kernels: list[Call]
    """Compiled functions that they may enter."""


def traced(work: Callable[[], Any]) -> tuple[EventPath, Any]:
    """Do some work; return the functions of the product that ran, and what the work returned."""
    calls: list[Call] = []
    entered: list[Any] = []

    def hook(frame: Any, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_name.startswith("<") or not (call := _call(code)):
            return
        calls.append(call)
        named = (frame.f_globals.get(name) for name in code.co_names)
        entered.extend(kernel for kernel in named if isinstance(kernel, Dispatcher) and kernel not in entered)

    sys.setprofile(hook)
    try:
        result = work()
    finally:
        sys.setprofile(None)
    return EventPath(calls, kernels_below(entered)), result


def measure() -> tuple[EventPath, EventPath]:
    """Let a known viewer stop a film; return the path through the viewers step and the one through titles."""
    line = Line()
    for number, title in enumerate("abcdef"):
        line.feed(watch("ada", title, 2 * number), watch("bob", title, 2 * number + 1))
    line.feed(watch("bob", "film", 100))
    records = line.records([watch("ada", "film", 200)])
    viewers, outcome = traced(lambda: line.step(records))
    titles, _ = traced(lambda: line.learn(outcome))
    return viewers, titles


def kernels_below(entered: Iterable[Any]) -> list[Call]:
    """Return the compiled functions that some compiled functions call, themselves included, breadth first."""
    found = list(entered)
    for kernel in found:
        known = kernel.py_func
        named = (known.__globals__.get(name) for name in known.__code__.co_names)
        found += [below for below in named if isinstance(below, Dispatcher) and below not in found]
    return [_call(kernel.py_func.__code__) for kernel in found]


def _call(code: CodeType) -> Call | None:
    """Return what a function is, None where it is none of the product's."""
    if not code.co_filename.startswith(f"{ROOT}/"):
        return None
    module = Path(code.co_filename).relative_to(ROOT)
    return Call(module.as_posix(), code.co_qualname) if module.parts[0] in PACKAGES else None


def lines_of(modules: Iterable[str]) -> int:
    """Count the lines of some modules."""
    return sum(len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in modules)


def summary(calls: list[Call]) -> dict[str, int]:
    """Return the figures of a path: calls, functions, modules, their lines, and changes of module."""
    modules = {call.module for call in calls}
    return {
        "calls": len(calls),
        "functions": len(set(calls)),
        "modules": len(modules),
        "lines": lines_of(modules),
        "changes of module": sum(1 for _ in groupby(calls, key=lambda call: call.module)) - 1,
    }


def rooms_of(calls: Iterable[Call]) -> list[str]:
    """Return the rooms that some calls enter, package by package, in the order of the first entry."""
    found = dict.fromkeys(room_of(call) for call in calls)
    return sorted(found, key=lambda room: PACKAGES.index(room.split("/")[0]), reverse=True)


def room_of(call: Call) -> str:
    """Return the room of a call: the folder of its module, at most two below the package."""
    return "/".join(call.module.split("/")[:-1][:3])


def picture(calls: list[Call], split: int) -> str:
    """Draw calls from left to right, a lane for each room.

    Parameters
    ----------
    calls
        The viewers step's and then the titles step's.
    split
        Number of the former.
    """
    rooms = rooms_of(calls)
    width = LEFT + STEP * len(calls) + 20
    height = TOP + LANE * len(rooms) + 20
    middle = {room: TOP + LANE * place + LANE // 2 for place, room in enumerate(rooms)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-weight="bold">viewers step: {split} calls</text>',
        f'<text x="{LEFT + STEP * split}" y="18" font-weight="bold">titles step:',
        f" {len(calls) - split} calls</text>",
    ]
    for room, y in middle.items():
        colour = COLOURS[room.split("/")[0]]
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="{colour}">{room}</text>',
            f'<line x1="{LEFT}" x2="{width - 20}" y1="{y}" y2="{y}" stroke="#ddd"/>',
        ]
    points = [(LEFT + STEP * place, middle[room_of(call)]) for place, call in enumerate(calls)]
    line = " ".join(f"{x},{y}" for x, y in points)
    parts.append(f'<polyline points="{line}" fill="none" stroke="#bbb"/>')
    for (x, y), call in zip(points, calls, strict=True):
        colour = COLOURS[call.module.split("/")[0]]
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}">'
            f"<title>{call.module}: {call.function}</title></circle>"
        )
    x = LEFT + STEP * split - STEP / 2
    parts.append(
        f'<line x1="{x}" x2="{x}" y1="{TOP - 10}" y2="{height - 10}" stroke="#888" stroke-dasharray="4 3"/>'
    )
    return "\n".join([*parts, "</svg>", ""])


def page(viewers: EventPath, titles: EventPath) -> str:
    """Write the page: figures, picture, and the modules in the order in which they are entered."""
    columns = {
        "viewers step": viewers.calls,
        "its kernels": viewers.kernels,
        "titles step and replica": titles.calls,
        "its kernels ": titles.kernels,
        "all": [*viewers.calls, *viewers.kernels, *titles.calls, *titles.kernels],
    }
    figures = {name: summary(calls) for name, calls in columns.items()}
    names = ("modules", "lines", "functions")
    lines = [
        "# A day in the life of an event",
        "",
        "Ada, who has watched six films, stops a seventh after an hour. This page shows which code runs for",
        "that event: in the viewers step, which learns it and makes her new page, and in the titles step,",
        "which learns what it says about titles. `python -m tests.event_path --write` writes it.",
        "",
        "![Calls from left to right, one lane for each room of the code.](pictures/event-path.svg)",
        "",
        "| | " + " | ".join(names) + " |",
        "| --- |" + " ---: |" * len(names),
        *(
            f"| {name.strip()} | " + " | ".join(f"{found[of]:,}" for of in names) + " |"
            for name, found in figures.items()
        ),
        "",
    ]
    for heading, path in (("The viewers step", viewers), ("The titles step and the replica", titles)):
        lines += [
            f"## {heading}",
            "",
            "Modules in the order in which the event enters them, and what runs in each:",
            "",
        ]
        for module in dict.fromkeys(call.module for call in path.calls):
            functions = dict.fromkeys(call.function for call in path.calls if call.module == module)
            lines.append(f"1. `{module}`: " + ", ".join(f"`{name}`" for name in functions))
        kernels = dict.fromkeys(call.module for call in path.kernels)
        lines += [
            "",
            "Kernels that these enter stand in "
            + ", ".join(f"`{module}`" for module in sorted(kernels))
            + ".",
            "",
        ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; with ``--write`` write page and picture."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.event_path", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} and its picture")
    chosen = parser.parse_args(arguments)
    viewers, titles = measure()
    print("viewers step", summary(viewers.calls), "kernels", summary(viewers.kernels))
    print("titles step ", summary(titles.calls), "kernels", summary(titles.kernels))
    print("all         ", summary([*viewers.calls, *viewers.kernels, *titles.calls, *titles.kernels]))
    if chosen.write:
        calls = [*viewers.calls, *titles.calls]
        PICTURE.write_text(picture(calls, len(viewers.calls)), encoding="utf-8")
        PAGE.write_text(page(viewers, titles), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
