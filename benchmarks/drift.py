"""Measure how well `segdrone monitor` finds drift, on rendered scenes and on real photographs.

python benchmarks/drift.py --work FOLDER --model best.ckpt
python benchmarks/drift.py --work FOLDER --model best.ckpt --real real.ckpt --data FOLDER --ids FILE.txt

`--model` is a model of rendered scenes, such as that of `segdrone train experiment=demo`; it is tried on new scenes.
`--real` is tried on the photographs of a dataset in the layout of the Semantic Drone Dataset, of which `--ids` lists
those to use, better none that the model was trained on. All are changed, saved as JPEG of quality 95, and predicted
once. Then the photographs are divided at random many times, one part as the reference and 50 others as the window: the
changed ones for the score of drift, the unchanged ones for that without. Writes benchmarks/results/drift.md.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score

from segdrone.classes import DRONE
from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.inference.predict_folder import predict_folder
from segdrone.monitor.causes import likely_causes
from segdrone.monitor.drift import compare
from segdrone.monitor.predictions import PredictedPhotographs, read_predictions
from segdrone.raster.decode import read_image
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import atomic_write
from segdrone.utils.output_dir import claim_dir

Pixels = NDArray[np.uint8]
REPO = Path(__file__).parents[1]
WINDOW, REFERENCE, QUALITY = 50, 54, 95  # 54: validation photographs of the Semantic Drone Dataset
WILD = ("dirt", "grass", "gravel", "rocks", "vegetation", "tree", "bald-tree")  # against what people build


def expose(pixels: Pixels, stops: float) -> Pixels:
    """Returns a photograph with another exposure, in linear light."""
    table = 255 * ((np.arange(256) / 255) ** 2.2 * 2**stops).clip(0, 1) ** (1 / 2.2)
    return np.asarray(cv2.LUT(pixels, table.round().astype(np.uint8)))


def balance(pixels: Pixels) -> Pixels:
    """Returns a photograph with the white balance of shade under a blue sky."""
    return np.asarray(np.clip(pixels * np.array([1.15, 1.0, 0.85]), 0, 255).round(), np.uint8)


def blur(pixels: Pixels) -> Pixels:
    """Returns a photograph out of focus: by 1.5 pixels in 768."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.5 * pixels.shape[1] / 768))


def rise(photographs: Sequence[Pixels], index: int) -> Pixels:
    """Returns four photographs at half their scale, side by side: as from twice the altitude, with seams."""
    height, width = photographs[index].shape[:2]
    parts = [
        cv2.resize(
            photographs[(index + step) % len(photographs)], (width // 2, height // 2), interpolation=cv2.INTER_AREA
        )
        for step in range(4)
    ]
    return np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])


class Shift(NamedTuple):
    """A change of photographs.

    Attributes:
        apply: Changes one of all photographs, by its index.
        causes: Names of the causes that describe it.
        quality: JPEG quality.
    """

    apply: Callable[[Sequence[Pixels], int], Pixels]
    causes: tuple[str, ...]
    quality: int = QUALITY


SHIFTS = {
    "none": Shift(lambda all_, i: all_[i], ()),
    "blur": Shift(lambda all_, i: blur(all_[i]), ("blurred",)),
    "one stop darker": Shift(lambda all_, i: expose(all_[i], -1), ("darker",)),
    "white balance": Shift(lambda all_, i: balance(all_[i]), ("other colors",)),
    "JPEG quality 20": Shift(lambda all_, i: all_[i], ("compressed",), quality=20),
    "twice the altitude": Shift(rise, ("higher up",)),
}
WEAKER = ((50, 0.4), (50, 0.2), (20, 1.0), (10, 1.0))  # photographs of the window, and share that is changed
REGION = "other region"
REGION_CAUSES = ("other land cover",)


class Trial(NamedTuple):
    """Result for one shift: scores of the windows with and without it, and causes named first, with their numbers."""

    auroc: float
    alarms: float
    causes: Counter[str]


def predict_all(predictor: Predictor, photographs: Sequence[Pixels], folder: Path) -> dict[str, PredictedPhotographs]:
    """Predicts the photographs under each shift; what an earlier run left in the folder is not repeated."""
    predicted = {}
    for number, (name, shift) in enumerate(SHIFTS.items()):
        given, out = folder / f"photographs{number}", folder / f"predicted{number}"
        given.mkdir(parents=True, exist_ok=True)
        for i in range(len(photographs)):
            if not (given / f"{i:03d}.jpg").exists():
                Image.fromarray(shift.apply(photographs, i)).save(given / f"{i:03d}.jpg", quality=shift.quality)
        predict_folder(predictor, find_inputs([given], out), out, colours=False, overlays=False, progress=False)
        predicted[name] = read_predictions(out)
        print(f"{name}: predicted", flush=True)
    return predicted


def select(photographs: PredictedPhotographs, rows: NDArray[np.intp]) -> dict[str, NDArray[np.float64]]:
    """Returns the values of some photographs."""
    return {column: values[rows] for column, values in photographs.values.items()}


def try_shifts(
    predicted: Mapping[str, PredictedPhotographs], wild: NDArray[np.float64], repeats: int
) -> dict[str, Trial]:
    """Compares windows with references of other photographs, many times.

    Args:
        predicted: The photographs under each shift.
        wild: Share of each photograph that people have not built: the wildest are the other region.
        repeats: How often.
    """
    plain, rng = predicted["none"], np.random.default_rng(0)
    scores: dict[str, list[float]] = {name: [] for name in (*predicted, REGION)}
    alarms, causes = Counter[str](), {name: Counter[str]() for name in scores}
    order = np.argsort(wild, kind="stable")
    tame, wildest = order[:-WINDOW], order[-WINDOW:]
    for _ in range(repeats):
        rows = rng.permutation(len(wild))
        for name in scores:
            pool, window = (tame, rng.choice(wildest, WINDOW)) if name == REGION else (rows[WINDOW:], rows[:WINDOW])
            reference = ReferenceStatistics.from_values(select(plain, rng.choice(pool, REFERENCE, replace=False)))
            drift = compare(reference, select(predicted.get(name, plain), window))
            scores[name].append(drift.score)
            alarms[name] += drift.alarm
            if drift.alarm:
                found = likely_causes(drift)
                causes[name][found[0].name if found else "none named"] += 1
    labels = [0] * repeats + [1] * repeats
    return {
        name: Trial(float(roc_auc_score(labels, scores["none"] + scores[name])), alarms[name] / repeats, causes[name])
        for name in scores
    }


def find_weaker(predicted: Mapping[str, PredictedPhotographs], repeats: int) -> dict[str, list[float]]:
    """Returns the share of alarms for each shift and each of `WEAKER`: fewer photographs, or only some that changed."""
    plain, rng = predicted["none"], np.random.default_rng(1)
    alarms = {name: [0] * len(WEAKER) for name in predicted}
    for _ in range(repeats):
        rows = rng.permutation(len(plain.paths))
        reference = ReferenceStatistics.from_values(select(plain, rows[-REFERENCE:]))
        for name, shifted in predicted.items():
            for i, (window, share) in enumerate(WEAKER):
                changed, others = np.split(rows[:window], [round(window * share)])
                parts = select(shifted, changed), select(plain, others)
                values = {column: np.concatenate([part[column] for part in parts]) for column in plain.values}
                alarms[name][i] += compare(reference, values).alarm
    return {name: [count / repeats for count in counts] for name, counts in alarms.items()}


def wild_share(mask: Pixels) -> float:
    """Returns the share of a mask that people have not built."""
    return float(np.isin(mask, [DRONE.names.index(name) for name in WILD]).mean())


def rendered(count: int, folder: Path) -> tuple[list[Pixels], NDArray[np.float64]]:
    """Returns scenes of a seed that training does not use, and how wild they are."""
    write_scenes(folder, count=count, height=384, width=576, seed=1000)
    return _load(sorted((folder / "original_images").iterdir()), folder)


def real(data: Path, ids: Path) -> tuple[list[Pixels], NDArray[np.float64]]:
    """Returns photographs of a dataset, and how wild they are."""
    names = ids.read_text().split()
    return _load([data / "original_images" / f"{name}.jpg" for name in names], data)


def _load(files: Sequence[Path], root: Path) -> tuple[list[Pixels], NDArray[np.float64]]:
    masks = [root / "label_images_semantic" / f"{file.stem}.png" for file in files]
    wild = [wild_share(np.asarray(cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE), np.uint8)) for mask in masks]
    return [np.array(read_image(file)) for file in files], np.array(wild)


def table(trials: Mapping[str, Trial]) -> list[str]:
    """Returns a Markdown table of the results."""
    lines = ["| windows of 50 | AUROC of the score | alarms | cause named first |", "|---|---:|---:|---|"]
    for name, trial in trials.items():
        expected = (*SHIFTS[name].causes,) if name in SHIFTS else REGION_CAUSES
        total = sum(trial.causes.values())
        named = ", ".join(f"{cause} {100 * count / total:.0f} %" for cause, count in trial.causes.most_common(3))
        right = sum(trial.causes[cause] for cause in expected) * 2 > total
        auroc = "" if name == "none" else f"{trial.auroc:.3f}"
        mark = "" if name == "none" else " (right)" if right else " (wrong)"
        lines.append(f"| {name} | {auroc} | {100 * trial.alarms:.1f} % | {named}{mark} |")
    return lines


def weaker_table(alarms: Mapping[str, Sequence[float]]) -> list[str]:
    """Returns a Markdown table of the shares of alarms."""
    headings = [f"{window} photographs" + (f", {share:.0%} changed" if share < 1 else "") for window, share in WEAKER]
    lines = ["", f"| alarms of windows of | {' | '.join(headings)} |", "|---" + "|---:" * len(WEAKER) + "|"]
    return lines + [f"| {name} | {' | '.join(f'{rate:.0%}' for rate in rates)} |" for name, rates in alarms.items()]


def main() -> None:
    """Runs the trials and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a model of rendered scenes")
    parser.add_argument("--scenes", type=int, default=160, help="number of scenes, more than 104")
    parser.add_argument("--real", type=Path, help="a model of the photographs of --data")
    parser.add_argument("--data", type=Path, help="dataset in the layout of the Semantic Drone Dataset")
    parser.add_argument("--ids", type=Path, help="file with the names of its photographs to use, more than 104")
    parser.add_argument("--repeats", type=int, default=1000, help="number of windows of each kind")
    parser.add_argument("--work", type=Path, required=True, help="folder for scenes and predictions, 200 MB")
    options = parser.parse_args()
    lines = ["# Drift", "", f"By `benchmarks/drift.py`, {platform.machine()}, {options.repeats} windows of each kind."]
    lines += ["", " ".join(EXPLANATION.split())]
    for title, model in (("Rendered scenes", options.model), ("Real photographs", options.real)):
        if model is None:
            continue
        is_real = model is options.real
        folder = options.work / ("real" if is_real else "scenes")
        folder.mkdir(parents=True, exist_ok=True)
        used: dict[str, object] = {"model": str(model.resolve()), "scenes": options.scenes}
        if is_real:
            used = {"model": str(model.resolve()), "data": str(options.data.resolve()), "ids": options.ids.read_text()}
        claim_dir(folder, "options.json", used, (), "benchmarks/drift.py", "--work")
        photographs, wild = real(options.data, options.ids) if is_real else rendered(options.scenes, folder / "scenes")
        predicted = predict_all(Predictor.from_file(model, device="cpu"), photographs, folder)
        lines += ["", f"## {title}: {len(photographs)}, predicted by {model.name}", ""]
        lines += table(try_shifts(predicted, wild, options.repeats))
        lines += weaker_table(find_weaker(predicted, max(1, options.repeats // 5)))
    with atomic_write(REPO / "benchmarks" / "results" / "drift.md") as partial:
        partial.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


EXPLANATION = """Each window has 50 photographs and is compared with a reference of 54 others, both drawn at random; an
alarm is set to be false in at most 1 % of the windows. AUROC is that of the overall score against the windows without
a change. Changes: Gaussian blur of 1.5 pixels in 768; half the light; red 1.15 and blue 0.85 times; JPEG of quality 20
instead of 95; four photographs at half their scale side by side; and, unchanged, the 50 photographs with the largest
share of ground that people have not built, drawn with replacement, against a reference of the others. A cause is right
if it is named first in more than half of the windows with an alarm. The second tables have smaller windows, and
windows in which only some photographs are changed."""


if __name__ == "__main__":
    main()
