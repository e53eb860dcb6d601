"""Compare the generated contract files with the code: ``python -m schemas.contract_tools``."""

import sys

from schemas.contract_tools.contracts import main

if __name__ == "__main__":
    sys.exit(main())
