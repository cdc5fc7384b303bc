"""`python -m hexnote`."""

from hexnote.cli import command

if __name__ == "__main__":
    command()
