"""The first ten minutes: train on rendered scenes, score, and predict a large scene.

make demo                                               into outputs/demo/DATE/TIME, some minutes on two cores
python examples/demo.py --out FOLDER

Each step is a command that anyone can run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path


def run(*words: str | Path) -> None:
    """Runs a segdrone command, shows it, and ends the script if it fails."""
    print("\n$ segdrone", *words, flush=True)
    if code := subprocess.run([sys.executable, "-m", "segdrone", *map(str, words)], check=False).returncode:
        sys.exit(code)


def main() -> None:
    """Runs the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder to write to (default: outputs/demo/DATE/TIME)")
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE", help="settings of the training")
    args = parser.parse_args()
    out = args.out or Path("outputs/demo", time.strftime("%Y-%m-%d"), time.strftime("%H-%M-%S"))
    trained, scene, predicted = out / "run", out / "scene", out / "predicted"
    run("train", "experiment=demo", f"output_dir={trained}", *args.options)
    model = trained / "checkpoints" / "best.ckpt"
    # Another place of the same region, photographed at 24 megapixels.
    run("data", "sample", scene, "--count", "1", "--size", "6000x4000", "--seed", "7", "--region", "dry", "--quiet")
    run("predict", model, scene / "original_images", "--out", predicted)
    print(
        f"\nScores and pictures:        {trained}/report.html"
        f"\nThe large scene:            {predicted}/overlays"
        f"\nTry other photographs:      segdrone serve {model}, then open http://127.0.0.1:8000"
        f"\nOn your own photographs:    segdrone train data=folder data.root=FOLDER init_from={model}"
    )


if __name__ == "__main__":
    main()
