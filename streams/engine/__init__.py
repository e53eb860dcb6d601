"""Runs stages: carries batches from Kafka to Kafka and makes their effects happen exactly once.

Nothing here knows a viewer, a title or a page. A stage (`streams.engine.stage`) is a source topic, the topics
that it writes, and a step. An import contract keeps it so.

How records arrive:

* `streams.engine.faust_app` and `streams.engine.transport`: slices of partitions, fetched through Faust.
* `streams.engine.consumer_group`: which worker gets which partitions, and static membership.
* `streams.engine.task_manager` and `streams.engine.partition_task`: a task for each assigned partition.
* `streams.engine.batching`: slices queue while a batch is in flight.

How effects happen once:

* `streams.engine.partition`: the order of effects of a batch.
* `streams.engine.transactions`: the transactional producer.
* `streams.engine.applied`: the applied record, our position in the source.
* `streams.engine.guarded_step`: a step and its flushes, with the isolation of a record on which it raises.
* `streams.engine.dead_letters` and `streams.engine.poison_marker`: records that cannot be used, or on which a
  step raises.

State:

* `streams.engine.state`: the local databases; the only module that imports rocksdict.
* `streams.engine.changelog`, `streams.engine.restore` and `streams.engine.read_progress`: rebuild state.
* `streams.engine.table_reader` follows compacted topics; `streams.engine.definitions`: experiments, rules.

The process:

* `streams.engine.app`: composes and runs a worker; `streams.engine.context`: what all partitions share.
* `streams.engine.folder_lock`, `streams.engine.topic_check` and `streams.engine.watchdog`: what is checked.
* `streams.engine.exits`: how the process ends after an error.
"""
