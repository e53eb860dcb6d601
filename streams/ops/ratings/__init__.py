"""Read files of ratings: the public data sets for evaluation and replay.

`read_ratings` takes a path and detects the format by name and first line:

=====================  ==================================================  ==============================
format                 looks like                                          file of titles and tags
=====================  ==================================================  ==============================
MovieLens 100K         ``u.data``, tabs, no header                         ``u.item``
MovieLens 1M, 10M      ``ratings.dat``, ``::``                             ``movies.dat``
MovieLens 20M, latest  ``ratings.csv``, header ``userId,movieId,…``        ``movies.csv``
RecBole                ``*.inter``, tabs, header ``user_id:token	…``      ``*.item`` of the same name
Parquet                columns named as in any of the above                ``*items*.parquet``, one-hot genres
zip                    any of the text formats inside                      in the same folder of the zip
=====================  ==================================================  ==============================

Times are seconds since 1970, or milliseconds if they are too large for seconds. `RatingsError` names the
file, the line and what is expected there, never the value.

* `streams.ops.ratings.reader`: detect the format and read it; find the faulty line.
* `streams.ops.ratings.sources`: files on disk and in a zip.
* `streams.ops.ratings.titles`: the file of titles.
* `streams.ops.ratings.dataset`: the result; `Dataset.catalog` yields `schemas.Title` records for models that
  use tags.
"""

from streams.errors import RatingsError
from streams.ops.ratings.dataset import Dataset
from streams.ops.ratings.reader import read_ratings

__all__ = ["Dataset", "RatingsError", "read_ratings"]
