"""Proof that a change of the code changes no behaviour: everything that comes out, hashed.

50,000 seeded events go through every stage, in one process, without threads and without a clock
(`tests.equality.cluster`). Whatever the stages write is hashed topic by topic, with one hash for each 1,000
events, so that a difference can be located. README.md says how to use it, and what the recorded file holds.
"""
