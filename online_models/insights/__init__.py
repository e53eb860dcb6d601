r"""Insights for content teams: where titles lose viewers, who watches them, and which demand is not served.

Events become *visits* (what one viewer just did with one title) and *searches*, using the state of the
viewer. Visits are summed up per title and per combination of tags. The results are the records of
`schemas.insights`. This package reads no topic.

* `curves`: completion curve of a title by minute, in steps of at least twenty viewers.
* `counters`: heaviest keys of a stream in bounded memory (space-saving), and sums that decay in event time.
* `visits`: from an event and the state of a viewer to a visit or a search.
* `titles`: tally of a title, and the record made of it; counts of a group (country or cohort).
* `catalog_snapshot`: number of titles by tags and country.
* `demand`: minutes by combination of tags, searches, titles by cohort, and the records made of them.
* `sorting`: records in the orders that people ask for.

*Small groups.* A figure of a group is only disclosed if the group has :math:`k = 20` distinct viewers
(`learners.k_anonymity`) and, where the rest could be computed by subtraction, the rest has as many or none.
Each step of a curve has at least twenty viewers. An undisclosed figure is absent, never zero.

*Bounds.* A title's countries and cohorts, the combinations, the searches and the cohorts' titles are counted
by space-saving: a count is at most ``error`` too high, and the record contains the error. A viewer's row
stores the last 64 titles: a viewer who returns to a title after 64 others counts again.

*Trends.* Minutes decay with half-lives of 2 and of 28 days. The trend of a combination is its share of the
fast sum over its share of the slow sum: the trend of the total is 1 in any season.
"""
