"""Scores of `experiment=baseline` and of the tutorial's loop: same photographs, size and epochs, each with its encoder.

python benchmarks/baseline.py --root FOLDER --split-dir FOLDER --weights FOLDER
python benchmarks/baseline.py ... --seeds 42 --ablate       the recipe with one choice changed at a time
python benchmarks/baseline.py ... --seeds 42 --ablate --only "equal class weights"

Both train on the photographs in train.txt and are scored on those in val.txt, without augmentation, after the last
epoch (the tutorial) or at the best one (segdrone). Whole processes are timed, from start to scores, one after the
other. This takes several hours on two cores; results are kept in --runs, so an interrupted benchmark continues where
it stopped. Writes benchmarks/results/baseline.md or ablation.md; with --only it prints the table and writes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.lever_list import encoder_weights, weights_file

from segdrone.training.precision import choose_precision
from segdrone.utils.atomic import atomic_write

TUTORIAL, BASELINE, SINGLE = "tutorial's loop", "`experiment=baseline`", "single precision"
TUTORIALS_ENCODER = "mobilenet_v2"
ABLATIONS: dict[str, list[str]] = {  # overrides of train.py on top of the recipe, each of one choice
    "nearest-neighbor resizing": ["data.interpolation=nearest"],
    "the tutorial's augmentation": ["augment=article"],
    "cross-entropy alone": ["loss=ce", "loss.class_weights=auto"],
    "equal class weights": ["loss=ce_dice"],
    "U-Net": [
        "model=unet_mbv2",
        *(f"~model.decoder_{key}" for key in ("pyramid_channels", "segmentation_channels", "dropout")),
    ],
    "the tutorial's encoder": [f"model.encoder_name={TUTORIALS_ENCODER}"],
    "dropout": ["model.decoder_dropout=0.2"],
    "the tutorial's learning rate": ["optimizer.lr=1e-3", "optimizer.encoder_lr=null"],
    "DINOv2 features beside the encoder": ["model.context=tu-vit_small_patch14_dinov2"],
    "DINOv2 features beside the encoder, a quarter as many": [
        "model.context=tu-vit_small_patch14_dinov2",
        "model.context_stride=32",
    ],
    SINGLE: ["trainer.precision=32-true"],
}
ENCODER = "tu-tf_efficientnet_lite0"  # of the recipe
SCORES = ("miou", "miou_per_image", "accuracy")
KEYS = (*SCORES, "seconds")
Result = dict[str, float]


def kept_folder(options: argparse.Namespace, name: str, seed: int) -> Path | None:
    """Returns what `--keep` keeps of a run; None if nothing is kept of it."""
    kept = {TUTORIAL: f"tutorial-{seed}", BASELINE: f"baseline-{seed}"}
    folder: Path | None = options.keep
    return folder / kept[name] if folder is not None and name in kept else None


def run_tutorial(options: argparse.Namespace, seed: int) -> Result:
    """Trains with the tutorial's loop in a separate process; returns scores and seconds."""
    command = [
        sys.executable, REPO / "benchmarks" / "article.py", "--root", options.root, "--split-dir", options.split_dir,
        "--height", options.height, "--width", options.width, "--epochs", options.epochs, "--seed", seed,
        *(["--weights", file] if (file := weights_file(TUTORIALS_ENCODER, options.weights)) else []),
        *(["--predictions", kept] if (kept := kept_folder(options, TUTORIAL, seed)) else []),
    ]  # fmt: skip
    started = time.perf_counter()
    output = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, text=True, check=True, cwd=REPO).stdout
    scores = json.loads(output.splitlines()[-1])
    return {**{name: scores[name] for name in SCORES}, "seconds": time.perf_counter() - started}


def run_segdrone(options: argparse.Namespace, name: str, seed: int) -> Result:
    """Trains with train.py in a separate process; returns scores and seconds."""
    overrides = ABLATIONS.get(name, [])
    with tempfile.TemporaryDirectory() as folder:
        encoder = TUTORIALS_ENCODER if f"model.encoder_name={TUTORIALS_ENCODER}" in overrides else ENCODER
        run = kept_folder(options, name, seed) or Path(folder) / "run"
        command = [
            sys.executable, REPO / "train.py", "experiment=baseline", f"seed={seed}",
            f"data.root={options.root}", f"data.split_dir={options.split_dir}", f"data.cache_dir={folder}/cache",
            f"data.image_size=[{options.height},{options.width}]",
            f"data.test_image_size=[{options.height},{options.width}]",
            encoder_weights(encoder, options.weights), f"trainer.max_epochs={options.epochs}",
            f"output_dir={run}", f"model.context_weights={options.context_weights or 'pretrained'}", *overrides,
        ]  # fmt: skip
        shutil.rmtree(run, ignore_errors=True)  # of other code, or interrupted
        started = time.perf_counter()
        subprocess.run([*map(str, command)], stdout=subprocess.DEVNULL, check=True, cwd=REPO)
        seconds = time.perf_counter() - started
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return {**{name: metrics[name] for name in SCORES}, "seconds": seconds}


def load_or_train(options: argparse.Namespace, name: str, seed: int) -> Result:
    """Returns the result of an equal run from `--runs`, if what `--keep` wants is there too, or trains and saves it."""
    run = {"name": name, "seed": seed, "epochs": options.epochs, "size": [options.height, options.width]}
    run |= {"photographs": str(options.root), "split": str(options.split_dir), "weights": str(options.weights)}
    run |= {"context_weights": str(options.context_weights)}
    run |= {"code": options.code, "device": options.device, "torch": torch.__version__}
    kept = kept_folder(options, name, seed)
    if options.runs.exists() and (kept is None or kept.exists()):
        for line in reversed(options.runs.read_text(encoding="utf-8").splitlines()):
            saved = json.loads(line)
            if saved["run"] == run:
                return dict(saved["result"])
    result = run_tutorial(options, seed) if name == TUTORIAL else run_segdrone(options, name, seed)
    options.runs.parent.mkdir(parents=True, exist_ok=True)
    with options.runs.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"run": run, "result": result}) + "\n")
    return result


def code_fingerprint() -> str:
    """Returns a hash of all code and configuration that affects the training."""
    folders = (("src", "*.py"), ("conf", "*.yaml"), ("benchmarks", "article.py"), ("benchmarks", "baseline.py"))
    files = sorted(path for folder, pattern in folders for path in (REPO / folder).rglob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def format_spread(values: list[float], digits: int) -> str:
    """Returns the mean and, for several values, the standard deviation."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def format_row(name: str, results: list[Result]) -> str:
    """Returns a row of the table."""
    scores = " | ".join(format_spread([result[key] for result in results], 4) for key in SCORES)
    return f"| {name} | {scores} | {format_spread([result['seconds'] for result in results], 0)} |"


def main() -> None:
    """Trains all runs one after the other, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="photographs and masks")
    parser.add_argument("--split-dir", type=Path, required=True, help="folder of train.txt and val.txt")
    parser.add_argument("--weights", type=Path, help="folder of ENCODER_imagenet.safetensors (default: random weights)")
    parser.add_argument("--context-weights", type=Path, help="DINOv2 weights, .safetensors (default: from the hub)")
    parser.add_argument("--height", type=int, default=256, help="input height in pixels (256)")
    parser.add_argument("--width", type=int, default=384, help="input width in pixels (384)")
    parser.add_argument("--epochs", type=int, default=15, help="epochs of each run (15)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44], help="one run per seed (42 43 44)")
    parser.add_argument(
        "--tutorial-seeds", type=int, nargs="+", help="those of the tutorial's loop, the slower (--seeds)"
    )
    parser.add_argument("--ablate", action="store_true", help="the recipe with one choice changed at a time")
    parser.add_argument("--only", choices=ABLATIONS, nargs="+", metavar="VARIANT", help="with --ablate: these only")
    parser.add_argument(
        "--runs", type=Path, default=REPO / "outputs" / "baseline.jsonl", help="results of finished runs"
    )
    parser.add_argument(
        "--keep", type=Path, help="folder for the tutorial's predicted masks and the recipe's run, per seed"
    )
    options = parser.parse_args()
    for name in ("root", "split_dir", "weights", "context_weights", "keep"):
        if getattr(options, name) is not None:
            setattr(options, name, getattr(options, name).resolve())
    names = options.only or ([BASELINE, *ABLATIONS] if options.ablate else [TUTORIAL, BASELINE])
    if options.only and not options.ablate:
        parser.error("--only selects variants of --ablate: give both")
    if (options.split_dir / "test.txt").exists():
        parser.error(f"{options.split_dir} contains a test.txt, on which only train.py would be scored: remove it")
    options.code = code_fingerprint()
    options.device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    if choose_precision("auto") == "32-true":  # the recipe uses single precision anyway
        names = [name for name in names if name != SINGLE]
    rows: dict[str, list[Result]] = {name: [] for name in names}
    seeds = {TUTORIAL: options.tutorial_seeds or options.seeds}
    runs = [(seed, name) for name in names for seed in seeds.get(name, options.seeds)]
    for seed, name in tqdm(runs, desc="runs"):
        result = load_or_train(options, name, seed)
        rows[name].append(result)
        tqdm.write(f"{name}, seed {seed}: {json.dumps({key: round(result[key], 4) for key in KEYS})}")
    lines = [format_row(name if name not in ABLATIONS else f"with {name}", results) for name, results in rows.items()]
    if not options.ablate:
        ratios = [
            statistics.mean(r[key] for r in rows[BASELINE]) / statistics.mean(r[key] for r in rows[TUTORIAL])
            for key in KEYS
        ]
        lines.append(f"| ratio of the means | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    title = "with one choice changed at a time" if options.ablate else "and the tutorial's loop"
    command = "python benchmarks/baseline.py --root FOLDER --split-dir FOLDER"
    command += " --weights FOLDER" if options.weights else ""
    command += f" --seeds {' '.join(map(str, options.seeds))} --epochs {options.epochs}"
    if options.tutorial_seeds:
        command += f" --tutorial-seeds {' '.join(map(str, options.tutorial_seeds))}"
    scope = "Mean and standard deviation over the seeds, on" if len(options.seeds) > 1 else "On"
    epoch = "at the best epoch by their mIoU"
    if not options.ablate:
        epoch = f"of the recipe {epoch}, of the tutorial's loop after its last epoch"
    table = f"""# The recipe `experiment=baseline` {title}

`{command}{" --ablate" * options.ablate}`:
{options.height} x {options.width}, batch 3, {options.epochs} epochs; encoders {TUTORIALS_ENCODER} and {ENCODER};
{options.device}, {platform.machine()}, torch {torch.__version__}. {scope} the validation photographs,
{epoch}.

| | mIoU, whole set | mIoU per image | accuracy | seconds, whole run |
|---|---|---|---|---|
{chr(10).join(lines)}
"""
    print(table)
    if options.only:
        return
    with atomic_write(
        REPO / "benchmarks" / "results" / ("ablation.md" if options.ablate else "baseline.md")
    ) as partial:
        partial.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
