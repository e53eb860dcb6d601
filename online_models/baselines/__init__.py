"""What a recommender has to beat, measured by the same test.

`Chance` knows nothing: 10 over the number of candidates is its hit rate, whatever the stream. `Popularity`
counts; decayed, it forgets what was popular once. `IncrementalSGD` is the classic of the streaming
literature (Vinagre et al.), and `RiverRanker` lets any `river.reco.Ranker` take the test: it asks River for
one prediction a candidate, so it tests only every so-manieth event, and says so.

All are `online_models.evaluation.PrequentialModel`, and know titles and viewers by number alone.
"""

from online_models.baselines.chance import Chance
from online_models.baselines.incremental_sgd import IncrementalSGD
from online_models.baselines.met import Memory
from online_models.baselines.popularity import Popularity
from online_models.baselines.river_ranker import RiverRanker

__all__ = ["Chance", "IncrementalSGD", "Memory", "Popularity", "RiverRanker"]
