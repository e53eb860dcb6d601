"""Clusters to work with: a real Kafka on this machine, and an embedded stand-in; and the topics in either.

* `streams.ops.local_kafka.cluster` runs one or three nodes of Apache Kafka on loopback: `streams.ops.local_kafka.java` (is
  there one), `streams.ops.local_kafka.java` (fetched once), `streams.ops.local_kafka.node` (identity and shape),
  `streams.ops.local_kafka.node` (what a node is told), `streams.ops.local_kafka.node` (its two programmes),
  `streams.ops.local_kafka.processes` (nodes outlive the command).
* `streams.ops.local_kafka.embedded` is librdkafka's mock cluster, inside this process: there at once, and not exact
  about everything (deploy/adr/0004).
* `streams.kafka.topics` holds the topic table against a cluster, whichever it is.
"""
