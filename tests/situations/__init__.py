"""A battery of situations: what a person does, told to a worker, and what the page must then do, in numbers.

`world` is a catalog of four genres and a crowd that watches it; `situations` are the persons; `battery` plays
all of them against one worker, step by step. ``python -m tests.situations`` shows the table, ``--write``
records it in ``recorded.json`` and ``deploy/situations.md``.
"""
