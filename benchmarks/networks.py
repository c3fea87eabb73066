"""Every network of conf/model beside the others: size, cost, time by runtime, and accuracy after equal training.

python benchmarks/networks.py --root FOLDER                           photographs and masks of your own
python benchmarks/networks.py --root FOLDER --only enet fpn_mbv2      some of them
python benchmarks/networks.py --time --no-training                    the times alone, on a quiet machine
segdrone data sample scenes --count 24 --size 384x256 --seed 0; python benchmarks/networks.py --root scenes --epochs 2

Every network is trained by the same recipe: size, batch, loss, augmentation, learning rate, epochs and seed; its score
is the mIoU over the validation photographs at its best epoch. Encoders start from ImageNet weights where there are
some: those of --weights, else as conf/model says (downloaded). One recipe suits some networks better than others, and
those that start from random weights need longer: this is what a short training gives, not what a network can reach.

Each network has a folder in --work. A training that was interrupted is resumed, one that is finished is not repeated.
--time measures one window of 512 x 768 pixels: the checkpoint, and its ONNX and OpenVINO files, each in its own
process, in turns, on CPU. Writes networks.md, and networks.svg, to --out from what is there; the rest says "not run".
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import torch
import yaml
from matplotlib.figure import Figure
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.runtime import MEAN, STD, contend, cpu_name
from benchmarks.turns import start, take_turn

from segdrone.classes import DRONE
from segdrone.evaluation.metrics_csv import read_history
from segdrone.export.run import export
from segdrone.figures import to_svg
from segdrone.model import SegmentationModule, networks, read_checkpoint
from segdrone.model.flops import count_macs, count_parameters
from segdrone.model.networks import build_network, model_settings
from segdrone.synthetic.scene import render_scene
from segdrone.utils.atomic import atomic_write
from segdrone.utils.openmp import sleep_while_waiting

SIZE = (512, 768)  # of costs and times
RECIPE = ["augment=light", "loss=ce_dice", "callbacks.early_stopping=null", "pictures=null", "logger.tensorboard=null"]
RUNTIMES = {"torch": "torch", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((REPO / "conf" / "model").glob("*.yaml"))}
MODELS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
NETWORKS = {name: model for name, model in MODELS.items() if model["name"] in networks.NETWORKS}
NOT_RUN = "not run"
Record = dict[str, Any]


def read(path: Path) -> Record | None:
    """Returns the JSON object in a file, or None if there is no file."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def write(path: Path, record: Record) -> None:
    """Writes a JSON object."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def encoder_weights(name: str, folder: Path | None) -> str | None:
    """Returns the value of `model.encoder_weights` for a network; None means random ones."""
    model = NETWORKS[name]
    if folder is None or model["encoder_weights"] is None:
        return None if model["encoder_weights"] is None else str(model["encoder_weights"])
    file = folder / f"{model['encoder_name'].removeprefix('tu-').partition('.')[0]}_imagenet.safetensors"
    return str(file) if file.is_file() else None


def context_weights(name: str, folder: Path | None) -> str:
    """Returns the value of `model.context_weights` for a network."""
    context = NETWORKS[name].get("context")
    file = folder and context and folder / f"{context.removeprefix('tu-')}.safetensors"
    return str(file) if file and file.is_file() else "pretrained"


def train(name: str, options: argparse.Namespace) -> None:
    """Trains a network, or resumes its training, in a process of its own, and writes `training.json`."""
    folder = options.work / name
    model, run, weights = NETWORKS[name], folder / "run", encoder_weights(name, options.weights)
    settings: Record = {"epochs": options.epochs, "size": list(options.size), "seed": options.seed}
    settings |= {"root": str(options.root), "split_dir": str(options.split_dir), "weights": weights}
    if (earlier := read(folder / "settings.json") or settings) != settings:
        different = [key for key, value in settings.items() if earlier.get(key) != value]
        sys.exit(f"{folder} was trained with another {', '.join(different)}: give another --work, or remove it")
    if (folder / "training.json").is_file():
        return
    write(folder / "settings.json", settings)
    last = run / "checkpoints" / "last.ckpt"
    if not last.is_file():
        shutil.rmtree(run, ignore_errors=True)
    size = f"[{options.size[0]},{options.size[1]}]"
    command = [
        sys.executable, "-m", "segdrone", "train", *RECIPE, f"output_dir={run}", f"model={name}",
        f"model.encoder_weights={weights or 'null'}", f"data.root={options.root}",
        f"data.cache_dir={options.work / 'cache'}", f"data.image_size={size}", f"data.test_image_size={size}",
        f"trainer.max_epochs={options.epochs}", f"seed={options.seed}",
        *([f"data.split_dir={options.split_dir}"] if options.split_dir else []),
        *([f"model.context_weights={context_weights(name, options.weights)}"] if model.get("context") else []),
        *([f"ckpt_path={last}"] if last.is_file() else []),
    ]  # fmt: skip
    with (folder / "log.txt").open("a", encoding="utf-8") as log:
        code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode
    if code:
        lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").split("\n")
        raise RuntimeError(next((line for line in reversed(lines) if line.strip()), f"exit code {code}"))
    splits = read_checkpoint(last)["hyper_parameters"]["splits"]
    scores = [epoch["val/miou"] for epoch in read_history(run) if "val/miou" in epoch]
    counts = {split: len(ids) for split, ids in splits.items()}
    write(folder / "training.json", {**settings, "miou": max(scores), "photographs": counts})


def measure(name: str, options: argparse.Namespace) -> None:
    """Measures the milliseconds of a window with each runtime, and writes `time.json`; weights are random."""
    if (options.work / name / "time.json").is_file():
        return
    data = {"root": ".", "image_size": list(SIZE), "mean": list(MEAN), "std": list(STD)}
    torch.manual_seed(0)
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    module = SegmentationModule(model_settings(NETWORKS[name]), DRONE.to_dict(), data, splits)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "best.ckpt"
        torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, checkpoint)
        exported = export(checkpoint, [key for key in RUNTIMES if key != "torch"], Path(folder) / "e", progress=False)
        files = dict(zip(RUNTIMES, [checkpoint, *exported], strict=True))
        contenders = {key: start(contend, path, False, None) for key, path in files.items()}
        window = render_scene(*SIZE, 0)[0][None]
        seconds: dict[str, list[float]] = {key: [] for key in files}
        for i in range(options.rounds + 1):
            for key in files:
                took = take_turn(contenders, key, window)
                seconds[key] += [took] if i else []  # the first call compiles
        for contender in contenders.values():
            contender.send(None)
    times = {key: 1000 * statistics.median(values) for key, values in seconds.items()}
    machine = f"{os.cpu_count()} CPU cores, {cpu_name()}, torch {torch.__version__}"
    write(options.work / name / "time.json", {"ms": times, "rounds": options.rounds, "machine": machine})


def row(name: str, training: Record | None, timing: Record | None) -> list[str]:
    """Returns the cells of a row of the table."""
    network = build_network(**model_settings(NETWORKS[name]), classes=len(DRONE))
    cells = [f"`{name}`", f"{count_parameters(network) / 1e6:.1f}", f"{count_macs(network, *SIZE) / 1e9:.3g}"]
    cells += [f"{timing['ms'][key]:.0f}" if timing else NOT_RUN for key in RUNTIMES]
    if training is None:
        cells += [NOT_RUN, NOT_RUN]
    else:
        cells += ["ImageNet" if training["weights"] else "random", f"{training['miou']:.3f}"]
    first_line, _, _ = TEXTS[name].partition("\n")
    return [*cells, first_line.removeprefix("# ")]


def plot(scores: dict[str, tuple[float, float, bool]]) -> Figure:
    """Plots mIoU against milliseconds, by network; a filled point started from ImageNet weights."""
    figure = Figure(figsize=(8, 5), dpi=100, facecolor="white", layout="constrained")
    axis = figure.subplots()
    for name, (ms, miou, pretrained) in scores.items():
        axis.plot(ms, miou, "o", color="tab:blue", fillstyle="full" if pretrained else "none")
        axis.annotate(name, (ms, miou), xytext=(5, 4), textcoords="offset points", fontsize=8)
    axis.plot([], [], "o", color="tab:blue", label="encoder from ImageNet")
    axis.plot([], [], "o", color="tab:blue", fillstyle="none", label="from random weights")
    axis.set_xscale("log")
    axis.margins(x=0.15)
    axis.set_xlabel(f"milliseconds a window of {SIZE[0]} x {SIZE[1]}, ONNX Runtime on CPU")
    axis.set_ylabel("mIoU, validation")
    axis.grid(alpha=0.3)
    axis.legend(loc="lower right")
    return figure


def page(records: dict[str, tuple[Record | None, Record | None]], pictured: bool) -> str:
    """Returns the page, with what was trained and measured how."""
    trained = [training for training, _ in records.values() if training]
    timed = [timing for _, timing in records.values() if timing]
    if len({json.dumps({**training, "weights": 0, "miou": 0}) for training in trained}) > 1:
        sys.exit("the trainings in --work have different settings, and cannot share a table: give another --work")
    how = ""
    if trained:
        first = trained[0]
        counts, (height, width) = first["photographs"], first["size"]
        how = (
            f"Trained on {counts['train']} photographs at {height} x {width} for {first['epochs']} epochs, seed "
            f"{first['seed']},\nby one recipe (`{' '.join(RECIPE[:2])}`); mIoU over {counts['val']} validation "
            "photographs at the best epoch.\n"
        )
    machines = "; ".join(sorted({f"{timing['machine']}, {timing['rounds']} rounds" for timing in timed}))
    titles = [f"ms {title}" for title in RUNTIMES.values()]
    header = ["`model=`", "parameters", "multiply-adds", *titles, "starts from", "mIoU", ""]
    rows = [row(name, *found) for name, found in records.items()]
    shown = [i for i in range(len(header)) if any(cells[i] != NOT_RUN for cells in rows)]
    lines = [f"| {' | '.join(cells[i] for i in shown)} |" for cells in (header, ["---"] * len(header), *rows)]
    table = "\n".join(lines)
    runtimes = f" Runtimes take turns, in processes of their own; medians ({machines})." if timed else ""
    missing = (
        ""
        if trained and timed
        else f"\nNot measured yet: {' and '.join(['accuracy'] * (not trained) + ['time'] * (not timed))}."
    )
    picture = "\n![mIoU against milliseconds, by network](networks.svg)\n" if pictured else ""
    by_hand = "\n## The included model\n"  # and what follows it on the page
    columns = ", multiply-adds in billions and milliseconds" if timed else " and multiply-adds in billions"
    return f"""# Networks

`model=NAME` chooses a network of `conf/model`, whose files explain their options. `python benchmarks/networks.py`
writes this page from what was run; its `--help` says how.

{how}Parameters in millions{columns} are those of one photograph of
{SIZE[0]} x {SIZE[1]} and {len(DRONE)} classes.{runtimes}{missing}

{table}
{picture}
A short training by one recipe favors networks whose encoder starts from ImageNet weights; smp and timm have none for
ENet and DDRNet. The order after a long training, or on other photographs, can be another one. DDRNet has not the second
head that its paper trains with: networks here have one output.

## A vision transformer beside the encoder

`model.context=tu-vit_small_patch14_dinov2` adds the features of DINOv2, which is not trained, to those of the encoder,
in any network of smp here but DPT; `fpn_lite0_dinov2` is one. What it takes, and what it costs: [context](context.md).
{by_hand}{(REPO / "docs" / "networks.md").read_text(encoding="utf-8").partition(by_hand)[2]}"""


def main() -> None:
    """Trains and measures what is asked for and missing, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="photographs and masks, as data.root")
    parser.add_argument("--split-dir", type=Path, help="folder of train.txt and val.txt (default: a random split)")
    parser.add_argument("--weights", type=Path, help="folder of ENCODER_imagenet.safetensors, CONTEXT.safetensors")
    parser.add_argument("--work", type=Path, default=REPO / "outputs" / "networks", help="folder of runs and results")
    parser.add_argument("--out", type=Path, default=REPO / "docs", help="folder of the page (docs)")
    parser.add_argument("--only", nargs="+", choices=list(NETWORKS), default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--epochs", type=int, default=15, help="epochs of each training (15)")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 384), metavar=("HEIGHT", "WIDTH"), help="(256 384)")
    parser.add_argument("--seed", type=int, default=42, help="(42)")
    parser.add_argument("--no-training", action="store_true", help="write the page from the trainings that are there")
    parser.add_argument("--time", action="store_true", help="measure the times; needs a machine that does nothing else")
    parser.add_argument("--rounds", type=int, default=10, help="windows of each runtime, in turns (10)")
    options = parser.parse_args()
    if options.root is None and not options.no_training:
        parser.error("give the photographs to train on, --root FOLDER, or --no-training")
    for key in ("root", "split_dir", "weights", "work"):
        if getattr(options, key) is not None:
            setattr(options, key, getattr(options, key).resolve())
    sleep_while_waiting()  # as the command does
    failed = []
    for name in tqdm([] if options.no_training else options.only, "trainings"):
        try:
            train(name, options)
        except RuntimeError as error:
            failed.append(f"{name}: {error} ({options.work / name / 'log.txt'})")
    for name in tqdm(options.only if options.time else [], "times"):
        measure(name, options)
    folders = {name: options.work / name for name in NETWORKS}
    records = {name: (read(path / "training.json"), read(path / "time.json")) for name, path in folders.items()}
    scores = {
        name: (timing["ms"]["onnx"], training["miou"], training["weights"] is not None)
        for name, (training, timing) in records.items()
        if training and timing
    }
    text = page(records, bool(scores))
    options.out.mkdir(parents=True, exist_ok=True)
    with atomic_write(options.out / "networks.md") as partial:
        partial.write_text(text, encoding="utf-8")
    if scores:
        with atomic_write(options.out / "networks.svg") as partial:
            partial.write_text(to_svg(plot(scores)), encoding="utf-8")
    print(text)
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    main()
