"""What sets workers to work and watches them: demo, replay, simulations.

* `streams.ops.runs.session`: a worker in a process of its own, with a cluster; `streams.ops.runs.report`: what a
  run came to.
* Events for it: `streams.kafka.produce`, `streams.ops.runs.pacing` (how fast), `streams.ops.runs.simulate` (a
  simulated world), `streams.ops.runs.replay` (a file of ratings), `streams.ops.runs.send_and_wait` (one lot after the
  other).
* What comes back: `streams.ops.runs.subscriber`.
* Whole runs: `streams.ops.runs.demo`, `streams.ops.runs.closed_loop` (viewers act on what they are shown),
  `streams.ops.runs.event_effects` (`nearline inspect events`), `streams.ops.runs.artwork_log` and
  `streams.ops.runs.artwork_simulation` (`nearline artwork`).
"""
