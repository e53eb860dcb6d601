"""How far a lesson reaches: lists of 20 before and after the titles stage has learned an event.

A page is made before the lesson of its event is back. So the next page, for whatever reason, shows the lesson
as well: ``python -m tests.situations.lesson_reach`` counts how much of the list stays, for the viewer of the
event and for others, in a young and in a grown world.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from online_models.simulation import World
from schemas import Event, topics
from streams.config.settings import Settings
from tests.streams.steps import Line

__all__ = ["Reach", "grown_and_young", "reach"]

LENGTH: Final = 20
EVENTS: Final = 1_000
"""Events with a lesson that are measured in each world."""
GROWN: Final = 20_000
"""Events that a grown world has learned before."""
BATCH: Final = 200
OTHERS: Final = 5
"""Other viewers whose lists are compared for each lesson."""


class Reach(NamedTuple):
    """Titles of 20 that are the same before and after a lesson, by lesson."""

    own: Sequence[int]
    """Of the event's viewer."""
    others: Sequence[int]
    """Of other viewers."""

    def shares(self) -> tuple[float, float]:
        """Return the shares of lists that keep at least 18 titles: of the event's viewer, and of others."""
        own, others = (np.array(one) for one in self)
        return float(np.mean(own >= LENGTH - 2)), float(np.mean(others >= LENGTH - 2))


def reach(line: Line, events: Iterable[Event], wanted: int = EVENTS) -> Reach:
    """Play events one by one, until so many had a lesson."""
    draw, known = np.random.default_rng(1), dict.fromkeys(line.side.viewers.ids)
    own: list[int] = []
    others: list[int] = []
    for event in events:
        outcome = line.step(line.records([event]))
        known[event.viewer_id] = None
        if any(topic == topics.SIGNALS for topic, _ in outcome.outputs):
            names = [*known]
            asked = [event.viewer_id, *(names[n] for n in draw.integers(len(names), size=OTHERS))]
            before = _lists(line, asked, event.event_time_ms)
            line.learn(outcome)
            same = [len(a & b) for a, b in zip(before, _lists(line, asked, event.event_time_ms), strict=True)]
            own.append(same[0] + LENGTH - len(before[0]))
            others += [
                count + LENGTH - len(titles)
                for name, count, titles in zip(asked[1:], same[1:], before[1:], strict=True)
                if name != event.viewer_id
            ]
        if len(own) == wanted:
            break
    return Reach(own, others)


def grown_and_young(viewers: int = 300, titles: int = 200) -> dict[str, Reach]:
    """Measure both worlds."""
    out = {}
    for name, learned in (("young", 0), ("grown", GROWN)):
        world = World(seed=1, viewers=viewers, titles=titles)
        line = Line(Settings(prequential_share=0.0, page_interval_s=0.0))
        line.put(*world.titles)
        for _ in range(0, learned, BATCH):
            line.feed(*world.take(BATCH))
        out[name] = reach(line, world.events())
    return out


def _lists(line: Line, viewer_ids: Sequence[str], at_ms: int) -> list[set[int]]:
    slots = line.side.viewers.acquire(list(viewer_ids), line.load)
    return [set(one[one >= 0].tolist()) for one in line.side.rank(slots, at_ms, LENGTH).title]


if __name__ == "__main__":
    for world, found in grown_and_young().items():
        own, others = found.shares()
        print(
            f"{world}: of the viewer {np.mean(found.own):.1f} of 20 stay, at least 18 in {own:.0%}; "
            f"of others {np.mean(found.others):.2f}, {others:.1%}"
        )
