"""A small world to try things in: a catalogue, viewers with tastes, and their evenings, event by event.

Public data sets hold ratings of people who were shown pages of films; they know no watch time, no skip, no
search, no new release, and may not be shipped. The world has all of these, and a truth to compare with:
`World.affinities` says what a viewer really wants. It is invented from one seed, names included.

The tastes decide, so that a recommender which learns them beats one that counts:

>>> world = World(seed=4, viewers=50, titles=200)
>>> events = world.take(2_000)
>>> sorted({type(event).__name__ for event in events})[:6]
['Browse', 'Impression', 'MyList', 'Pause', 'Play', 'Preferences']
>>> events == World(seed=4, viewers=50, titles=200).take(2_000)
True
"""

from online_models.simulation.catalogue import Catalogue
from online_models.simulation.world import World

__all__ = ["Catalogue", "World"]
