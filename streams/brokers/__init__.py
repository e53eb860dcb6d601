"""Clusters to work with: a real Kafka on this machine, and an embedded stand-in; and the topics in either.

* `streams.brokers.kafka` runs one or three nodes of Apache Kafka on loopback: `streams.brokers.java` (is
  there one), `streams.brokers.jars` (fetched once), `streams.brokers.folder` (identity and shape),
  `streams.brokers.properties` (what a node is told), `streams.brokers.commands` (its two programmes),
  `streams.brokers.processes` (nodes outlive the command).
* `streams.brokers.embedded` is librdkafka's mock cluster, inside this process: there at once, and not exact
  about everything (deploy/adr/0004).
* `streams.brokers.topics` holds the topic table against a cluster, whichever it is.
"""
