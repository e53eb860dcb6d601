r"""Deciding by evidence: which arm is better, how sure one may be by now, and what another policy had got.

An experiment is a record (`schemas.experiments`), the split a hash (`schemas.assignment`). Here is what is
believed of its numbers; nothing here reads a topic.

* `definition`: what is wrong with an experiment, alone and beside others; whom it is about.
* `plan`: all experiments together: what a viewer's list is made by, and under which arms.
* `exposure`: from events to moments (`parts`: what is kept meanwhile; `shown`: how different the titles of a
  list are; `crediting`: whose pick was watched).
* `moments`: what is kept per arm. A viewer is a vector of whole numbers (`moments.COUNTS`); an arm is how
  many viewers, the sum of their vectors and of their products. Sums of whole numbers are exact in any order,
  so partitions add up to what one process would have.
* `metrics`: from moments to a metric's value and variance, with what the viewer's past explains taken out
  (CUPED).
* `intervals`: confidence sequences: bounds that hold at all looks together, so that a stream may look at each
  event.
* `ratio`: whether the arms have the viewers that their shares say; if not, no other number means anything.
* `decision`: what may be said: a winner only by the rule, never on a failed split.
* `trials`: experiments on paper: power, and time to a decision.
* `interleaving`: two rankers in one list, credit by watch: the same decision from far fewer viewers.
* `what_if`: an experiment as a log for the next.
* `off_policy`: what another policy would have got, out of a log with propensities.

*Why bounds that always hold.* At 95 % a test that is looked at after every event finds a winner among equals
in more than half of all experiments (`intervals` has the figures). A stream is looked at after every event.
"""
