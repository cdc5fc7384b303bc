"""`python -m hexnote`, and where the installed command begins. Python 3.6 reads this file too, to be told what it lacks."""

import os
import sys

_NEEDS = (3, 9)


def command() -> None:
    """The command. An interrupt while it is loaded is answered as any later one."""
    if sys.version_info < _NEEDS:
        sys.stderr.write("hexnote: needs Python 3.9 or newer, and this is {}.{}\n".format(*sys.version_info))
        sys.exit(2)
    try:
        from hexnote.cli import command as run

        run()
    except KeyboardInterrupt:
        os._exit(130)


if __name__ == "__main__":
    command()
