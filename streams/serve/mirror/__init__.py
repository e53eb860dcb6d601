"""What the server reads from Kafka: the public compacted topics, on disk and in memory, kept up to date.

* :mod:`~streams.serve.mirror.mirror`: all tables and what is derived from them; ready once every topic was
  read to its end.
* :mod:`~streams.serve.mirror.table`: one compacted topic in a local database, byte for byte.
* :mod:`~streams.serve.mirror.titles`: titles in memory, with guards (maturity, country, window) and search.
* :mod:`~streams.serve.mirror.title_index`: full-text search that tolerates typing errors.
* :mod:`~streams.serve.mirror.rules`: business rules, as lists made on request apply them.
* :mod:`~streams.serve.mirror.insights`: insights in memory, ready to be sorted.
* :mod:`~streams.serve.mirror.notifier`: wakes the live streams of a viewer whose page has changed.
"""
