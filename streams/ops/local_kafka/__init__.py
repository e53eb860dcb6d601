"""Local clusters: a real Apache Kafka on loopback, and the embedded cluster of librdkafka.

* `streams.ops.local_kafka.cluster`: one or three nodes of Apache Kafka, started, stopped, and their status.
* `streams.ops.local_kafka.node`: a node's configuration, the folder of a cluster, the Java commands.
* `streams.ops.local_kafka.java`: find Java; fetch the broker's jars once through Maven.
* `streams.ops.local_kafka.processes`: processes that outlive the command that started them.
* `streams.ops.local_kafka.embedded`: librdkafka's mock cluster inside this process (its limits:
  deploy/adr/0004).
"""
