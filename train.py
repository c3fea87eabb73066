"""Train a segmentation network: `python train.py` is the same as `segdrone train`."""

from segdrone.cli.train import main

if __name__ == "__main__":
    main()
