"""``python -m atonce``: the same as the command ``atonce``."""

import sys

from atonce.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
