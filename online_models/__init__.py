r"""The state of viewers and titles, and how an event changes it.

Purity
------
Five rules hold in this package, and everything above it depends on them:

1. no I/O: arrays and values come in, arrays and values go out;
2. no clock: ``now`` is an argument, and decay is in event time;
3. no global randomness: every random number derives from ``(seed, side, key)`` (`tables.hashing`), so that
   neither order of arrival nor topology affects an initial vector;
4. reads write nothing: ranking a thousand unknown titles leaves no row behind;
5. the same log in gives the same state out, under any PYTHONHASHSEED.

The model
---------
A viewer is represented by the titles that they liked recently, :math:`h_0` (newest), :math:`h_1`, ..., and by
a taste vector :math:`p_u`. Several experts score a candidate title :math:`j`:

*Factorization* (`learners.factorization`) compares a representation of the viewer with the title's output
vector. Four horizons, decays .5 to .99 per step, see about 2 to 100 titles back:

.. math::

    x = \Big[\ \frac{\sum_l d_1^l\, y^1_{h_l}}{|d_1|},\ \ldots,\ \frac{\sum_l d_4^l\, y^4_{h_l}}{|d_4|},
    \ p_u \Big]
    \qquad s_j = x \cdot q_j + b_j

A title of an earlier session counts a fifth in this sum; a title that the viewer knows and neither likes nor
rejects counts a half. So the titles of the current session outweigh years of history from the first one on,
and when the session ends, everything counts as before.

*Co-watch* (`tables.neighbours.add_neighbour`, `ranking.scorer.cowatch`) adds up the neighbours of the newest
titles. Pairs are weighted by their distance in the history, and popularity is divided out. It is read twice:
over few titles with a fast decay, and over more titles with a slow one. For the first, titles before the
present streak (no pause of two minutes) count a tenth:

.. math:: c_j = \sum_l d^l\, C_{h_l j}\, (n_{h_l} n_j)^{-\alpha}

*Trending* counts watches, decayed in event time at three half-lives:
:math:`t_j \leftarrow t_j 2^{-\Delta/H} + w`. *Popularity* is the same count without decay.

The blend
---------
Each expert is read as a distribution over the :math:`n` candidates, smoothed with a mass :math:`\epsilon` so
that no expert can veto a title, and the blend is a product of experts. With
:math:`\log \mathrm{softmax}(s)_j = s_j + const`,

.. math::

    \mathrm{score}_j = w_f s_j + \sum_{c} w_c \log\Big(1 + \frac{n\, c_j}{\epsilon\, b_j \sum_k c_k}\Big)
                     + \sum_{t} w_t \log\Big(\epsilon + \frac{n\, t_j}{\sum_k t_k}\Big)

up to a constant of the viewer that moves no title; :math:`b_j` is the share of a co-watch that the popularity
of a title alone would give it. The first term is one matrix product for a block of viewers, the third one
vector for all of them, the second touches a few thousand neighbours and no more. Similarity to the viewer's
recently rejected titles is subtracted in the same form. Titles that many viewers reject rank lower:
:math:`w_s \log k_j / \bar k` is added, with :math:`k_j` the share of a title's feedback that is no rejection.
Titles with tags of a search intent, a change of taste or a dislike gain or lose what `ranking.tag_places`
says.

The weights learn (`learners.blender`): every event that is tested before it is learned takes a step of a
multinomial logit. The rivals of the title are the other titles seen on the list from which it was chosen, or
else the 30 best-scored titles. Each context (length of the history; start of a session or within it) has its
own difference from weights that all contexts share.

An event, in order
------------------
1. `feedback.reward_function.RewardFunction` turns it into feedback on a title: implicit (a playback) or
   explicit (a thumb, a rating), with a strength.
2. `ranking.viewer_side.ViewerSide.observe` (the viewers' side): a repeated event id changes nothing. The
   feedback changes the viewer's interaction state of the title (`feedback.interaction_state`), and the change
   of its weight is added to the counters of the title. A title liked for the first time is learned; a
   rejection changes no vector of a title, and moves the taste vector only if `factorization.rejection` is
   above 0. The title competes in a softmax with 100 active titles that the viewer does not know; with
   :math:`g_j = [j = target] - \mathrm{softmax}_j` the taste vector takes an AdaGrad step along
   :math:`\sum_j g_j q_j`. The rest of that gradient, x and the history go into a *signal*. Last, the title is
   appended to the history.
3. `learners.title_side.TitleSide.absorb` (the titles' side) learns from the signal, for the titles of its
   shard: output vectors and biases of the title and of negatives of its own, input vectors of the history,
   pairs, counters.

A row of a title has one owner however many workers there are, and so has a row of a viewer. Workers rank from
a replica of the titles; a replica that lags 200 events costs .001 to .007 of HR@10 (measured). In one process
`recommender.Recommender` is both sides.

Cold start
----------
A viewer without a history is scored by stated preferences (`learners.stated_preferences`), by what is watched
in their country and on their kind of device (`ranking.segment_boost`), by bias (popularity as the softmax
learns it) and by a small keyed taste vector, so that cold-start viewers get different lists; one event
suffices for co-watch and the horizons. A title enters the lists with its first positive, or at once when the
catalog has a record of it, from its keyed vectors. Guards (withdrawn, window, country, maturity) apply before
every score. Business rules (`catalog.business_rules`) exclude titles like guards, add to scores, and pin
titles to places; nothing is learned from them.

The rooms
---------
Each imports only from rooms below it:

===================  ==================================================================================
`river`              every model as a River ranker, and River rankers as experts of the blend
`evaluation`         prequential accuracy, scenarios, baselines
`simulation`         viewers with a known taste, to test what logs cannot answer
`recommender`        both sides in one process
`experiments`        assignment, exposure, decisions
`insights`           how titles are watched, and what is searched for
`page`               shelves, their order, headings and bytes
`ranking`            scores into ordered lists
`learners`           one model a module, its kernel beside its class
`artwork`            which artwork is shown for a title: a contextual bandit
`catalog`            facts, tags, guards and business rules of titles
`feedback`           from an event to a reward
`tables`             columnar state of viewers and titles
===================  ==================================================================================

Besides these, `config` has every hyper-parameter with the source of its default, `errors` the errors,
`checks` the contracts that every ranker passes, `jit` the decorators of kernels, `kernel_cache` their cache
on disk; `warm_up` and `compile` run each kernel once. Names below load on first use, so that reading the
configuration needs no compiler.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from online_models.catalog.catalog import Catalog
    from online_models.config import ModelConfig
    from online_models.errors import ModelError
    from online_models.feedback.reward_function import Action, FeedbackSignal, RewardFunction
    from online_models.learners.title_side import TitleSide
    from online_models.ranking.viewer_side import EventColumns, Lists, ViewerSide
    from online_models.recommender import Recommender
    from online_models.tables.titles import TitleTable
    from online_models.tables.viewers import ViewerTable

__all__ = [
    "Action",
    "Catalog",
    "EventColumns",
    "FeedbackSignal",
    "Lists",
    "ModelConfig",
    "ModelError",
    "Recommender",
    "RewardFunction",
    "TitleSide",
    "TitleTable",
    "ViewerSide",
    "ViewerTable",
]

_HOMES = {
    "Action": "feedback.reward_function",
    "Catalog": "catalog.catalog",
    "EventColumns": "ranking.viewer_side",
    "RewardFunction": "feedback.reward_function",
    "Lists": "ranking.viewer_side",
    "ModelConfig": "config",
    "ModelError": "errors",
    "Recommender": "recommender",
    "TitleSide": "learners.title_side",
    "TitleTable": "tables.titles",
    "FeedbackSignal": "feedback.reward_function",
    "ViewerSide": "ranking.viewer_side",
    "ViewerTable": "tables.viewers",
}
"""Module of each name."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as a module's attributes are
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
