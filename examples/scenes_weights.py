"""Train the model that comes with segdrone, `scenes`, and put it into the package.

make scenes-weights                                     into outputs/scenes-weights, then into src/segdrone/included
python examples/scenes_weights.py --out FOLDER --epochs 25

It renders 750 scenes, temperate ones and winter ones, trains `experiment=scenes` on them from random weights, and
keeps the best weights in half precision. No photograph is used. Started again, it goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from segdrone.data.splits.split import SPLITS
from segdrone.included import INCLUDED
from segdrone.model import read_checkpoint
from segdrone.model.weights_file import save_plain

REGIONS = ("temperate", "winter")
COUNTS = {"": 250, "-crowded": 125}  # of the scenes of each region; seeds that the demo and the examples do not use
SEEDS = {"": 1000, "-crowded": 2000}


def run(*words: str | Path) -> None:
    """Runs a segdrone command, and ends the script if it fails."""
    subprocess.run([sys.executable, "-m", "segdrone", *map(str, words)], check=True)


def render(folder: Path) -> None:
    """Renders the scenes."""
    for region in REGIONS:
        for kind, count in COUNTS.items():
            options = ["--count", str(count), "--seed", str(SEEDS[kind]), "--region", region, "--size", "768x512"]
            run("data", "sample", folder / f"{region}{kind}", *options, *(["--crowded"] if kind else []))


def pack(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Returns what of a checkpoint a finished model is, with weights in half precision.

    It names no folder of this machine and no scene: names of scenes are those of any rendered or numbered photographs.
    """
    hparams = checkpoint["hyper_parameters"]
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in checkpoint["state_dict"].items()
    }
    unnamed = {"data": {**hparams["data"], "root": None, "cache_dir": None}, "splits": {split: [] for split in SPLITS}}
    return {"state_dict": state, "hyper_parameters": {**hparams, **unnamed}, "spec": checkpoint["spec"]}


def main() -> None:
    """Renders, trains and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/scenes-weights"), help="folder of scenes and run")
    parser.add_argument("--epochs", type=int, default=25, help="epochs, a multiple of 5")
    parser.add_argument("--file", type=Path, default=INCLUDED["scenes"], help="file to write")
    args = parser.parse_args()
    scenes, folder = args.out / "scenes", args.out / "run"
    render(scenes)
    last = folder / "checkpoints" / "last.ckpt"
    resume = [f"ckpt_path={last}"] if last.exists() else []
    train = ["experiment=scenes", f"data.root={scenes}", f"trainer.max_epochs={args.epochs}", f"output_dir={folder}"]
    run("train", *train, *resume)
    save_plain(pack(read_checkpoint(folder / "checkpoints" / "best.ckpt")), args.file)
    print(f"{args.file}: {args.file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
