"""`python -m container_lib` is the same command as `byhand`."""

import sys

from container_lib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
