"""Events of viewers in experiments, and what is counted of them."""

from typing import Any

from online_models.experiments.exposure import Tally, ViewerTally, count_event
from online_models.experiments.moments import COUNTS
from online_models.experiments.plan import ExperimentPlan
from schemas import Event, Impression, Stop
from schemas.experiments import Arm, Experiment, ExperimentState, Ranking, Treatment

T0 = 1_700_000_000_000
POPULAR = Treatment(ranking=Ranking.POPULARITY)
TAGS: dict[str, tuple[str, ...]] = {"a": ("dark", "slow"), "b": ("slow", "long"), "c": ("warm",)}
TAGS |= {f"x{n}": (str(n),) for n in range(100)}
"""Tags of the titles that have some."""
ARMS = (Arm(name="control", share=0.5), Arm(name="new", share=0.5, treatment=POPULAR))


def trial(name: str = "trial", **more: Any) -> Experiment:
    """Make a running experiment."""
    given = {"state": ExperimentState.RUNNING, "arms": ARMS, "starts_at_ms": T0, **more}
    return Experiment(experiment_id=name, **given)


class Desk:
    """One viewer and the tallies."""

    def __init__(self, *experiments: Experiment, viewer: str = "ada") -> None:
        self.plan, self.viewer = ExperimentPlan(experiments), viewer
        self.part = ViewerTally(since_ms=T0)
        self.tallies: dict[str, Tally] = {}
        self._number = 0

    def feed(self, kind: type[Any], at: int = 0, **more: Any) -> list[str]:
        """Count one event that happens so many ms after T0."""
        self._number += 1
        event: Event = kind(event_id=f"e{self._number}", viewer_id=self.viewer, event_time_ms=T0 + at, **more)
        return count_event(
            self.part,
            event,
            T0 + at,
            plan=self.plan,
            event_hash=self._number,
            tally=lambda name: self.tallies.setdefault(name, Tally()),
            about=lambda title: TAGS.get(title, ()),
        )

    def look(self, at: int = 0, **more: Any) -> list[str]:
        """See a title on a list."""
        return self.feed(Impression, at, **{"list_id": "l", "row": 0, "slot": 0, "title_id": "t", **more})

    def stop(self, at: int, watched_s: float, **more: Any) -> list[str]:
        """End a playback of an hour's title."""
        given = {"position_s": watched_s, "duration_s": 3600.0, "title_id": "t", **more}
        return self.feed(Stop, at, watched_s=watched_s, **given)

    def counts(self, name: str = "trial") -> dict[str, int]:
        """Return the viewer's counts."""
        return dict(zip(COUNTS, self.part.exposures[name].counts, strict=True))
