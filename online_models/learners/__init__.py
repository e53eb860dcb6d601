"""The models: each learns from feedback or signals. One model a module, its kernels beside its class.

=====================  ================================================================================
`factorization`        the equations that both sides share: representation, negatives, softmax
`viewer_updates`       the viewers' side of learning: interaction state, taste vector, history
`title_updates`        the titles' side of learning: vectors, co-watch neighbours, counters
`decayed_counts`       counters of watches that fade with time
`most_trending`        the titles with the highest of these counters
`title_side`           the titles of one shard: what it learns, which rows it writes, whom it evicts
`tag_vectors`          vectors of tags, as a part of the factorization
`blender`              the weights of the experts, by context
`stated_preferences`   a prior of taste from genres and languages that viewers state
`tag_affinity`         which tags a viewer watches more than others do
`cohorts`              viewers of like taste, and what each cohort watches
`segments`             what is watched in a country, at a part of the day, on a kind of device
`k_anonymity`          whether a group has twenty distinct viewers, so that it may be disclosed
`search`               which titles are watched after a query
`attribution`          which artwork, query or shelf led to a watch
=====================  ================================================================================
"""
