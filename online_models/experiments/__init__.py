r"""Experiments: which arm is better, how certain the result is, and what another policy would have achieved.

A definition is a record (`schemas.experiments`); the assignment of viewers is a hash (`schemas.assignment`).
This package computes results. It reads no topic.

* `definition`: validity of an experiment, alone and together with others; membership in its audience.
* `plan`: all experiments of a moment: the arms and the treatment of a viewer's list.
* `exposure`: from events to counts per viewer and tallies per arm.
* `moments`: sufficient statistics of an arm: number of viewers, sums of their counts and of products. All are
  integers, so partitions add up exactly, in any order.
* `metrics`: from moments to a metric's value and variance, adjusted by the viewers' past (CUPED).
* `intervals`: confidence sequences: bounds that are valid at all times simultaneously.
* `sample_ratio`: sequential test of the split. If it fails, no other number is valid.
* `decision`: the result: a winner only by the rule, never with a failed split.
* `power`: simulated experiments: power, and time to a decision.
* `interleaving`: two rankers in one list, credited by watch time: needs far fewer viewers than an A/B test.
* `off_policy`: what another policy would have achieved, from a log with propensities or from an experiment.
* `artwork_off_policy`: the same for the choice of artwork.

*Why confidence sequences.* A 95 % test that is evaluated after every event finds a winner among equal arms in
more than half of all experiments (figures in `intervals`). A stream evaluates after every event.
"""
