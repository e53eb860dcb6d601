"""How often a lift would be found, and how soon: experiments on paper, as a report."""

from typing import Any

from online_models.experiments import power as paper

__all__ = ["power"]

LOOKS = 2_000
"""Looks at each trial: a look every 50 viewers in a hundred thousand."""


def power(*, lift: float, viewers: int, trials: int, alpha: float, seed: int) -> dict[str, Any]:
    """Run trials with the viewers' past taken out, and without.

    Returns
    -------
    dict
        Shares that were decided rightly and wrongly, and viewers after which half was decided (None: not
        half).
    """
    every = max(1, viewers // LOOKS)

    def figures(*, cuped: bool) -> dict[str, float | None]:
        found = paper.run(trials, viewers, lift=lift, alpha=alpha, every=every, cuped=cuped, seed=seed)
        half = found.decided_by(0.5)
        return {"found": found.power, "wrong": found.wrong, "half_decided_by": None if half != half else half}  # noqa: PLR0124

    facts = {"lift": lift, "viewers": viewers, "trials": trials, "alpha": alpha}
    return {**facts, **figures(cuped=True), "plain": figures(cuped=False)}
