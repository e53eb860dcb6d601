"""The experts as River rankers: one by one for study, together as `Blend`.

Each class is a thin face over the kernels that the worker runs, with the other experts switched off by
configuration. They speak River's language, and then some:

===============================  ==========================================================================
``learn_one(user, item, y, x)``  ``y > 0``: a positive of that weight; ``y <= 0`` or False: a rejection
``learn_many(rows)``             the same for rows ``(user, item, y[, x])``, in one call of the kernel
``predict_one(user, item)``      the score that `rank` sorts by; -inf for an item without a positive
``rank(user, items)``            the items sorted, whatever their container: nothing hangs on its order
``top_n(user, n, exclude)``      the best of all items that the user does not have yet, with scores
===============================  ==========================================================================

Ids may be strings, or anything whose ``repr`` says who it is (numbers, tuples of them). The context ``x`` of
an event may hold ``event_time_ms``, which `Trending` decays by, and ``event_id``: an id met before changes
nothing.

Where River's own rankers differ: theirs make a vector for whatever is asked for, draw it in order of arrival,
and sort equal scores in hash order. Ours read without writing, draw from (seed, side, key), and order
totally. `checks` holds them to it.

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
(:mod:`online_models.river.external_rankers`): it learns what the recommender learns, and its weight in the blend is
learned as those of our own are.

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
