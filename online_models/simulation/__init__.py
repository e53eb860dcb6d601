"""A small world with a known truth: a catalog, viewers with tastes, and their evenings, event by event.

Public data sets hold ratings of people who were shown pages of films; they know no watch time, no skip, no
search, no new release, and may not be shipped. The world has all of these, and a truth to compare with. It is
invented from one seed, names included.

*What is true* (`config` has every constant and its source). Behind the catalog (`catalog`) lie facets,
kinds of story that make tags and a direction per title; fame is Zipf's, titles come out while the world runs,
some are episodes of series. Behind the viewers (`population`) lie mixtures of the same facets: tastes that
drift every day and now and then switch, two of them in a household, by time of day; visits follow the hour
and the weekday, and some viewers arrive late.

*What viewers do* (`choice`, `deciding`): a page is examined less the further down and right; one of the
examined titles is started, or none, by a multinomial logit; interest is lost at a rate that depends on how
much a title is enjoyed, so that long ones are stopped more often; episodes play on; a fifth of the visits
begin with a search instead. What happened is told by players' events (`writer`).

*Left to itself*, word of mouth makes the pages, and the stream is that of a service without a recommender:

>>> world = World(seed=4, viewers=50, titles=200)
>>> events = world.take(2_000)
>>> sorted({type(event).__name__ for event in events})[:6]
['Browse', 'Impression', 'MyList', 'Pause', 'Play', 'Preferences']
>>> events == World(seed=4, viewers=50, titles=200).take(2_000)
True

*In a closed loop* (`closed_loop`), a policy makes the pages, learns from what viewers did with them, and is
measured in minutes watched, against chance, popularity, and an oracle that knows the truth.
"""

from online_models.simulation.catalog import SimulatedCatalog
from online_models.simulation.config import WorldConfig
from online_models.simulation.world import World

__all__ = ["SimulatedCatalog", "World", "WorldConfig"]
