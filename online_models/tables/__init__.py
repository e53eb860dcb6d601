"""Columnar state of titles and viewers, and what all rooms need to work on it.

=======================  ================================================================================
`layout`                 named tuples of arrays that kernels share: state, batches, results, scratch memory
`feedback_layout`        a viewer's interactions, rejections and impressions; constants of the reward
`codes`                  numbers for kinds of shelves and reasons of items
`titles`                 `TitleTable`: rows of titles
`title_arrays`           their arrays as they begin, hyper-parameters as kernels take them
`tag_numbers`            numbers of the tags that have vectors, and their share in titles' vectors
`viewers`                `ViewerTable`: a bounded cache of viewers' slots
`history`                known titles of a viewer, in chunks of one pool
`derived_columns`        popularity, satisfaction, and the share of tag vectors in titles' vectors
`changed_rows`           which rows have changed, for readers that keep something of each
`vector_norms`           norms of titles' vectors, kept
`prefetch`               rows that a kernel asks for before it reads them
`growing`                columns that grow with their tables
`texts`                  texts of rows, end to end
`block_maxima`           maxima of blocks of a column
`rows`, `row_versions`   packed rows, their versions and upgrades
`snapshots`              whole models as bytes
`hashing`                64-bit hashes of numbers, ids and tags
`hash_table`             rows by key or by name
`keyed_random`           random numbers that depend on keys alone
`partition_assignment`   Kafka partitions of many keys
`top_k`                  top k of many scores
=======================  ================================================================================
"""
