"""The command line: `segdrone`, and what train.py and evaluate.py hand over to."""
