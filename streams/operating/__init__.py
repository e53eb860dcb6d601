"""What operators look and repair with; all of it from outside, while workers run.

* Looking: `streams.operating.topic_scan` (topics, read once), `streams.operating.row_words` (packed rows in
  words), `streams.operating.inspecting` and `streams.operating.page_changes` (`nearline inspect`),
  `streams.operating.overview` (`nearline top`).
* Local state: `streams.operating.local_state`, `streams.operating.verifying`, `streams.operating.exporting`,
  `streams.operating.rebuilding` (`nearline state`).
* `nearline doctor`: `streams.operating.findings`, `streams.operating.cluster_checks`,
  `streams.operating.machine_checks`, `streams.operating.state_checks`.
* `nearline forget`: `streams.operating.forgetting`.
"""
