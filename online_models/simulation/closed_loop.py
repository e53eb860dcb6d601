r"""The closed loop: viewers act on pages, the policy learns from what they did and makes the next pages.

Every policy meets the same world: the same viewers at the same times with the same luck (`chance`), so that
differences between policies are theirs. All but `OF_ROWS` list twenty titles in one row. What the oracle
gains over popularity is the yardstick:

.. math:: share = \frac{m_{policy} - m_{popularity}}{m_{oracle} - m_{popularity}}

with :math:`m` the minutes watched per viewer and day. `InformedPolicy` says how much of it can be learned at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from online_models.simulation.catalog import DAY_S
from online_models.simulation.informed_policy import InformedPolicy
from online_models.simulation.outcomes import GROUPS, MEASURES, TITLE_AGES, VISIT_AGES, OutcomeLog
from online_models.simulation.policies import (
    Nearline,
    NearlineGrid,
    NearlinePages,
    Oracle,
    Policy,
    PopularityPolicy,
    Random,
)
from online_models.simulation.world import World

__all__ = ["OF_ROWS", "POLICIES", "Figure", "LoopReport", "Run", "close_the_loop", "summarise"]

POLICIES: Final[dict[str, Callable[[World], Policy]]] = {
    "random": Random,
    "popularity": PopularityPolicy,
    "nearline": Nearline,
    "informed": InformedPolicy,
    "oracle": Oracle,
    "grid": NearlineGrid,
    "pages": NearlinePages,
}
"""Makers of policies, by name, the weakest first; the last two fill a page of rows instead of one row."""
OF_ROWS: Final = ("grid", "pages")
"""Those whose viewers have more before them than the oracle's: no share of its gain is theirs."""
WINDOW_S: Final = 900.0
"""Looks within a quarter of an hour are answered together, from what was known when it began."""


@dataclass(frozen=True, slots=True)
class Run:
    """One policy in one world, measured; lists run along `VISIT_AGES`, `TITLE_AGES` and `GROUPS`."""

    policy: str
    seed: int
    measures: dict[str, float]
    by_day: list[float]
    by_visit: list[float]
    by_title_age: list[float]
    by_group: list[float]


def close_the_loop(
    name: str,
    world: World,
    policy: Policy,
    *,
    days: int,
    warm_up: int,
    tell: Callable[[float, OutcomeLog], None] | None = None,
) -> Run:
    """Let a policy make the pages of a world for some days.

    Parameters
    ----------
    name
        Of the policy.
    world
        A fresh one.
    policy
        Who makes the pages.
    days, warm_up
        Days to run; days at the beginning that do not count.
    tell
        Called with the day reached and the ledger, after every batch of looks.

    Examples
    --------
    >>> runs = {}
    >>> for name in ("random", "oracle"):
    ...     world = World(seed=3, viewers=40, titles=100)
    ...     runs[name] = close_the_loop(name, world, POLICIES[name](world), days=3, warm_up=1)
    >>> runs["oracle"].measures["minutes"] > runs["random"].measures["minutes"]
    True
    """
    ledger = OutcomeLog(world)
    while True:
        looks = world.looks(within_s=WINDOW_S, settled=True)
        if world.now_s >= days * DAY_S:
            break
        policy.learn(world.happened(world.now_s))
        pages = policy.pages(looks)
        outcomes = world.act(looks, pages)
        policy.observe(looks, pages, outcomes)
        ledger.add(looks, pages, outcomes)
        if tell:
            tell(world.now_s / DAY_S, ledger)
    return Run(
        name,
        world.seed,
        ledger.measures(days, warm_up),
        ledger.by_day(days),
        ledger.by_visit(),
        ledger.by_title_age(days),
        ledger.by_group(days, warm_up),
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over seeds and its standard error; nan with one seed."""

    mean: float
    se: float

    @classmethod
    def of(cls, values: "list[float] | np.ndarray[Any, np.dtype[np.float64]]") -> "Figure":
        """Return the mean of one value a seed.

        Examples
        --------
        >>> Figure.of([1.0, 3.0])
        Figure(mean=2.0, se=1.0)
        """
        found = np.asarray(values, np.float64)
        spread = found.std(ddof=1) / np.sqrt(found.size) if found.size > 1 else np.nan
        return cls(float(found.mean()), float(spread))


@dataclass(frozen=True, slots=True)
class LoopReport:
    """What policies came to, over all seeds.

    Attributes
    ----------
    policies
        Names, in the order of `POLICIES` where they have one.
    seeds
        The worlds.
    measures
        Policy, then one of `MEASURES`.
    gains
        Policy, then another: minutes per viewer and day gained over it; paired by world, so its standard
        error is that of the difference.
    shares
        Share of the oracle's gain over popularity; empty without these two, and not of `OF_ROWS`.
    curves
        Policy, then ``by_day``, ``by_visit``, ``by_title_age`` or ``by_group``: means over seeds.
    """

    policies: tuple[str, ...]
    seeds: tuple[int, ...]
    measures: dict[str, dict[str, Figure]]
    gains: dict[str, dict[str, Figure]]
    shares: dict[str, Figure]
    curves: dict[str, dict[str, list[float]]]

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON: figures as mean and se."""
        return {
            "policies": {
                name: {
                    **{measure: _plain(figure) for measure, figure in self.measures[name].items()},
                    "gain_over": {other: _plain(figure) for other, figure in self.gains[name].items()},
                    "share_of_oracle": _plain(self.shares[name]) if name in self.shares else None,
                    **self.curves[name],
                }
                for name in self.policies
            },
            "seeds": list(self.seeds),
            "visit_ages": list(VISIT_AGES),
            "title_ages": list(TITLE_AGES),
            "groups": list(GROUPS),
        }


def summarise(runs: "list[Run]") -> LoopReport:
    """Put the runs of all policies over the same seeds together."""
    names = tuple(dict.fromkeys(run.policy for run in runs))
    by_name = {name: [run for run in runs if run.policy == name] for name in names}
    minutes = {name: np.array([run.measures["minutes"] for run in some]) for name, some in by_name.items()}
    return LoopReport(
        names,
        tuple(dict.fromkeys(run.seed for run in runs)),
        {
            name: {measure: Figure.of([run.measures[measure] for run in some]) for measure in MEASURES}
            for name, some in by_name.items()
        },
        {
            name: {other: Figure.of(minutes[name] - minutes[other]) for other in names if other != name}
            for name in names
        },
        _shares(minutes),
        {
            name: {
                curve: np.mean([getattr(run, curve) for run in some], axis=0).tolist()
                for curve in ("by_day", "by_visit", "by_title_age", "by_group")
            }
            for name, some in by_name.items()
        },
    )


def _shares(minutes: "Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]") -> dict[str, Figure]:
    if not {"popularity", "oracle"} <= minutes.keys():
        return {}
    floor = minutes["popularity"]
    room = minutes["oracle"] - floor
    return {
        name: Figure.of((some - floor) / room)
        for name, some in minutes.items()
        if name not in {"popularity", "oracle", *OF_ROWS}
    }


def _plain(figure: Figure) -> dict[str, float]:
    return {"mean": figure.mean, "se": figure.se}
