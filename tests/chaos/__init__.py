"""Kill anything, lose nothing, count nothing twice: the driver that tries, and the comparison that tells.

::

    schedule ──► driver ──► faults ──► brokers, workers     what is broken, cycle by cycle
                   │
                   ├──── load ──► viewing.events.v1         unique events, some twice, late or bad
                   ├──── ledger ◄── all topics              what became visible, in order
                   └──── verdict ◄── oracle                 one process replays the same log

`rig` puts the parts together, `workers` supervises worker processes as an orchestrator would, `worker` is
what they run: the product, with failpoints that the driver can arm. README.md says what is proven by it.
"""
