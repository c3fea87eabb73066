"""From how many training photographs on is a network better than classical models, and than the tutorial's loop?

python benchmarks/learning_curve.py --root FOLDER --split-dir FOLDER --results FOLDER [--weights FOLDER]
python benchmarks/learning_curve.py ... --counts 1 5 20 --only classic_slic_forest

Each model is fitted to the first N photographs of train.txt, in an order drawn once by a seed, and scored on those in
val.txt, each in a process of its own: classical models by conf/model/classic_*.yaml, the network by
experiment=baseline, the tutorial's loop for its 15 epochs. --results keeps a JSON file for each run, so an interrupted
benchmark continues.
Writes benchmarks/results/learning_curve.md of all that is in --results: mIoU with 95 % intervals, where the network
overtakes each model, and how many photographs it needs for what the model reaches with the most.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.baseline import ENCODER, TUTORIALS_ENCODER
from benchmarks.lever_list import encoder_weights, weights_file

from segdrone.utils.atomic import atomic_write, write_json
from segdrone.utils.output_dir import claim_dir

NETWORK = "experiment=baseline"
TUTORIAL = "the tutorial's loop"
MODELS = ("classic_slic_forest", "classic_pixel_forest", "classic_exg_mean", TUTORIAL, NETWORK)
COUNTS = (1, 5, 10, 20, 40, 80, 100, 306)
_EPOCHS = 15  # of the tutorial, and of the network
_LEAST_STEPS = 1500  # of the network: with few photographs it gets more epochs
Results = dict[tuple[str, int], dict[str, Any]]


def measure(options: argparse.Namespace, model: str, count: int) -> dict[str, Any]:
    """Fits a model to some photographs, and returns its mIoU with its interval."""
    names = (options.split_dir / "train.txt").read_text(encoding="utf-8").split()
    chosen = [names[place] for place in np.random.default_rng(options.seed).permutation(len(names))[:count]]
    size = f"[{options.height},{options.width}]"
    with tempfile.TemporaryDirectory() as folder:
        splits = Path(folder) / "splits"
        splits.mkdir()
        (splits / "train.txt").write_text("\n".join(chosen) + "\n", encoding="utf-8")
        (splits / "val.txt").write_bytes((options.split_dir / "val.txt").read_bytes())
        if model == TUTORIAL:
            return measure_tutorial(options, splits)
        command = [
            sys.executable, "train.py", f"data.root={options.root}", f"data.split_dir={splits}", "pictures=null",
            f"data.image_size={size}", f"data.test_image_size={size}", "data.cache=memory", f"seed={options.seed}",
            "trainer=cpu", f"output_dir={folder}/run",
        ]  # fmt: skip
        if model == NETWORK:
            batch = min(3, count)
            epochs = max(_EPOCHS, -(-_LEAST_STEPS * batch // count))
            command += [NETWORK, encoder_weights(ENCODER, options.weights), f"data.batch_size={batch}"]
            command += [f"trainer.max_epochs={epochs}", f"+trainer.check_val_every_n_epoch={epochs}"]
        else:
            command += [f"model={model}", "trainer.limit_val_batches=1"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=REPO)
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text(encoding="utf-8"))
    low, high = metrics["intervals"]["miou"]
    return {"miou": metrics["miou"], "low": low, "high": high}


def measure_tutorial(options: argparse.Namespace, splits: Path) -> dict[str, Any]:
    """Trains by the tutorial's loop, and returns its mIoU with its interval."""
    file = weights_file(TUTORIALS_ENCODER, options.weights)
    command = [
        sys.executable, "benchmarks/article.py", "--root", options.root, "--split-dir", splits, "--seed", options.seed,
        "--height", options.height, "--width", options.width, *(["--weights", file] if file else []),
    ]  # fmt: skip
    output = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, text=True, check=True, cwd=REPO).stdout
    scores = json.loads(output.splitlines()[-1])
    return {"miou": scores["miou"], "low": scores["interval"][0], "high": scores["interval"][1]}


def overtaken(results: Results, model: str) -> str:
    """Returns from which number of photographs on the network is better than a model, with all larger ones too."""
    counts = sorted(count for name, count in results if name == model and (NETWORK, count) in results)
    if not counts:
        return "not measured"
    first = None
    for count in reversed(counts):
        if results[NETWORK, count]["miou"] <= results[model, count]["miou"]:
            break
        first = count
    return f"not up to {max(counts)}" if first is None else f"from {first} on"


def enough(results: Results, model: str) -> str:
    """Returns the least number of photographs with which the network is better than a model is with the most."""
    counts = [count for name, count in results if name == model]
    if not counts:
        return "not measured"
    goal = results[model, max(counts)]["miou"]
    better = [count for name, count in results if name == NETWORK and results[name, count]["miou"] > goal]
    return f"{min(better)} against {max(counts)}" if better else "none measured"


def table(options: argparse.Namespace, results: Results) -> str:
    """Returns the page; what was not measured is empty."""
    counts = sorted({count for _, count in results})
    head = [
        "# How many photographs a network needs", "",
        f"`python benchmarks/learning_curve.py`: mIoU and its 95 % interval on the validation photographs, at "
        f"{options.height} x {options.width}, by the number of training photographs. The network, `{NETWORK}`, is "
        f"trained for {_EPOCHS} epochs, and for at least {_LEAST_STEPS:,} batches; the tutorial's loop for {_EPOCHS} "
        "epochs. Empty cells were not measured; `from 40 on` means that 40 is the least number with which both were "
        "measured and the network is better, and `40 against 306` that it is better with 40 than the model with 306.",
        "",
        f"| model | {' | '.join(map(str, counts))} | the network is better with as many | and with fewer |",
        "|---" * (len(counts) + 3) + "|",
    ]  # fmt: skip
    rows = []
    for model in MODELS:
        found = (results.get((model, count)) for count in counts)
        cells = ["" if r is None else f"{r['miou']:.3f} ({r['low']:.3f} to {r['high']:.3f})" for r in found]
        verdicts = ["", ""] if model == NETWORK else [overtaken(results, model), enough(results, model)]
        rows.append(f"| `{model}` | {' | '.join([*cells, *verdicts])} |")
    return "\n".join([*head, *rows]) + "\n"


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="photographs and masks")
    parser.add_argument("--split-dir", type=Path, required=True, help="folder of train.txt and val.txt")
    parser.add_argument("--results", type=Path, required=True, help="folder that keeps a JSON file for each run")
    parser.add_argument("--weights", type=Path, help="folder of ENCODER_imagenet.safetensors (default: random weights)")
    parser.add_argument(
        "--counts", type=int, nargs="*", default=COUNTS, help="numbers of training photographs, at most all"
    )
    parser.add_argument("--only", nargs="*", choices=MODELS, default=MODELS, help="models to measure")
    parser.add_argument("--height", type=int, default=256, help="rows at which photographs are seen")
    parser.add_argument("--width", type=int, default=384, help="columns at which photographs are seen")
    parser.add_argument("--seed", type=int, default=42, help="seed of the order and of the models")
    options = parser.parse_args()
    for name in ("root", "split_dir", "results", "weights"):
        setattr(options, name, getattr(options, name) and getattr(options, name).resolve())
    options.results.mkdir(parents=True, exist_ok=True)
    used = {name: value and str(value) for name in ("root", "split_dir", "weights") for value in [vars(options)[name]]}
    claim_dir(options.results, "options.json", used, (), "benchmarks/learning_curve.py", "--results")
    results: Results = {}
    setting = f"{options.height}x{options.width}-{options.seed}"
    total = len((options.split_dir / "train.txt").read_text(encoding="utf-8").split())
    counts = sorted({min(count, total) for count in options.counts})

    def file_of(model: str, count: int) -> Path:
        name = re.sub(r"[^\w]+", "-", model)
        return Path(options.results / f"{name}-{count}-{setting}.json")

    for model, count in tqdm([(model, count) for count in counts for model in options.only], unit="run"):
        if not file_of(model, count).is_file():
            write_json(measure(options, model, count), file_of(model, count))
    for model, count in product(MODELS, {min(count, total) for count in COUNTS} | {*counts}):
        if (file := file_of(model, count)).is_file():
            results[model, count] = json.loads(file.read_text(encoding="utf-8"))
    with atomic_write(REPO / "benchmarks" / "results" / "learning_curve.md") as partial:
        partial.write_text(table(options, results), encoding="utf-8")
    print(table(options, results))


if __name__ == "__main__":
    main()
