"""More partitions for an installation that has state (`nearline topics split`, ADR 60).

Keys move when a topic gets more partitions, and their state would stay behind. So the topics are written
anew, under another prefix, with a multiple of the partitions: each partition is split into *children*, and a
child takes the viewers whose keys belong to it. The topics of before are only read.

* `streams.ops.split.routes`: to which partition each record and each row goes; knows no Kafka.
* `streams.ops.split.sources`: the stages, how far they are, and whether they may be split now.
* `streams.ops.split.target`: the new topics, before, while and after they are written.
* `streams.ops.split.runs`: a whole split, in order.

**Nothing half done is used.** The first record of each new changelog is an applied record that says that it
is being written, and a worker refuses to start on it (`streams.engine.topic_check`). The last records, those
with the real positions, are one transaction over all changelogs. What a command that was killed has left is
deleted by the next one, which begins anew.
"""
