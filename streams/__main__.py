"""``python -m streams``: the command line, for where the script ``nearline`` is not on the path."""

import sys

from streams.cli import main

if __name__ == "__main__":
    sys.exit(main())
