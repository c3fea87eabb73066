"""The command line: `segdrone` and its subcommands; train.py and evaluate.py call two of them."""
