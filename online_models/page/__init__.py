"""The home page: many rows out of one score row, in the order in which they are worth most to the viewer.

From scores to a page
---------------------
1. A viewer's blended score of every title is computed once, guards and all (`online_models.ranking.viewer_side`).
2. Rows are *drafted* out of it (`page.candidates`, `page.tag_shelves`): each is a kind, a set of
   candidates and a key to rank them by, and costs a pass over its candidates. `kernels.page` has the table of
   kinds. What everybody shares stands on `shelves`: titles by tag, what is trending, new, or watched by few.
   What the viewer's country and their cohort watch comes from their `crowds`.
3. Rows are *placed* one by one, always the one of the highest value beside what is in sight already
   (`page.order`); a kind of row that is watched from counts more (`online_models.page.shelf_value`). No
   title is in sight twice. Top picks keep the proportions of the viewer's genres.
4. The catalog's genres and moods are put in the order of the viewer's taste (`page.tag_shelves`).
5. Rows get their *words* (`words`, `phrases`): headings in the reader's language, reasons, and the arguments
   of both. Nothing is claimed that is not so: the seed of "because you watched" was watched past a quarter,
   what trends is the most watched of the day, what was drawn says how likely that was. "Trending in your
   country" was watched there, and more than once; "popular with people like you" is watched by the viewer's
   cohort more than by everybody. Who has no country, or too few beside them, has no such row.

event                    on the viewer's page
=======================  ======================================================================
play                     continue watching gets the title
stop past a quarter      the title leaves the rows of unknown titles, becomes a seed, and moves
                         scores, top picks and tags; continue watching until it is finished
stop at the end          ... leaves continue watching; loved, it may be watched again some day
stop soon, skip          the title leaves the page; what resembles it sinks
thumb up, stars          as a watch; the seed says "liked"
thumb down               the title leaves the page for good
my list                  my list
preferences              guards (maturity), language, history (liked titles)
impression, browse       nothing; three without a play: what resembles the title sinks a little
search                   nothing until the title is watched
others' watches          trending, in the country, popular with people like you
time                     trending, new, watch again, the day's draw, campaigns of rules
=======================  ======================================================================
=======
What an event of each type changes is told in `effects`, and looked at by ``python -m tests.simulations events``. Without
an event, time changes what trends, what is new, what may be watched again, and the day's draw.

A further kind of row is a number in `page.layout`, an entry in `kinds`, a heading in `messages`, and
a function that drafts it.
"""
