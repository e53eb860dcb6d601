"""What a recommender has to beat, measured by the same test.

================== ==================================================================================
``chance``         knows nothing: 10 over the number of candidates is its hit rate, whatever the stream
``popularity``     counts; ``decayed_popularity`` forgets what was popular once
``isgd``           the classic of the streaming literature (Vinagre et al.): positives alone
``bpr``            prefers what was watched to what was not (Rendle et al.), one pass
``cosine``         item-item over all of a viewer's history (Sarwar et al.), counted event by event
``ease``           a linear autoencoder (Steck), solved anew every 2,000 events: the batch model's bar
``biased_mf``      River's, as ``funk_mf``; any other `river.reco.Ranker` by its dotted name
================== ==================================================================================

River is asked for one prediction a candidate, so its rankers are tested on every so-manieth event only, and
the report says so. All are `online_models.evaluation.PrequentialModel`, and know titles and viewers by number
alone.
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
