"""Baselines: models to compare a recommender with, under the same evaluation.

================== ==================================================================================
``chance``         random order: its hit rate is 10 over the number of candidates
``popularity``     watch counts; ``decayed_popularity`` with a half-life
``isgd``           incremental SGD on positives (Vinagre et al.), the classic of the streaming literature
``bpr``            Bayesian personalized ranking (Rendle et al.), one pass
``cosine``         item-item over all of a viewer's history (Sarwar et al.), counted event by event
``ease``           a linear autoencoder (Steck), solved every 2,000 events: a batch model
``biased_mf``      River's, as ``funk_mf``; any other `river.reco.Ranker` by its dotted name
================== ==================================================================================

River's rankers need one prediction per candidate, so they are tested on every n-th event only; the report
says so. All baselines are `online_models.evaluation.PrequentialModel` and know titles and viewers by number
only.

Modules: `popularity` (and chance), `factorization` (ISGD, BPR), `item_item` (cosine, EASE), `river_ranker`,
`memory` (what all of them store), `registry` (baselines by name).
"""

from online_models.evaluation.baselines.factorization import BPR, IncrementalSGD
from online_models.evaluation.baselines.item_item import EASE, Cosine
from online_models.evaluation.baselines.memory import TitleMemory
from online_models.evaluation.baselines.popularity import Chance, Popularity
from online_models.evaluation.baselines.registry import BASELINES, QUICK, baseline
from online_models.evaluation.baselines.river_ranker import RiverRanker
from online_models.river.by_name import ranker_by_name

__all__ = [
    "BASELINES",
    "BPR",
    "EASE",
    "QUICK",
    "Chance",
    "Cosine",
    "IncrementalSGD",
    "Popularity",
    "RiverRanker",
    "TitleMemory",
    "baseline",
    "ranker_by_name",
]
