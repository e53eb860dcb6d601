"""Pages, exposures and insights out to Parquet files, for warehouses (`nearline export`).

* `streams.ops.exports.tables`: the tables, and records as their rows.
* `streams.ops.exports.viewers`: viewers' ids as they leave: not at all, as pseudonyms, or as they are.
* `streams.ops.exports.checkpoint`: how far an export has come, so that the next one goes on.
* `streams.ops.exports.runs`: a whole export.

**Once.** A part of a table is named by its partition and the offset of its first record, and written by a
rename. The checkpoint follows it. After a crash between the two the next run writes a part of the same name,
with the same records and those that have arrived since: none is there twice.
"""
