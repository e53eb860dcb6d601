"""Pages: turn a viewer's scores into a page of shelves.

A *shelf* is one line of titles under a heading; messages call it a row (`schemas.pages.Row`). One score row
per viewer is the input; each shelf is a selection out of it.

From scores to a page
---------------------
1. `build` takes all titles, or of a very large catalog those that may be on the pages (`catalog_part`,
   `part_members`, `most_watched`). `assembly` finishes the viewer's blended score of each; -inf where a guard
   forbids it.
2. `candidates` and `tag_shelves` select the candidate shelves: each is a kind, a set of titles and a sort
   key, and costs one pass over its titles. `catalog_index` holds what viewers share: titles by tag, trending
   titles, new releases, rarely watched titles, and what countries and cohorts watch. `selection` finds the
   best of many titles; `calibration` keeps the viewer's genre proportions in top picks.
3. `order` places the shelf of the highest value, then the best one given what is visible already, and so on.
   `shelf_kinds` has the prior of each kind and learns a factor from impressions. No title is visible twice.
4. `tag_shelves` also orders the catalog's genres and moods by the viewer's taste.
5. `reasons` says why each title is there. `headings` names shelves and categories in the viewer's language;
   `messages` has the texts; `alerts` finds new titles that deserve one. Headings state facts: the seed of
   "because you watched" was watched past a quarter; "trending in your country" was watched there, more than
   once; "popular with people like you" is watched more in the viewer's cohort than by everybody. A viewer
   without a country, or with too few viewers in it, has no such shelf.
6. `encoding` writes pages as JSON; `changes` compares two pages of a viewer.

`config` holds the settings, `layout` and `scratch` the arrays that kernels exchange.

event                    effect on the viewer's page
=======================  ======================================================================
play, pause              continue watching gets the title
heartbeat                as a stop there, at each tenth of the title
stop past a quarter      the title leaves the shelves of unknown titles, becomes a seed, and changes
                         scores, top picks and tags; continue watching until it is finished
stop at the end          as before, and it leaves continue watching; it may come back in watch again
stop soon, skip          the title leaves the page; similar titles get lower scores
thumb up, stars          as a watch; the heading of the seed says "liked"
thumb down               the title leaves the page for good
my list                  my list
preferences              guards (maturity), language, history (liked titles)
impression, browse       nothing; three impressions without a play lower the scores of similar titles
search                   nothing until the title is watched
watches of others        trending, in the country, popular with people like you
time                     trending, new, watch again, the explore draw of the day, rules with dates
=======================  ======================================================================

`deploy.event_effects` lists the effect of every event type; ``python -m tests.simulations events`` tests the
list with a real worker.

A new kind of shelf needs a number in `online_models.tables.codes`, an entry in `shelf_kinds.KINDS`, a
heading in `messages` and its translations, and a function that adds its candidate shelf.
"""
