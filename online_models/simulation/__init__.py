"""A simulated world with a known ground truth: a catalog, viewers with tastes, and their events.

Public data sets hold ratings of people who saw pages of films. They have no watch time, skips, searches or
releases, and may not be redistributed. The simulated world has all of these, and a ground truth to compare
with. It is generated from one seed, names included.

* `config`: every parameter with its source. `vocabulary`: tags and names.
* `catalog`: titles. Latent facets determine tags and a taste vector per title; popularity is
  Zipf-distributed; titles are released while the world runs; some are episodes of series.
* `population`: viewers. Tastes are mixtures of the same facets, drift daily and sometimes switch. Some
  accounts have two profiles. Visits follow the hour and the weekday; some viewers arrive late.
* `choice`: what viewers do. A page is examined less further down and right; one of the examined titles, or
  none, is started by a multinomial logit; interest is lost at a rate that depends on the enjoyment, so long
  titles are stopped more often; episodes play on; a fifth of the visits begin with a search.
* `page_views`: views of pages and their outcomes, column by column. `common_random_numbers`: draws keyed by
  viewer and time.
* `event_writer`: the player's events of a page view. `world`: clock, visits and history.
* `policies`: makers of pages, from random order to an oracle. `closed_loop`: runs a policy in a world and
  measures it.

*Without a recommender*, word of mouth makes the pages:

>>> world = World(seed=4, viewers=50, titles=200)
>>> events = world.take(2_000)
>>> sorted({type(event).__name__ for event in events})[:6]
['Browse', 'Impression', 'MyList', 'Pause', 'Play', 'Preferences']
>>> events == World(seed=4, viewers=50, titles=200).take(2_000)
True

*In a closed loop*, a policy makes the pages, learns from what viewers did with them, and is measured in
minutes watched, against random order, popularity, and an oracle that knows the truth.
"""

from online_models.simulation.catalog import SimulatedCatalog
from online_models.simulation.config import WorldConfig
from online_models.simulation.world import World

__all__ = ["SimulatedCatalog", "World", "WorldConfig"]
