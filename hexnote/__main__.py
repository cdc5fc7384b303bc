"""`python -m hexnote`, and where the installed command begins."""

import os


def command() -> None:
    """The command. An interrupt while it is loaded is answered as any later one."""
    try:
        from hexnote.cli import command as run

        run()
    except KeyboardInterrupt:
        os._exit(130)


if __name__ == "__main__":
    command()
