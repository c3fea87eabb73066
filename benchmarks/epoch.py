"""Measure the wall time of an epoch, training and validation: segdrone and the tutorial's loop, in turns in one run.

python benchmarks/epoch.py                              on rendered scenes
python benchmarks/epoch.py --root FOLDER --photographs 60

Both get the same photographs, size, batch size, network, optimizer and augmentation; segdrone runs as
train.py does, with metrics, loggers, figures and checkpoints. Writes benchmarks/results/epoch.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch.callbacks import Timer

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.article import ArticleLoop

from segdrone.data import DataConfig, open_dataset
from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.synthetic import write_scenes
from segdrone.training import train
from segdrone.utils.atomic import atomic_write


def our_epoch(
    options: argparse.Namespace, train_pairs: list[ImageMaskPair], val_pairs: list[ImageMaskPair], folder: Path
) -> float:
    """Trains and validates for one epoch as train.py does, and returns the seconds of the fit."""
    for split, pairs in (("train", train_pairs), ("val", val_pairs)):
        (folder / f"{split}.txt").write_text("\n".join(pair.id for pair in pairs))
    with initialize_config_dir(str(REPO / "conf"), version_base="1.3"):
        cfg = compose(
            "train",
            [
                "experiment=article",
                f"data.root={options.root}",
                f"data.split_dir={folder}",
                f"data.cache_dir={folder / 'cache'}",
                f"data.image_size=[{options.height},{options.width}]",
                f"data.test_image_size=[{options.height},{options.width}]",
                f"data.batch_size={options.batch}",
                f"model.encoder_weights={options.weights or 'null'}",
                "trainer.max_epochs=1",
                "trainer.limit_test_batches=1",
                "pictures=0",
                "~callbacks.progress_bar",
                "+trainer.enable_progress_bar=false",
                "+callbacks.timer._target_=lightning.pytorch.callbacks.Timer",
                f"output_dir={folder / 'run'}",
            ],
        )
    _, objects = train(cfg)
    timer = next(callback for callback in objects["callbacks"] if isinstance(callback, Timer))
    return timer.time_elapsed("train")


def main() -> None:
    """Measures in turns and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="photographs and masks (default: rendered scenes of 768 x 512)")
    parser.add_argument("--photographs", type=int, default=48, help="photographs, a sixth for validation (48)")
    parser.add_argument("--weights", type=Path, help="encoder weights, .safetensors (default: random)")
    parser.add_argument("--height", type=int, default=256, help="height in pixels of the network's input (256)")
    parser.add_argument("--width", type=int, default=384, help="width in pixels of the network's input (384)")
    parser.add_argument("--batch", type=int, default=3, help="photographs per batch (3)")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each, in turns (3)")
    options = parser.parse_args()
    what = "photographs" if options.root else "rendered scenes of 768 x 512"
    if options.root is None:
        options.root = REPO / "datasets" / f"sample-{options.photographs}-768x512-0"
        write_scenes(options.root, count=options.photographs, height=512, width=768, seed=0)
    pairs = open_dataset(DataConfig(root=str(options.root))).pairs[: options.photographs]
    val_count = max(1, len(pairs) // 6)
    train_pairs, val_pairs = pairs[val_count:], pairs[:val_count]
    size = (options.height, options.width)
    article = ArticleLoop(train_pairs, val_pairs, size, options.batch, options.weights, options.rounds)
    theirs, ours = [], []
    for number in range(options.rounds):
        theirs.append(article.epoch())
        with tempfile.TemporaryDirectory() as folder:  # an empty cache
            ours.append(our_epoch(options, train_pairs, val_pairs, Path(folder)))
        print(f"round {number + 1}: tutorial {theirs[-1]:.1f} s, segdrone {ours[-1]:.1f} s", flush=True)
    ratio = statistics.median(b / a for a, b in zip(theirs, ours, strict=True))
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    table = f"""# Wall time of an epoch

`python benchmarks/epoch.py`: {len(train_pairs)} + {len(val_pairs)} {what}, {size[0]} x {size[1]}, batch
{options.batch}, {options.rounds} rounds in turns; {device}, {platform.machine()}, torch {torch.__version__}.

| | seconds per epoch (median) |
|---|---|
| tutorial's loop | {statistics.median(theirs):.1f} |
| segdrone | {statistics.median(ours):.1f} |
| ratio (median of the rounds' ratios) | {ratio:.2f} |
"""
    print(table)
    with atomic_write(REPO / "benchmarks" / "results" / "epoch.md") as partial:
        partial.write_text(table)


if __name__ == "__main__":
    main()
