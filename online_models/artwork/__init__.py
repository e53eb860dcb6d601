"""Artwork: selects which artwork and trailer of a title a viewer sees.

Each title with several artworks is a contextual bandit: discounted Thompson sampling over its artworks. The
context is how many tags of an artwork are among the viewer's liked words. Propensities are exact and logged
with each page, so that policies can be compared from logs.

* `features`: liked words of viewers, tags of variants, and how well they fit.
* `best_arm`: the probability that each Beta-distributed arm is the best, by numerical integration.
* `bandit`: the bandit of one title.
* `gallery`: artwork and bandits of all titles.
* `selector`: selections for all items of many pages, with a cache.
"""
