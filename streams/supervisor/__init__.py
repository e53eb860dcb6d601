"""Several worker processes on one machine, as one: `nearline worker --processes`.

A supervisor starts the processes, watches them, and answers for all of them: it is ready when all are, and
its metrics are theirs, each with the label ``process``. Each process is an ordinary worker with a state
folder and a place in the group of its own (static membership), so that one that restarts gets its partitions
back and moves no others.

* `streams.supervisor.supervisor`: starts, answers, and ends all.
* `streams.supervisor.child`: one process: when it is started again, and when it is ended.
* `streams.supervisor.cores`: how many processes there are with ``auto``.
* `streams.supervisor.lifeline`: in a process: it ends when its supervisor is gone.
"""
