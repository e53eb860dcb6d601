"""Files of ratings, read into columns: the public data sets that evaluation and replay run on.

`read_ratings` takes a path and finds out what it is, by name and by its first line:

=====================  ==================================================  ==============================
format                 looks like                                          titles and tags beside it
=====================  ==================================================  ==============================
MovieLens 100K         ``u.data``, tabs, no header                         ``u.item``
MovieLens 1M, 10M      ``ratings.dat``, ``::``                             ``movies.dat``
MovieLens 20M, latest  ``ratings.csv``, header ``userId,movieId,…``        ``movies.csv``
RecBole                ``*.inter``, tabs, header ``user_id:token	…``      ``*.item`` of the same name
Parquet                columns named as in any of the above                ``*items*.parquet``, one-hot genres
zip                    any of the text formats inside                      beside it, inside
=====================  ==================================================  ==============================

Times are read as seconds since 1970, or milliseconds where they are too large to be seconds. What cannot be
read raises `RatingsError`, which names the file, the line and what was expected there, never the value.

`streams.ops.ratings.reader` finds out and reads, `streams.ops.ratings.sources` opens folders and zips,
`streams.ops.ratings.titles` reads what lies beside, `streams.ops.ratings.lines` finds the line that went wrong, and
`streams.ops.ratings.dataset` is what comes of it. `Dataset.catalog` turns the titles into `schemas.Title`
records, for the models that read tags.
"""

from streams.errors import RatingsError
from streams.ops.ratings.dataset import Dataset
from streams.ops.ratings.reader import read_ratings

__all__ = ["Dataset", "RatingsError", "read_ratings"]
