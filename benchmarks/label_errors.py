"""How many wrong labels `segdrone data audit` finds among the first regions of its list.

python benchmarks/label_errors.py --root FOLDER --split-dir FOLDER --work FOLDER [--weights FILE.safetensors]

Of the labeled regions of the photographs in train.txt, 3 % get another class. The photographs are then divided into
two halves, a network is trained on each, with the wrong labels among its own, and each audits the half that it did not
see. What is finished stays in --work, so an interrupted benchmark continues; a run takes about 25 minutes on two cores.
Writes benchmarks/results/label_errors.md.

python benchmarks/label_errors.py --root FOLDER --split-dir FOLDER --work FOLDER --model best.ckpt --photographs val.txt

Audits with a finished model, which was trained on other photographs, instead; prints the table and writes nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from segdrone.classes import DRONE
from segdrone.inference.components import connected_components
from segdrone.utils.atomic import atomic_write, write_json
from segdrone.utils.output_dir import claim_dir

REPO = Path(__file__).parents[1]
SHARE, LEAST_AREA, SEED, FOLDS = 0.03, 64, 42, 2
FIRST = (0.03, 0.06, 0.12)
KEYS = ("top", "left", "height", "width", "pixels")


def corrupt(options: argparse.Namespace) -> None:
    """Writes a copy of the dataset in which some regions have a wrong class, and changed.json with their places.

    Regions are connected components of at least `LEAST_AREA` pixels; each is as likely to be changed, and to any class
    that does not touch it: it would become a part of that neighbor otherwise.
    """
    data = options.work / "dataset"
    if (data / "changed.json").is_file():
        return
    shutil.rmtree(data, ignore_errors=True)
    (data / "label_images_semantic").mkdir(parents=True)
    (data / "original_images").mkdir()
    shutil.copy(options.root / "class_dict_seg.csv", data)
    names = (options.split_dir / options.photographs).read_text(encoding="utf-8").split()
    masks, regions = {}, []
    for name in names:
        (data / "original_images" / f"{name}.jpg").symlink_to(options.root / "original_images" / f"{name}.jpg")
        path = options.root / "label_images_semantic" / f"{name}.png"
        masks[name] = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
        for class_id in np.unique(masks[name]):
            components = connected_components(masks[name], class_id)
            regions += [(name, int(class_id), part) for part in components if part.area >= LEAST_AREA]
    rng = np.random.default_rng(SEED)
    changed = []
    for index in sorted(rng.permutation(len(regions))[: round(SHARE * len(regions))]):
        name, given, part = regions[index]
        pixels = np.zeros_like(masks[name])
        part.draw(pixels, 1)
        around = np.unique(masks[name][cv2.dilate(pixels, np.ones((3, 3), np.uint8)) > 0])
        wrong = int(rng.choice([id_ for id_ in range(len(DRONE)) if id_ not in around]))
        masks[name][pixels > 0] = wrong
        changed.append({"photograph": name, "box": [*part.window], "pixels": part.area, "was": given, "is": wrong})
    for name, mask in masks.items():
        cv2.imwrite(str(data / "label_images_semantic" / f"{name}.png"), mask)
    halves = np.array_split(np.array(names)[rng.permutation(len(names))], FOLDS)
    for fold, unseen in enumerate(halves):
        folder = data / f"fold{fold}"
        folder.mkdir()
        seen = sorted({*names} - {*unseen.tolist()})
        (folder / "train.txt").write_text("\n".join(seen) + "\n", encoding="utf-8")
        (folder / "val.txt").write_text("\n".join(sorted(unseen.tolist())) + "\n", encoding="utf-8")
    write_json({"regions": len(regions), "changed": changed}, data / "changed.json")


def train(options: argparse.Namespace, fold: int) -> Path:
    """Trains a network on a half, or resumes its training; returns its checkpoint."""
    data, run = options.work / "dataset", options.work / f"fold{fold}"
    if not (run / "metrics.json").is_file():
        command = [sys.executable, "-m", "segdrone", "train", f"output_dir={run}"]
        if (last := run / "checkpoints" / "last.ckpt").is_file():
            command += [f"ckpt_path={last}"]
        else:
            shutil.rmtree(run, ignore_errors=True)
            size = f"[{options.height},{options.width}]"
            command += [
                "experiment=baseline", f"data.root={data}", f"data.split_dir={data / f'fold{fold}'}",
                f"data.image_size={size}", f"data.test_image_size={size}", f"data.cache_dir={options.work / 'cache'}",
                f"model.encoder_weights={options.weights or 'null'}", f"trainer.max_epochs={options.epochs}",
                f"+trainer.check_val_every_n_epoch={options.epochs}", "callbacks.early_stopping=null",
                "pictures=null", "data.num_workers=0", f"seed={SEED}",
            ]  # fmt: skip
        subprocess.run(command, check=True, cwd=REPO)
    return Path(run / "checkpoints" / "best.ckpt")


def run_audit(options: argparse.Namespace) -> list[dict[str, str]]:
    """Runs `segdrone data audit` with all checkpoints; returns the rows of its table."""
    out = options.work / "audit"
    if not (out / "audit.csv").is_file():
        command = [sys.executable, "-m", "segdrone", "data", "audit", options.work / "dataset", "--out", out]
        models = [options.model] if options.model else [train(options, fold) for fold in range(FOLDS)]
        for model in models:
            command += ["--model", model]
        subprocess.run([*map(str, command), "--min-area", str(LEAST_AREA)], check=True, cwd=REPO)
    with (out / "audit.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def recalls(order: NDArray[np.float64], is_changed: NDArray[np.bool_]) -> list[float]:
    """Returns the share of the changed regions among the first ones by increasing `order`, for each of `FIRST`."""
    found = np.cumsum(is_changed[np.argsort(order, kind="stable")])
    return [float(found[round(share * len(order)) - 1]) for share in FIRST]


def scored(options: argparse.Namespace, fold: int) -> float:
    """Returns the mIoU of a network on the half that it did not see, and whose labels are partly wrong."""
    metrics = json.loads((options.work / f"fold{fold}" / "metrics.json").read_text(encoding="utf-8"))
    return float(metrics["miou"])


def describe_models(options: argparse.Namespace, miou: list[float]) -> str:
    """Returns which models judge, in words."""
    if options.model:
        return "A model judges that was trained on other photographs, with their own labels."
    reached = " and ".join(f"{value:.3f}" for value in miou)
    return f"""Two networks (`experiment=baseline`, {options.epochs} epochs at {options.height} x {options.width}) are
trained on one half of the photographs each, wrong labels included, and judge the other half; on its labels they reach
a mIoU of {reached}."""


def table(options: argparse.Namespace) -> str:
    """Returns the page."""
    rows = run_audit(options)
    changes = json.loads((options.work / "dataset" / "changed.json").read_text(encoding="utf-8"))["changed"]
    places = {(c["photograph"], *c["box"], c["pixels"], DRONE.names[c["is"]]): DRONE.names[c["was"]] for c in changes}
    keys = [(r["photograph"], *(int(r[k]) for k in KEYS), r["class"]) for r in rows]
    is_changed = np.array([key in places for key in keys])
    own, given = np.array([float(row["model"]) for row in rows]), np.array([row["class"] for row in rows])
    means = {name: own[given == name].mean() for name in np.unique(given)}
    orders = {
        "`segdrone data audit`": np.arange(len(rows), dtype=np.float64),
        "the model's probability of the label": own,
        "the same, over its mean of the class": own / np.array([means[name] for name in given]),
    }
    lines = [f"| {' | '.join(['first regions', *(f'{share:.0%}' for share in FIRST)])} |", "|---" * 4 + "|"]
    for name, order in orders.items():
        cells = (f"{count / len(changes):.1%}" for count in recalls(order, is_changed))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(f"| at random | {' | '.join(f'{share:.1%}' for share in FIRST)} |")
    first = round(FIRST[1] * len(rows))
    right = [places[key] == row["suggested"] for key, row in zip(keys[:first], rows, strict=False) if key in places]
    miou = [] if options.model else [scored(options, fold) for fold in range(FOLDS)]
    return f"""# Wrong labels found

By `benchmarks/label_errors.py`, {platform.machine()}, seed {SEED}: of the {len(rows)} regions of at least {LEAST_AREA}
pixels in the {len({row["photograph"] for row in rows})} photographs of {options.photographs}, {len(changes)}
({SHARE:.0%}), drawn evenly, have another class, drawn evenly among those that do not touch the region.
{describe_models(options, miou)}

Share of the changed regions among the first ones of the list:

{chr(10).join(lines)}

Of those that the audit has among its first {FIRST[1]:.0%}, {np.mean(right):.0%} have their former class suggested.
The other regions among the first ones are as the dataset has them: some of them are wrong, too.
"""


def main() -> None:
    """Runs what is not finished, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="photographs and masks")
    parser.add_argument("--split-dir", type=Path, required=True, help="folder of train.txt")
    parser.add_argument("--work", type=Path, required=True, help="keeps what is finished, by these options")
    parser.add_argument("--weights", type=Path, help="weights of the network's encoder; none: random")
    parser.add_argument("--height", type=int, default=256, help="rows at which photographs are seen")
    parser.add_argument("--width", type=int, default=384, help="columns at which photographs are seen")
    parser.add_argument("--photographs", default="train.txt", help="file in --split-dir that lists the photographs")
    parser.add_argument("--model", type=Path, help="audit with this model instead of training")
    parser.add_argument("--epochs", type=int, default=15, help="epochs of each training")
    options = parser.parse_args()
    for name in ("root", "split_dir", "work", "weights", "model"):
        setattr(options, name, getattr(options, name) and getattr(options, name).resolve())
    options.work.mkdir(parents=True, exist_ok=True)
    used = {name: value and str(value) for name, value in vars(options).items() if name != "work"}
    claim_dir(options.work, "options.json", used, (), "benchmarks/label_errors.py", "--work")
    corrupt(options)
    text = table(options)
    print(text)
    if options.model:
        return
    with atomic_write(REPO / "benchmarks" / "results" / "label_errors.md") as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
