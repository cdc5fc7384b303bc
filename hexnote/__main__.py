"""`python -m hexnote`."""

import sys

from hexnote.cli import main

if __name__ == "__main__":
    sys.exit(main())
