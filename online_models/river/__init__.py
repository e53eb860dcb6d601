"""River adapters: our learners as River rankers, and River's rankers as experts of a `Recommender`.

* `experts`: one River ranker for each learner, and `Blend` for all of them.
* `ranker`: their base classes: River's interface over a `Recommender`.
* `by_name`: a River ranker from its dotted name.
* `external_rankers`: River rankers as further experts of a `Recommender`.

Each ranker uses the same kernels as the worker; the other learners are switched off by configuration. The
interface is River's, with additions:

===============================  ==========================================================================
``learn_one(user, item, y, x)``  ``y > 0``: a positive of that weight; ``y <= 0`` or False: a rejection
``learn_many(rows)``             the same for rows ``(user, item, y[, x])``, in one kernel call
``predict_one(user, item)``      the score that `rank` sorts by; -inf for an item without a positive
``rank(user, items)``            the items sorted; the order of the container has no effect
``top_n(user, n, exclude)``      the best of all items that the user does not have yet, with scores
===============================  ==========================================================================

An id is a string, or any object with an unambiguous ``repr`` (numbers, tuples of them). The context ``x`` of
an event may hold ``event_time_ms``, which `Trending` decays by, and ``event_id``: a repeated id changes
nothing.

Differences from River's own rankers: those create a vector for whatever is predicted, draw it in order of
arrival, and sort equal scores in hash order. Ours do not write when they predict, draw from (seed, side,
key), and have a total order. `online_models.checks` tests this.

Examples
--------
A prequential loop, as River users write it:

>>> from online_models.river import Blend
>>> model = Blend(seed=7)
>>> stream = [("ada", "Alien", 1), ("ada", "Aliens", 1), ("bob", "Amelie", -1), ("eve", "Alien", 1)]
>>> for user, item, y in stream:
...     _ = model.predict_one(user, item)
...     model.learn_one(user, item, y)
>>> model.rank("eve", {"Amelie", "Aliens"})
['Aliens', 'Amelie']
>>> [item for item, _ in model.top_n("eve", n=3)]
['Aliens']

The other way round, any River ranker joins a `Recommender` as one more expert
(:mod:`online_models.river.external_rankers`): it learns what the recommender learns, and its weight in the
blend is learned as those of our own are.

>>> from online_models import Recommender
>>> from river import reco
>>> more = ExternalRankers(["river.reco.BiasedMF", reco.FunkMF(n_factors=4, seed=7)], seed=7)
>>> Recommender(seed=7, experts=more).columns[-2:]
('river.reco.BiasedMF', 'FunkMF')
"""

from online_models.river.experts import Blend, Cohorts, CoWatch, Factorization, TagAffinity, Trending
from online_models.river.external_rankers import ExternalRankers
from online_models.river.ranker import Expert

__all__ = [
    "Blend",
    "CoWatch",
    "Cohorts",
    "Expert",
    "ExternalRankers",
    "Factorization",
    "TagAffinity",
    "Trending",
]
