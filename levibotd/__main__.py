"""`python -m levibotd`."""

import sys

from levibotd.cli import main

if __name__ == "__main__":
    sys.exit(main())
