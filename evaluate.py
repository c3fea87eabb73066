"""Score a checkpoint or predicted masks: `python evaluate.py` is the same as `segdrone evaluate`."""

from segdrone.cli.evaluate import main

if __name__ == "__main__":
    main()
