"""What operators look and repair with; all of it from outside, while workers run.

* Looking: `streams.kafka.scan` (topics, read once), `streams.ops.decoded_rows` (packed rows in
  words), `streams.ops.inspect` and `streams.ops.page_changes` (`nearline inspect`),
  `streams.ops.overview` (`nearline top`).
* Local state: `streams.ops.state.local`, `streams.ops.state.verify`, `streams.ops.state.export`,
  `streams.ops.state.rebuild` (`nearline state`).
* `nearline doctor`: `streams.ops.findings`, `streams.ops.cluster_checks`,
  `streams.ops.machine_checks`, `streams.ops.state_checks`.
* `nearline forget`: `streams.ops.forget`.
"""
