"""`python -m segdrone`, the same as the `segdrone` command."""

from segdrone.cli.main import app

if __name__ == "__main__":
    app()
