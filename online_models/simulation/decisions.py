"""What viewers do before their pages: the choice model's probabilities, and the draws that decide."""

from collections.abc import Callable
from typing import Final

import numpy as np

from online_models.simulation.choice import Past, Truth, bored_after, examination, quick_stop
from online_models.simulation.keyed_chance import Floats, Hashes, Ints, gumbel, keyed, uniform
from online_models.simulation.page_views import Bools, Outcomes, PageViews, ShownPages

__all__ = ["PastOf", "dice", "mind", "outcomes", "word_of_mouth"]

PastOf = Callable[[Ints, Ints], Past]
"""What accounts had of titles, shapes ``(n,)`` and ``(n, k)``."""

EXAMINED, NOISE, NOTHING, SEARCHED, MIND, EARLY, LEFT, MINUTES, DICE = range(1, 10)
"""What a draw is for."""
MANY_DICE: Final = 10
"""Uniform draws per look for what may happen on the way, see `scribe.Scribe`."""


def keys(seed: int, looks: PageViews) -> Hashes:
    """Name each look, whatever the policy: its draws follow from it."""
    return keyed(seed, looks.accounts, looks.visits, looks.numbers)


def dice(seed: int, looks: PageViews) -> Floats:
    """Return uniform draws for what happens on the way, shape ``(looks, MANY_DICE)``."""
    return uniform(keys(seed, looks)[:, None], DICE, np.arange(MANY_DICE))


def outcomes(truth: Truth, seed: int, looks: PageViews, pages: ShownPages, past: PastOf) -> Outcomes:
    """Decide what is examined, chosen and watched.

    A visit may begin with a search: of the titles that come to mind the best is taken, whatever the page
    shows. What plays by itself was decided before.
    """
    key = keys(seed, looks)
    flat = pages.titles.reshape(len(key), -1)
    fits = truth.fits(looks.profiles, np.maximum(flat, 0))
    utilities = _utilities(truth, looks, flat, fits, past)
    free = looks.autoplay < 0
    chance = uniform(key, SEARCHED)
    searched = free & (looks.numbers == 0) & (chance < truth.config.choice.searched)
    places = np.arange(flat.shape[1])
    theta = examination(truth.config.choice, *pages.titles.shape[1:]).ravel()
    examined = uniform(key[:, None], EXAMINED, places) < theta
    examined &= np.isfinite(utilities) & (free & ~searched)[:, None]
    noisy = np.where(examined, utilities + gumbel(key[:, None], NOISE, np.maximum(flat, 0)), -np.inf)
    best = np.argmax(noisy, axis=1)
    each = np.arange(len(key))
    taken = noisy[each, best] > truth.config.choice.outside + gumbel(key, NOTHING)
    title = np.where(taken, flat[each, best], looks.autoplay)
    if searched.any():
        some = PageViews(*(column[searched] for column in looks))
        title[searched] = mind(truth, seed, some, past)[:, 0]
    started, quick, watched_s, enjoyed = _watched(truth, key, looks, title)
    finished = started & (watched_s >= truth.config.watch.finished * 60 * truth.catalog.minutes[title])
    return Outcomes(
        title,
        np.where(taken, best, -1),
        watched_s,
        enjoyed,
        quick,
        finished,
        searched,
        examined,
        truth.enjoyment(np.maximum(flat, 0), fits),
    )


def mind(truth: Truth, seed: int, looks: PageViews, past: PastOf) -> Ints:
    """Return the titles that come to mind, best liked first, shape ``(looks, mind)``."""
    key, most = keys(seed, looks), truth.config.choice.mind
    cumulative = np.cumsum(truth.appeal(float(looks.at_s[0])))
    draws = uniform(key[:, None], MIND, np.arange(most)) * cumulative[-1]
    drawn = np.minimum(np.searchsorted(cumulative, draws, side="right"), len(cumulative) - 1)
    fits = truth.fits(looks.profiles, drawn)
    noisy = _utilities(truth, looks, drawn, fits, past) + gumbel(key[:, None], NOISE, drawn)
    return np.take_along_axis(drawn, np.argsort(-noisy, axis=1, kind="stable"), 1)


def word_of_mouth(truth: Truth, seed: int, looks: PageViews, past: PastOf, slots: int) -> ShownPages:
    """Return pages as friends and posters make them: what comes to mind, the best liked first."""
    titles = mind(truth, seed, looks, past)
    new = np.ones(titles.shape, np.bool_)  # a title comes to mind more than once: the first time counts
    for at in range(1, titles.shape[1]):
        new[:, at] = titles[:, at] != titles[:, at - 1]
    order = np.argsort(~new, axis=1, kind="stable")[:, :slots]
    shown = np.where(np.take_along_axis(new, order, 1), np.take_along_axis(titles, order, 1), -1)
    return ShownPages.single(shown, looks)


def _utilities(truth: Truth, looks: PageViews, titles: Ints, fits: Floats, past: PastOf) -> Floats:
    """Return the utility of each place's title, -inf for an empty place."""
    known = past(looks.accounts, titles)
    utilities = truth.utilities(looks.accounts, np.maximum(titles, 0), fits, looks.at_s, known)
    return np.where(titles >= 0, utilities, -np.inf)


def _watched(truth: Truth, key: Hashes, looks: PageViews, title: Ints) -> tuple[Bools, Bools, Floats, Floats]:
    """Return what was started, what was left at once, seconds watched, and enjoyment."""
    watch, started = truth.config.watch, title >= 0
    safe = np.maximum(title, 0)
    enjoyed = truth.enjoyment(safe, truth.fits(looks.profiles, safe[:, None])[:, 0])
    quick = started & (uniform(key, LEFT) < quick_stop(watch, enjoyed))
    first, last = watch.early_s
    early_s = first + (last - first) * uniform(key, EARLY)
    lasting_s = -np.log1p(-uniform(key, MINUTES)) * bored_after(watch, enjoyed) * 60
    whole_s = 60 * truth.catalog.minutes[safe]
    watched_s = np.where(quick, np.minimum(early_s, whole_s), np.minimum(lasting_s, whole_s))
    return started, quick, np.where(started, watched_s, 0.0), np.where(started, enjoyed, 0.0)
