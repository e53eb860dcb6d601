"""What sets workers to work and watches them: demo, replay, simulations.

* `streams.runs.session`: a worker in a process of its own, with a cluster; `streams.runs.run_report`: what a
  run came to.
* Events for it: `streams.runs.producing`, `streams.runs.pacing` (how fast), `streams.runs.simulating` (a
  simulated world), `streams.runs.replaying` (a file of ratings), `streams.runs.asking` (one lot after the
  other).
* What comes back: `streams.runs.watching`.
* Whole runs: `streams.runs.demo`, `streams.runs.closed_loop` (viewers act on what they are shown),
  `streams.runs.event_effects` (`nearline inspect events`), `streams.runs.artwork_log` and
  `streams.runs.artwork_simulation` (`nearline artwork`).
"""
