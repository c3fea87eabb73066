"""`python -m segdrone`, the same as the `segdrone` command."""

from segdrone.cli import app

if __name__ == "__main__":
    app()
