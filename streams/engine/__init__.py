"""What carries batches from Kafka to Kafka and makes their effects happen once, whatever a stage does.

Nothing here knows a viewer, a title or a page: a stage (`streams.engine.stage`) is a source topic, topics
that it writes, and a step. An import contract keeps it so.

* How a batch gets here: `streams.engine.faust_app` and `streams.engine.transport` (slices of partitions out
  of Faust), `streams.engine.consumer_group` and `streams.engine.consumer_group` (which worker has which
  partitions), `streams.engine.task_manager` and `streams.engine.partition_task` (a road for each),
  `streams.engine.batching`.
* How its effects happen once: `streams.engine.partition` (their order), `streams.engine.transactions`,
  `streams.engine.applied` (the position, which is ours), `streams.engine.dead_letters` (what cannot be used),
  `streams.engine.poison_marker` (the record on which a step raised).
* What a partition knows: `streams.engine.state` (the only door to rocksdict), `streams.engine.changelog`,
  `streams.engine.restore` and `streams.engine.read_progress` (all of it again).
* What all partitions share: `streams.engine.context`, `streams.engine.table_reader` (compacted topics whole).
* Who looks after it: `streams.engine.folder_lock` (one worker, one folder), `streams.engine.topic_check` and
  `streams.kafka.topics`, `streams.engine.watchdog`, `streams.engine.exits`.
"""
