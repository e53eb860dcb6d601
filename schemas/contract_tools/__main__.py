"""``python -m schemas.contract_tools``: compare the generated contract files with the code; `--write` writes them."""

import sys

from schemas.contract_tools.contracts import main

if __name__ == "__main__":
    sys.exit(main())
