"""`python -m levibotd`."""

import sys

from levibotd.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
