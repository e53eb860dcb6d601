r"""What content teams ask: where a title loses its viewers, whom it serves, what is wanted and not there.

Events become *visits* (`visits`: what one viewer did with one title just now) and *searches*, where the
viewer's row says what is new about them. Visits become a title's tally (`titles`) and the demand for
combinations of tags (`demand`), and these become the records of `schemas.insights`. Nothing here reads a
topic.

* `crowds`: whether a group has twenty distinct viewers, exactly, in twenty numbers at most.
* `curves`: a title's completion curve by minute, told in steps of twenty viewers or more.
* `groups`: counts of the viewers of one country or cohort.
* `space_saving`: the heaviest keys of a stream in bounded memory, with the error of each.
* `fading`: sums that fade in event time.
* `visits`: from an event and the viewer's part to what is new.
* `titles`: a title's tally, and what is told of it.
* `stock`: the catalog as counts: how many titles have these tags, in this country.
* `demand`: minutes by combination of tags, searches, and what serves a cohort; `telling`: the records of it.
* `ordering`: records in the order in which people ask for them.

*Small groups.* Whatever is told of a group is told only if :math:`k = 20` distinct viewers are in it
(`crowds.LEAST`), and where the rest of a whole could be had by subtraction, if the rest has as many or none.
A curve's steps hold twenty viewers each. What cannot be told is absent, never zero.

*Bounds.* A title's countries and cohorts, the combinations, the searches and the cohorts' titles are kept by
space-saving: what is counted is at most ``error`` too much, and the record says so. A viewer's row remembers
the last 64 titles: who comes back to one after 64 others counts once more.

*Rising and falling.* Minutes fade twice, by half in 2 and in 28 days. A combination's share of the quick sum
over its share of the slow one is its trend: all of them together are 1, whatever the season.
"""
