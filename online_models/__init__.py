r"""What we believe about viewers and titles, and how an event changes it.

Purity
------
Five rules hold in this package, and everything above it rests on them:

1. no I/O: arrays and values come in, arrays and values go out;
2. no clock: ``now`` is an argument, and decay is in event time;
3. no global randomness: every draw derives from ``(seed, side, key)`` (`tables.hashing`), so that neither
   order of arrival nor topology leaves a trace in an initial vector;
4. reads write nothing: whoever ranks a thousand titles that nobody knows leaves no row behind;
5. the same log in gives the same state out, under any PYTHONHASHSEED.

The model
---------
A viewer is what they liked of late, :math:`h_0` (newest), :math:`h_1`, ..., and a taste vector :math:`p_u`.
Several experts look at a candidate title :math:`j`:

*Factorization* (`learners.factorization`) compares a representation of the viewer with the title's output
vector. Four horizons, decays .5 to .99 a step, see about 2 to 100 titles back:

.. math::

    x = \Big[\ \frac{\sum_l d_1^l\, y^1_{h_l}}{|d_1|},\ \ldots,\ \frac{\sum_l d_4^l\, y^4_{h_l}}{|d_4|},
    \ p_u \Big]
    \qquad s_j = x \cdot q_j + b_j

A title of a former sitting counts a fifth in this sum, one that the viewer knows and neither likes nor
rejects a half: what they come across says where they are, not what they want. The mood of the evening so
outweighs years of history from its first title on, and when it is over, all counts as before.

*Co-watch* (`learners.title_side.pair`, `ranking.scorer.cowatch`) adds up the neighbours of the newest titles; pairs
are weighted by their distance in the history, and popularity is taken out. It is read twice, over few titles
with a quick decay and over more with a slow one:

.. math:: c_j = \sum_l d^l\, C_{h_l j}\, (n_{h_l} n_j)^{-\alpha}

*Trending* counts watches, decayed in event time at three half-lives:
:math:`t_j \leftarrow t_j 2^{-\Delta/H} + w`. *Popularity* never forgets.

The blend
---------
Each expert is read as a distribution over the :math:`n` candidates, some mass spread beside it so that none
can veto, and the blend is a product of experts: with :math:`\log \mathrm{softmax}(s)_j = s_j + const`,

.. math::

    \mathrm{score}_j = w_f s_j + \sum_{c} w_c \log\Big(1 + \frac{n\, c_j}{\epsilon\, b_j \sum_k c_k}\Big)
                     + \sum_{t} w_t \log\Big(\epsilon + \frac{n\, t_j}{\sum_k t_k}\Big)

up to a constant of the viewer's that moves no title; :math:`b_j` is what a title's popularity alone would
give it of a co-watch. The first term is one matrix product for a block of viewers, the third one vector for
all of them, the second touches a few thousand neighbours and no more. What resembles the viewer's rejections
of late is subtracted in the same way. What many turn down stands lower: :math:`w_s \log k_j / \bar k` is
added, with :math:`k_j` the share of a title's verdicts that do not turn it down.

The weights learn (`learners.blender`): every event that is tested before it is learned takes a step of
multinomial logit, among what else was seen of the list that the title was chosen out of, or else among the 30
best-scored titles. Each context (length of the history, start of a sitting or within) has its own difference
from weights that all share.

An event, in order
------------------
1. `feedback.RewardFunction` reads it: a verdict on a title is a fact or a word, and its strength.
2. `ViewerSide.observe` (the viewers' side): a repeated event id changes nothing. The verdict moves the
   viewer's judgement on the title (`feedback.interaction_state`), and what its weight changed by goes to the title's
   counters. A title liked for the first time is learned; a rejection teaches titles nothing, and moves the
   taste vector only where `factorization.rejection` is above 0. The title is tried by a softmax against 100
   active titles that the viewer does not have; with :math:`g_j = [j = target] - \mathrm{softmax}_j` the taste
   vector takes an AdaGrad step along :math:`\sum_j g_j q_j`, and the rest of that gradient, x and the history
   go into a *signal*. Last, the title joins the history.
3. `TitleSide.absorb` (the titles' side) learns from the signal, for the titles of its shard: output vectors
   and biases of the title and of negatives of its own, input vectors of the history, pairs, counters.

A title's row has one owner however many workers there are; a viewer's row too. Workers rank from a replica of
the titles, and what a replica 200 events old costs was measured: .001 to .007 of HR@10. In one process
`Recommender` is both sides.

Cold start
----------
A viewer without a history scores by what they stated (`stated`), by what is watched in their country and on
their kind of device (`audiences`, `local`), by bias (what is liked, learned by the softmax) and a faint keyed
taste vector, which makes strangers differ; one event suffices for co-watch and both horizons. A title enters
the lists with its first positive, or at once when the `catalog` lists it, from its keyed vectors. Guards
(withdrawn, window, country, maturity) come before every score. Business rules (`rules`, `ruling`) exclude
titles like guards, add to scores, and pin titles to places; nothing of them is learned.

Where to read on
----------------
`recommender` (the façade), `viewer_side` (`lists` ranks for it) and `title_side`, `config` (every constant
and its source), `rows` and `row_versions` (what is stored, and how it changes), `snapshots` (models as
bytes), `experts` (the same as River rankers), `guest_experts` (River's rankers in our blend), `page` (a list
is not a page: rows, their order and names), `cohorts` and `tag_affinity` (models for rows and explanations,
beside the blend), `audiences` (what countries watch), `search` (what is watched after which query),
`artwork`, `liking` and `hanging` (which picture), `bandits` and `draws` (which arm), `experiments` (which arm
is better, and how sure one may be), `insights` (how titles are watched, and what is wanted), `neighbours`
(titles like one), `checks` (the contracts that every model passes), `evaluation` and `simulation`. Names
below load on first use: to read the configuration costs no compiler.
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
    "Action": "feedback",
    "Catalog": "catalog",
    "EventColumns": "viewer_side",
    "RewardFunction": "feedback",
    "Lists": "viewer_side",
    "ModelConfig": "config",
    "ModelError": "errors",
    "Recommender": "recommender",
    "TitleSide": "title_side",
    "TitleTable": "titles",
    "FeedbackSignal": "feedback",
    "ViewerSide": "viewer_side",
    "ViewerTable": "viewers",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as a module's attributes are
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
