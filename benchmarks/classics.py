"""Scores, seconds and memory of every classical model, on real photographs.

python benchmarks/classics.py --root FOLDER --split-dir FOLDER --results FOLDER
python benchmarks/classics.py ... --only classic_slic_forest classic_pixel_forest

Each conf/model/classic_*.yaml is fitted to the photographs in train.txt and scored on those in val.txt, by a process of
train.py. Then `segdrone predict` predicts one photograph of 24 megapixels, in a process of its own, whose seconds and
largest resident memory are measured, with all imports. That photograph is the first of val.txt, enlarged.

An interrupted benchmark continues: --results keeps one JSON file for each model, which is measured anew if its options,
the size or the place of the photographs, or the form of model files are others. Writes
benchmarks/results/classics.md of what is there; models that were not measured are named below the table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from segdrone.classic.model_file import VERSION
from segdrone.raster.decode import read_image
from segdrone.utils.atomic import atomic_write, write_json

MODELS = sorted(path.stem for path in (REPO / "conf" / "model").glob("classic_*.yaml"))
HEIGHT, WIDTH = 4000, 6000  # of the photograph that is timed
Result = dict[str, Any]


def run(command: list[str]) -> tuple[float, float]:
    """Runs a command of Python; returns its wall time in seconds and its largest resident memory in megabytes."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, cwd=REPO)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1000


def measure(options: argparse.Namespace, model: str, photograph: Path) -> Result:
    """Fits, scores and times a model."""
    size = f"[{options.height},{options.width}]"
    with tempfile.TemporaryDirectory() as folder:
        fit, _ = run([
            "train.py", f"model={model}", f"data.root={options.root}", f"data.split_dir={options.split_dir}",
            f"data.image_size={size}", f"data.test_image_size={size}", "data.cache=none", "data.num_workers=0",
            "trainer=cpu", "trainer.limit_val_batches=1",
            "pictures=null", f"output_dir={folder}/run",
        ])  # fmt: skip
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text(encoding="utf-8"))
        best = Path(folder) / "run" / "checkpoints" / "best.npz"
        predict = ["-m", "segdrone", "predict", str(best), str(photograph), "--out", f"{folder}/out", "--no-overlays"]
        seconds, megabytes = run([*predict, "--no-colours", "--quiet"])
        file = best.stat().st_size / 1e6
    low, high = metrics["intervals"]["miou"]
    return {
        "miou": metrics["miou"], "low": low, "high": high, "accuracy": metrics["accuracy"], "fit_seconds": fit,
        "seconds": seconds, "megabytes": megabytes, "file_megabytes": file,
    }  # fmt: skip


def fingerprint(options: argparse.Namespace, model: str) -> str:
    """Returns a hash of what a result depends on."""
    facts = f"{VERSION} {options.root} {options.split_dir} {options.height} {options.width} "
    chosen = (REPO / "conf" / "model" / f"{model}.yaml").read_text(encoding="utf-8")
    return hashlib.sha256((facts + chosen).encode()).hexdigest()


def load(options: argparse.Namespace, model: str) -> Result | None:
    """Returns the kept result of a model, if it is of this code and these photographs."""
    path = options.results / f"{model}.json"
    if not path.is_file():
        return None
    kept: Result = json.loads(path.read_text(encoding="utf-8"))
    return kept if kept["fingerprint"] == fingerprint(options, model) else None


def enlarge(options: argparse.Namespace, folder: Path) -> Path:
    """Writes the first photograph of val.txt, enlarged to 24 megapixels, to a folder; returns its path."""
    name = (options.split_dir / "val.txt").read_text(encoding="utf-8").split()[0]
    [source] = [path for path in options.root.rglob(f"{name}.*") if path.suffix.lower() in (".jpg", ".jpeg")]
    enlarged = cv2.resize(read_image(source)[..., ::-1], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / "photograph.jpg"), enlarged)
    return folder / "photograph.jpg"


def table(options: argparse.Namespace, results: dict[str, Result]) -> str:
    """Returns the page."""
    names = sorted(results, key=lambda name: -results[name]["miou"])
    rows = [
        f"| `{name}` | {r['miou']:.4f} | {r['low']:.4f} to {r['high']:.4f} | {r['accuracy']:.4f} | "
        f"{r['fit_seconds']:.0f} | {r['file_megabytes']:.1f} | {r['seconds']:.1f} | {r['megabytes']:.0f} |"
        for name in names
        for r in [results[name]]
    ]
    missing = [model for model in MODELS if model not in results]
    note = [f"\nNot measured: {', '.join(missing)}."] if missing else []
    photographs = [len((options.split_dir / f"{split}.txt").read_text().split()) for split in ("train", "val")]
    head = [
        "# Classical models, without a network", "",
        "`python benchmarks/classics.py --root FOLDER --split-dir FOLDER --results FOLDER`: fitted to "
        f"{photographs[0]}\n"
        f"photographs and scored on {photographs[1]} others, at {options.height} x {options.width};\n"
        f"{os.cpu_count()} CPU cores, {platform.machine()}, beside other work.",
        "mIoU over the whole set with its 95 % interval over photographs. Fitting is a whole run, with its scores.\n"
        "The last two columns are `segdrone predict` of one photograph of 24 megapixels, with all imports.", "",
        "| model | mIoU | 95 % interval | accuracy | s to fit | file, MB | s to predict | MB of memory |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    return "\n".join([*head, *rows, *note]) + "\n"


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="photographs and masks")
    parser.add_argument("--split-dir", type=Path, required=True, help="folder of train.txt and val.txt")
    parser.add_argument("--results", type=Path, required=True, help="folder that keeps a JSON file for each model")
    parser.add_argument("--height", type=int, default=512, help="rows at which photographs are seen")
    parser.add_argument("--width", type=int, default=768, help="columns at which photographs are seen")
    parser.add_argument("--only", nargs="*", choices=MODELS, default=MODELS, help="models to measure")
    options = parser.parse_args()
    options.root, options.split_dir = options.root.resolve(), options.split_dir.resolve()
    with tempfile.TemporaryDirectory() as folder:
        photograph = enlarge(options, Path(folder))
        for model in tqdm(options.only, unit="model"):
            if load(options, model) is None:
                measured = {"fingerprint": fingerprint(options, model), **measure(options, model, photograph)}
                options.results.mkdir(parents=True, exist_ok=True)
                write_json(measured, options.results / f"{model}.json")
    found = {model: result for model in MODELS if (result := load(options, model)) is not None}
    with atomic_write(REPO / "benchmarks" / "results" / "classics.md") as partial:
        partial.write_text(table(options, found), encoding="utf-8")
    print(table(options, found))


if __name__ == "__main__":
    main()
