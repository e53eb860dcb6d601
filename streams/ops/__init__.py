"""Tools for operators, and runs that start workers as child processes. Nothing here runs inside a worker.

* `streams.ops.doctor`: the checks of `nearline doctor`. `streams.ops.overview`: snapshots of workers' metrics
  for `nearline top` and the console.
* `streams.ops.inspect`: `nearline inspect`, from the topics. `streams.ops.decoded_rows`: packed rows as
  dictionaries.
* `streams.ops.state`: verify, export and rebuild local databases (`nearline state`):
  `streams.ops.state.local`, `streams.ops.state.verify`, `streams.ops.state.export`,
  `streams.ops.state.rebuild`.
* `streams.ops.versions`: list, switch and retire versions of the model. `streams.ops.backfill`: build a
  version from the event log. `streams.ops.forget`: delete a viewer.
* `streams.ops.experiments` (`streams.ops.experiments.admin`, `streams.ops.experiments.analysis`),
  `streams.ops.insights` and `streams.ops.artwork`: the commands of these names.
* `streams.ops.imports`: own titles and history (`nearline import`). `streams.ops.event_check`: events of
  producers (`nearline events check`).
* `streams.ops.actions`: what operators do to experiments and rules, from the command line and the console.
  `streams.ops.definitions`: experiments and rules as people write them. `streams.ops.preview`: a viewer's
  page under an arm or a rule. `streams.ops.audit`: the audit log of what operators do.
* `streams.ops.access_keys`: API keys of the HTTP server (`nearline keys`).
* `streams.ops.evaluate`: `nearline evaluate`. `streams.ops.ratings`: files of ratings
  (`streams.ops.ratings.reader`, `streams.ops.ratings.sources`, `streams.ops.ratings.titles`,
  `streams.ops.ratings.dataset`).
* `streams.ops.runs`: demo, simulation, replay and closed loop through a worker.
* `streams.ops.local_kafka`: a local Apache Kafka, and the embedded cluster.
"""
