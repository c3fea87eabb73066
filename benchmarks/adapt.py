"""Measure what adapting a model to another season is worth, on rendered scenes.

python benchmarks/adapt.py --work FOLDER --weights mobilenet_v2_imagenet.safetensors

Trains a model on temperate scenes. Adapts it to a season without masks, in the ways of docs/adapt.md, and with a few
labeled scenes, and scores every result on other scenes of that season and on temperate ones. Every step has its folder
in --work: started again, with the same --weights, the script goes on where it was stopped. Writes
benchmarks/results/adapt.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from segdrone.evaluation.compare import compare
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import atomic_write
from segdrone.utils.output_dir import claim_dir

REPO = Path(__file__).parents[1]
HEIGHT, WIDTH = 192, 288
SOURCE, PHOTOGRAPHS, TEST, FEW = 120, 100, 60, 5  # scenes
QUIET = ["trainer=cpu", "pictures=null", "logger.tensorboard=null", "callbacks.pictures=null", "callbacks.curves=null"]


class Way(NamedTuple):
    """A way to adapt.

    Attributes:
        name: What the table says of it.
        folder: Folder of the season that is trained on, without or with masks.
        replay: Whether temperate scenes are trained on too.
        options: Options of the training.
    """

    name: str
    folder: str
    replay: bool
    options: list[str]


STEPS = ["trainer.limit_train_batches=25"]  # of an epoch: with replay it would be ten times as long as without
TEACHER = ["experiment=adapt", "data.batch_size=4", "callbacks.averaging.decay=0.98", "trainer.max_epochs=2"]
FINE = ["experiment=adapt_few", "augment=light", "data.batch_size=4"]
WAYS = {
    "adapt_bn": Way("batch-norm statistics", "photographs", False, ["experiment=adapt_bn", "data.batch_size=4"]),
    "self": Way("statistics, then self-training", "photographs", False, TEACHER),
    "few": Way(
        f"statistics, then {FEW} labeled",
        "few",
        False,
        [*FINE, "trainer.max_epochs=25", "callbacks.freeze_encoder.epochs=5"],
    ),
    "few_replay": Way(
        f"statistics, then {FEW} labeled with replay",
        "few",
        True,
        [*FINE, *STEPS, "trainer.max_epochs=8", "callbacks.freeze_encoder.epochs=1"],
    ),
}


def segdrone(*arguments: str) -> None:
    """Runs a command.

    Raises:
        CalledProcessError: It failed.
    """
    subprocess.run([sys.executable, "-m", "segdrone", *arguments], check=True)


def render(work: Path, region: str) -> None:
    """Renders the scenes of a region; those to adapt to without their masks."""
    folder, write = work / region, partial(write_scenes, height=HEIGHT, width=WIDTH, region=region)
    write(folder / "test", count=TEST, seed=2)
    if region == "temperate":
        write(folder / "train", count=SOURCE, seed=0)
        return
    write(folder / "few", count=FEW, seed=3)
    write(folder / "all", count=PHOTOGRAPHS, seed=1)
    (folder / "photographs").mkdir(exist_ok=True)
    for file in (folder / "all" / "original_images").iterdir():
        shutil.copyfile(file, folder / "photographs" / file.name)


def train(run: Path, *options: str) -> None:
    """Trains, goes on with a training that was stopped, or does nothing if it is finished."""
    last, record = run / "checkpoints" / "last.ckpt", run / "run.json"
    if record.is_file() and "wall_time_s" in json.loads(record.read_text()):
        return
    if last.is_file():
        segdrone("train", f"ckpt_path={last}", f"output_dir={run}")
    else:
        segdrone("train", *options, *QUIET, f"output_dir={run}")


def evaluate(run: Path, scenes: Path, out: Path) -> dict[str, Any]:
    """Scores the best checkpoint of a run on all scenes of a folder, once, and returns `metrics.json`."""
    if not (out / "metrics.json").is_file():
        best = run / "checkpoints" / "best.ckpt"
        segdrone(
            "evaluate", f"ckpt_path={best}", f"data.root={scenes}", "split=all", "pictures=null", f"output_dir={out}"
        )
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return metrics


def table(work: Path, region: str) -> Iterator[str]:
    """Adapts to a season in every way, and yields the lines of a Markdown table of the scores."""
    source, out = work / "temperate" / "run", work / region / "scores"
    home = work / "temperate" / "test"
    before = evaluate(source, work / region / "test", out / "none"), evaluate(source, home, out / "none_at_home")
    yield from (
        f"| adapted to {region} by | mIoU | difference, 95 % interval | verdict | mIoU on temperate scenes | minutes |",
        "|---|---:|---:|---|---:|---:|",
        f"| nothing | {before[0]['miou']:.3f} | | | {before[1]['miou']:.3f} | |",
    )
    for key, way in WAYS.items():
        run = work / region / "runs" / key
        replay = [f"data.replay={home.with_name('train')}"] if way.replay else []
        shares = ["data.val_share=0", "data.test_share=0"] if way.folder == "few" else []
        root = f"data.root={work / region / way.folder}"
        start = source if key == "adapt_bn" else run.with_name("adapt_bn")
        train(run, *way.options, *shares, f"init_from={start / 'checkpoints' / 'best.ckpt'}", root, *replay)
        after = evaluate(run, work / region / "test", out / key), evaluate(run, home, out / f"{key}_at_home")
        row = compare([out / "none", out / key])[0].overall[0]
        low, high = row["interval"]
        minutes = json.loads((run / "run.json").read_text())["wall_time_s"] / 60
        yield (
            f"| {way.name} | {after[0]['miou']:.3f} | {row['difference']:+.3f} ({low:+.3f} to {high:+.3f}) | "
            f"{row['verdict']} | {after[1]['miou']:.3f} | {minutes:.1f} |"
        )


def main() -> None:
    """Trains, adapts and scores, and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for scenes and runs, 1 GB")
    parser.add_argument("--weights", help="weights of MobileNetV2 to start from (default: those of ImageNet, by timm)")
    parser.add_argument("--regions", nargs="+", default=["dry"], help="seasons to adapt to: winter, dry")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    claim_dir(options.work, "options.json", {"weights": options.weights}, (), "benchmarks/adapt.py", "--work")
    for region in ("temperate", *options.regions):
        render(options.work, region)
    sizes = [f"data.image_size=[{HEIGHT},{WIDTH}]", f"data.test_image_size=[{HEIGHT},{WIDTH}]"]
    train(
        options.work / "temperate" / "run", "data=folder", f"data.root={options.work / 'temperate' / 'train'}", *sizes,
        "data.batch_size=4", "data.test_share=0", "model=fpn_mbv2", "augment=light", "trainer.max_epochs=16",
        "optimizer.lr=2e-3", "callbacks.early_stopping=null",
        *([f"model.encoder_weights={options.weights}"] if options.weights else []),
    )  # fmt: skip
    lines = ["# Adapting to another season", "", f"By `benchmarks/adapt.py`, {platform.machine()}, one run each.", ""]
    lines += [" ".join(EXPLANATION.split())]
    for region in options.regions:
        lines.append("")
        for line in table(options.work, region):
            lines.append(line)
            with atomic_write(REPO / "benchmarks" / "results" / "adapt.md") as partial:
                partial.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


EXPLANATION = f"""An FPN on MobileNetV2 was trained on {SOURCE} temperate scenes of {WIDTH} x {HEIGHT} pixels for 16
epochs, then adapted to another season and scored on {TEST} other scenes of it, and on {TEST} temperate ones. Without
masks: {PHOTOGRAPHS} photographs of the season, by `experiment=adapt_bn` and then `experiment=adapt`, 2 epochs; with
masks: {FEW} scenes, by `experiment=adapt_few augment=light`, 25 epochs without replay and 8 epochs of 25
batches with it. Replay
trains on the temperate scenes too; its number of batches was chosen on 40 other winter scenes. The difference of the
mIoU to that without adaptation has the interval of `segdrone compare`, by paired bootstrap over the scenes. Seeds of
trainings are 42, so that other seeds would add to the uncertainty."""


if __name__ == "__main__":
    main()
