"""How many labeled photographs does `segdrone data pick` save, against photographs chosen at random?

python benchmarks/active_learning.py --results FOLDER --weights tf_efficientnet_lite0_imagenet.safetensors --data scenes
python benchmarks/active_learning.py ... --data real --root FOLDER --split-dir FOLDER
python benchmarks/active_learning.py ... --seeds 42 --by margin rare

The photographs of train.txt are the pool, those of val.txt the ruler; or rendered scenes. As a user would: 10
photographs are labeled at random and trained on; that model picks 10 more, all are trained on, and so on to 160. Random
choice goes the same way from the same 10. Each training starts from the encoder's weights, and has the same number of
steps whatever the number of photographs. --results keeps a JSON file for each training, so an interrupted benchmark
continues, and parts can be run one by one. Writes benchmarks/results/active_learning.md of all that is measured there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from segdrone.data import DataConfig, ImageMaskPair, open_dataset
from segdrone.selection.uncertainty import DEFAULT_WAY, WAYS
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import atomic_write, write_json
from segdrone.utils.output_dir import claim_dir

FIRST, RANDOM, ALL = "first", "random", "all"  # ways to choose besides those of `segdrone data pick`
COUNTS = (10, 20, 40, 80, 160)
WANTED = 0.95  # of the mIoU with all photographs
HEIGHT, WIDTH, BATCH = 160, 240, 4
SCENES, SCENES_TO_SCORE = 240, 60
QUIET = ["pictures=null", "logger.tensorboard=null", "callbacks.pictures=null", "callbacks.curves=null"]
Result = dict[str, Any]


class Data(NamedTuple):
    """Photographs to choose from and photographs to score on, by their ids."""

    name: str
    root: Path
    pool: dict[str, ImageMaskPair]
    val: list[str]


class Chain(NamedTuple):
    """More and more photographs that are chosen in one way."""

    options: argparse.Namespace
    data: Data
    seed: int
    by: str

    @property
    def order(self) -> list[str]:
        """The pool in the random order of the seed."""
        names = [*self.data.pool]
        return [names[place] for place in np.random.default_rng(self.seed).permutation(len(names))]

    def file(self, count: int) -> Path:
        """Returns the file of a result; the first photographs are the same for all ways."""
        by = FIRST if count == COUNTS[0] else self.by
        name = f"{self.data.name}-{self.seed}-{by}-{count}-{HEIGHT}x{WIDTH}-{self.options.steps}.json"
        return Path(self.options.results, name)

    def measure(self) -> None:
        """Chooses, trains and scores; what has its result is not done again."""
        if self.by in (FIRST, ALL):
            count = COUNTS[0] if self.by == FIRST else len(self.data.pool)
            self._measure(count, partial(self._first, count))
            return
        for before, count in pairwise(COUNTS):
            choose = partial(self._pick, before, count)
            self._measure(count, choose if self.by != RANDOM else partial(self._first, count))
            if before > COUNTS[0]:  # the model of the first round is that of all ways
                self.file(before).with_suffix(".ckpt").unlink(missing_ok=True)

    def _first(self, count: int) -> list[str]:
        return self.order[:count]

    def _measure(self, count: int, choose: Callable[[], list[str]]) -> None:
        file = self.file(count)
        result = read_result(file)
        if "labeled" not in result:
            result = {"labeled": choose()}
            write_json(result, file)
        if "miou" not in result:
            with tempfile.TemporaryDirectory() as folder:
                write_json(result | self._train(result["labeled"], Path(folder), file.with_suffix(".ckpt")), file)

    def _train(self, labeled: Sequence[str], folder: Path, checkpoint: Path) -> Result:
        """Trains on some photographs; returns the scores, and keeps the checkpoint if one picks with it."""
        for split, names in (("train", labeled), ("val", self.data.val)):
            (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        size, steps = f"[{HEIGHT},{WIDTH}]", self.options.steps
        segdrone(
            self.options, "train", "experiment=baseline", f"data.root={self.data.root}", f"data.split_dir={folder}",
            f"data.image_size={size}", f"data.test_image_size={size}", "data.cache=memory", f"data.batch_size={BATCH}",
            f"model.encoder_weights={self.options.weights or 'null'}", f"seed={self.seed}", "trainer.max_epochs=-1",
            f"+trainer.max_steps={steps}", f"+trainer.check_val_every_n_epoch={steps}", f"output_dir={folder / 'run'}",
            *QUIET,
        )  # fmt: skip
        metrics = json.loads((folder / "run" / "metrics.json").read_text(encoding="utf-8"))
        if self.by not in (RANDOM, ALL) and len(labeled) < COUNTS[-1]:
            with atomic_write(checkpoint) as partial:
                shutil.copyfile(folder / "run" / "checkpoints" / "last.ckpt", partial)
        return {"miou": metrics["miou"], "interval": metrics["intervals"]["miou"]}

    def _pick(self, before: int, count: int) -> list[str]:
        """Returns the photographs of the round before, and those that its model picks."""
        labeled, checkpoint = read_result(self.file(before))["labeled"], self.file(before).with_suffix(".ckpt")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for kind in ("pool", "labeled/images", "labeled/masks"):
                (folder / kind).mkdir(parents=True)
            for table in self.data.root.glob("class*.csv"):
                shutil.copyfile(table, folder / "labeled" / table.name)
            for name, pair in self.data.pool.items():
                assert pair.mask is not None
                if name in labeled:
                    (folder / "labeled" / "images" / f"{name}{pair.image.suffix}").symlink_to(pair.image.resolve())
                    (folder / "labeled" / "masks" / f"{name}{pair.mask.suffix}").symlink_to(pair.mask.resolve())
                else:
                    (folder / "pool" / f"{name}{pair.image.suffix}").symlink_to(pair.image.resolve())
            segdrone(
                self.options, "data", "pick", folder / "pool", "--model", checkpoint, "--labeled", folder / "labeled",
                "--count", count - before, "--by", self.by, "--out", folder / "picked", "--quiet",
            )  # fmt: skip
            picked = (folder / "picked" / "picked.txt").read_text(encoding="utf-8").split()
        if len(picked) != count - before:
            raise SystemExit(f"{len(picked)} photographs were picked, not {count - before}")
        return [*labeled, *picked]


def segdrone(options: argparse.Namespace, *command: object) -> None:
    """Runs a command with its share of the cores, and shows what it printed if it fails.

    Raises:
        SystemExit: It failed.
    """
    threads = max(1, (os.cpu_count() or 1) // options.jobs)
    arguments = [sys.executable, "-m", "segdrone", *map(str, command)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    result = subprocess.run(arguments, capture_output=True, text=True, cwd=REPO, env=environment, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(arguments)}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}")


def read_result(file: Path) -> Result:
    """Returns a result; without `miou` if it is chosen and not trained, empty if it is missing."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def open_data(options: argparse.Namespace, name: str) -> Data:
    """Opens the photographs, or renders the scenes."""
    if name == "scenes":
        root = options.results / "scenes"
        write_scenes(root, count=SCENES + SCENES_TO_SCORE, height=192, width=288, seed=0)
        pairs = {pair.id: pair for pair in open_dataset(DataConfig(root=str(root))).pairs}
        names = sorted(pairs)
        return Data(name, root, {one: pairs[one] for one in names[:SCENES]}, names[SCENES:])
    dataset = open_dataset(DataConfig(root=str(options.root), split_dir=str(options.split_dir)))
    pool = {pair.id: pair for pair in sorted(dataset.splits["train"], key=lambda pair: pair.id)}
    return Data(name, options.root, pool, [pair.id for pair in dataset.splits["val"]])


def needed(curve: dict[int, float]) -> float:
    """Returns how many photographs reach `WANTED` of the mIoU of the most, between counts by their logarithm."""
    counts, target = sorted(curve), WANTED * curve[max(curve)]
    if curve[counts[0]] >= target:
        return float(counts[0])
    for before, after in pairwise(counts):
        if curve[after] >= target:
            share = (target - curve[before]) / (curve[after] - curve[before])
            return float(before * (after / before) ** share)
    raise AssertionError("the last count reaches its own mIoU")


def show(values: Sequence[float], form: str) -> str:
    """Returns the mean, and for several values the lowest and the highest."""
    mean = form.format(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} ({form.format(min(values))} to {form.format(max(values))})"


def section(options: argparse.Namespace, data: Data) -> list[str]:
    """Returns the lines on one kind of photographs: a table of what is measured, and the sentence."""
    curves: dict[str, dict[int, dict[int, float]]] = {}  # mIoU by way, seed and count
    total = len(data.pool)
    for file in sorted(options.results.glob(f"{data.name}-*-{HEIGHT}x{WIDTH}-{options.steps}.json")):
        _, seed, by, count, *_ = file.stem.split("-")
        if "miou" in (result := read_result(file)):
            curves.setdefault(by, {}).setdefault(int(seed), {})[int(count)] = result["miou"]
    lines = [f"## {'Photographs' if data.name == 'real' else 'Rendered scenes'}", ""]
    lines += [f"{total} to choose from, {len(data.val)} to score on.", ""]
    lines += [f"| chosen by | {' | '.join(map(str, (*COUNTS, total)))} | for {WANTED:.0%} of all |"]
    lines += ["|---" * (len(COUNTS) + 3) + "|"]
    ends: dict[str, list[float]] = {}

    def paired(by: str) -> list[tuple[int, dict[int, float]]]:
        """Returns the seeds, with their curves, for which this way and the random one are measured."""
        at_random = curves.get(RANDOM, {})
        return [
            (s, curve) for s, curve in curves[by].items() if {*COUNTS[1:]} <= curve.keys() & at_random.get(s, {}).keys()
        ]

    for by in (RANDOM, *WAYS):
        seeds = {
            seed: curves.get(FIRST, {}).get(seed, {}) | curve | curves.get(ALL, {}).get(seed, {})
            for seed, curve in curves.get(by, {}).items()
        }
        if not seeds:
            continue
        cells = []
        for count in (*COUNTS, total):
            values = [curve[count] for curve in seeds.values() if count in curve]
            cells.append(show(values, "{:.3f}") if values else "")
        whole = [curve for curve in seeds.values() if len(curve) == len(COUNTS) + 1]
        ends[by] = [needed(curve) for curve in whole]
        lines.append(f"| {by} | {' | '.join(cells)} | {show(ends[by], '{:.0f}') if whole else ''} |")
    lines.append("")
    at_random = ends.get(RANDOM)
    for by in WAYS:
        if at_random and ends.get(by):
            shares = [show([100 * value / total for value in values], "{:.0f} %") for values in (ends[by], at_random)]
            sentence = f"By {by}, {shares[0]} of the photographs reach {WANTED:.0%} of the mIoU of all"
            gains = [statistics.mean(curve[n] - curves[RANDOM][s][n] for n in COUNTS[1:]) for s, curve in paired(by)]
            middle = f"From {COUNTS[1]} to {COUNTS[-1]}, mIoU is higher by {show(gains, '{:.3f}')}." if gains else ""
            lines += [f"{sentence}; at random {shares[1]}. {middle}".rstrip(), ""]
    return lines


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="folder that keeps a JSON file for each training")
    parser.add_argument("--weights", type=Path, help="weights of the network's encoder; none: random")
    parser.add_argument("--data", nargs="+", choices=("real", "scenes"), default=["scenes"], help="what to measure")
    parser.add_argument("--root", type=Path, help="real photographs and masks")
    parser.add_argument("--split-dir", type=Path, help="folder of their train.txt and val.txt")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44], help="one chain of each way per seed")
    parser.add_argument("--by", nargs="+", choices=WAYS, default=[DEFAULT_WAY], help="ways to pick, beside random")
    parser.add_argument("--steps", type=int, default=300, help="optimizer steps of each training")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, each with its share of the cores")
    options = parser.parse_args()
    for name in ("root", "split_dir", "results", "weights"):
        setattr(options, name, getattr(options, name) and getattr(options, name).resolve())
    if "real" in options.data and not (options.root and options.split_dir):
        parser.error("--data real needs --root and --split-dir")
    options.results.mkdir(parents=True, exist_ok=True)
    used = {name: value and str(value) for name in ("root", "split_dir", "weights") for value in [vars(options)[name]]}
    claim_dir(options.results, "options.json", used, (), "benchmarks/active_learning.py", "--results")
    opened = [open_data(options, name) for name in options.data]
    stages = [[FIRST], [ALL, RANDOM, *options.by]]  # all ways go on from the first model of a seed
    chains = [
        [Chain(options, data, s, by) for data in opened for s in options.seeds for by in stage] for stage in stages
    ]
    bar = tqdm(total=sum(map(len, chains)), unit="chain")
    for stage in chains:
        with ThreadPoolExecutor(options.jobs) as pool:
            for _ in pool.map(Chain.measure, stage):
                bar.update()
    bar.close()
    device = f"{os.cpu_count()} CPU cores, {platform.machine()}"
    page = [
        "# What `segdrone data pick` saves", "",
        "`python benchmarks/active_learning.py --results FOLDER`: mIoU on the validation photographs by the number of "
        f"labeled ones, mean of the seeds (lowest to highest). `experiment=baseline` with {options.steps} steps of "
        f"{BATCH} at {HEIGHT} x {WIDTH}, whatever their number; {device}. Between the numbers, mIoU is taken to grow "
        "with their logarithm.",
        "",
    ]  # fmt: skip
    for data in opened:
        page += section(options, data)
    text = "\n".join(page).rstrip() + "\n"
    print(text)
    with atomic_write(REPO / "benchmarks" / "results" / "active_learning.md") as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
