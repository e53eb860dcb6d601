"""Own data in: files of titles and history to the topics (`nearline import`).

* `streams.ops.imports.sources`: CSV, Parquet and JSON lines, in blocks of columns with the line of each row.
* `streams.ops.imports.fields`: the fields that a column can be mapped to. `streams.ops.imports.guess`: which
  column is which field. `streams.ops.imports.mapping`: kept as a TOML file.
* `streams.ops.imports.columns`: columns into numbers, times and ids.
* `streams.ops.imports.catalog`: rows into titles. `streams.ops.imports.history`: rows into events.
* `streams.ops.imports.sorting`: rows by time, with bounded memory.
* `streams.ops.imports.faults`: the report of rows that were left out.
* `streams.ops.imports.checkpoint`: how far an import has come, so that it can go on.
* `streams.ops.imports.runs`: a whole import.

**Times.** An event has the time of its row, and its record the time at which it is sent: the topic refuses
records that are more than seven days old, and retention would delete them. Workers learn by event time, so
trends, sessions and half-lives are those of the past; pages are made by the worker's clock (ADR 41).
"""
