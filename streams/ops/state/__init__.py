"""Operations on the local databases: `nearline state`.

* `streams.ops.state.local`: find the databases, and open them while a worker uses them.
* `streams.ops.state.verify`, `streams.ops.state.export`, `streams.ops.state.rebuild`: the sub-commands.
"""
