"""Simulations through real workers: `python -m tests.simulations experiments | insights | artwork | events`.

They compare what the product reports with a truth that only the simulated world knows. They prove and do not
serve, so they are no part of the package. The records in ``deploy/experiments.md`` were made with them.

* `experiments`: an experiment in process, or through workers (`experiment_pipeline`), against the true lift.
* `insights`: a world in which one kind of story is scarce; the demand counted from events must name it.
* `artwork`: viewers with known tastes see artwork selected by a worker; estimates against the true values.
* `events`: one event of each type, and what it changes on the viewer's page, against the documented effect.
* `waiting`: sends events to a worker and waits until they are processed; waits for the last value of a topic.
"""
