"""What each lever of training adds to a recipe, alone and together with the others that help.

python benchmarks/levers.py --root FOLDER --split-dir FOLDER --weights FOLDER
python benchmarks/levers.py ... --experiment laptop --budget 28 --height 512 --width 768
python benchmarks/levers.py ... --seeds 42 --only "copy-paste of rare things" "EMA of the weights"

(`baseline.py --ablate` takes choices of a recipe away; this adds to them.)

Every training gets the same photographs, size and epochs, but for the levers that are about these. What helps is chosen
on a ruler: photographs of train.txt that no training sees, held out so that near copies stay on one side. Those of
val.txt are scored only at the end: by the recipe, by all levers together that won, by the mean of the networks of all
seeds, and by one network that is distilled from these. All scores are at the masks' own size, so rows with other inputs
can be compared.

Whole processes are timed, one after the other. Each result is kept in --runs as soon as it is there, so an interrupted
benchmark continues; a training that fails is reported, and tried again by the next call. Writes
benchmarks/results/levers.md; with --only it prints the table and writes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from benchmarks.lever_list import LEVERS, TTA, Setting, encoder_weights, overrides_of
from benchmarks.lever_table import Row, page, won

from segdrone.data import DataConfig, open_dataset
from segdrone.data.augment import build_transforms
from segdrone.data.splits.groups import group_photographs
from segdrone.data.splits.split import split_groups
from segdrone.model.combine import combine_checkpoints
from segdrone.model.weights_file import save_plain
from segdrone.utils.atomic import atomic_write, write_json
from segdrone.utils.config import to_container

RECIPE, TOGETHER = "the recipe", "together"
_CODE = ("data", "model", "training", "evaluation", "inference", "raster", "runtime")  # packages that decide a score
_QUIET = ["pictures=null", "callbacks.pictures=null", "callbacks.curves=null", "logger.tensorboard=null"]


class Benchmark:
    """Trains and scores, and keeps every result.

    Args:
        options: Of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.failed, self.contained = options, list[str](), list[str]()
        dataset = open_dataset(DataConfig(root=str(options.root), split_dir=str(options.split_dir)))
        self.splits = {"val": options.split_dir, "ruler": self._hold_out(dataset.splits["train"])}
        self.val_count = len(dataset.splits["val"])
        size = (options.height, options.width)
        setting = Setting(
            options.experiment, options.budget, size, size, dataset.pairs[0].size, options.weights, "", [], {}
        )
        cfg = to_container(_compose([f"experiment={options.experiment}", "data.root=."]))
        self.setting = setting._replace(
            encoder=cfg["model"]["encoder_name"], steps=cfg["augment"]["train"], loss=cfg["loss"]
        )
        self.base = [
            f"experiment={options.experiment}", f"data.root={options.root}", f"data.split_dir={self.splits['ruler']}",
            f"data.image_size=[{size[0]},{size[1]}]", f"data.cache_dir={options.runs / 'cache'}", "inference=tiled",
            encoder_weights(self.setting.encoder, options.weights), f"trainer.max_epochs={options.budget}", *_QUIET,
        ]  # fmt: skip
        self.code = code_fingerprint()

    def _hold_out(self, pairs: Sequence[Any]) -> Path:
        """Writes the lists of the ruler, the same for the same photographs, and returns their folder."""
        folder: Path = self.options.runs / f"ruler-{self.options.ruler}"
        groups = group_photographs(pairs, "similarity")
        ids = split_groups(groups, test=0, val=self.options.ruler / len(groups), seed=0)
        for name in ("train", "val"):
            text = "".join(f"{photo}\n" for photo in sorted(ids[name]))
            if not (folder / f"{name}.txt").is_file() or (folder / f"{name}.txt").read_text(encoding="utf-8") != text:
                with atomic_write(folder / f"{name}.txt") as partial:
                    partial.write_text(text, encoding="utf-8")
        self.train_count, self.ruler_count = len(ids["train"]), len(ids["val"])
        return folder

    def levers(self) -> list[str]:
        """Returns the levers that change the recipe; all of them are composed, before hours are spent.

        Raises:
            hydra.errors.HydraException: A lever does not fit the recipe.
            ConfigError: A lever has an unknown transform.
        """
        plain = to_container(_compose(self.base))
        names = self.options.only or [*LEVERS]
        configs = {name: to_container(_compose([*self.base, *overrides_of([name], self.setting)])) for name in names}
        for config in configs.values():
            build_transforms(config["augment"]["train"], "augment.train")
        different = [name for name in names if configs[name] != plain]
        self.contained = [name for name in names if configs[name] == plain]
        for config in (plain, *configs.values()):
            weights = config["model"]["encoder_weights"]
            if weights is not None and not Path(weights).is_file():
                sys.exit(f"{weights} does not exist: add it to --weights, or choose levers with --only")
        return different

    def train(self, name: str, seed: int, overrides: list[str]) -> Path | None:
        """Trains, scores on the ruler, and returns the folder of the result; None if it failed."""
        return self._once(name, seed, "train.py", [*self.base, *overrides, f"seed={seed}"])

    def score(self, name: str, seed: int, run: Path, split: str, overrides: list[str]) -> Path | None:
        """Scores the best checkpoint of a training on the val list of a split."""
        command = [
            f"ckpt_path={run / 'best.ckpt'}", "split=val", f"data.split_dir={self.splits[split]}", "inference=tiled",
            "pictures=null", f"data.cache_dir={self.options.runs / 'cache'}", *overrides,
        ]  # fmt: skip
        return self._once(f"{name} on {split}", seed, "evaluate.py", command)

    def average(self, row: Row) -> Path | None:
        """Returns the folder of the ensemble of a row's networks; None if there is but one."""
        networks = [folder / "best.ckpt" for folder in row.folders.values()]
        if len(networks) < 2:
            return None
        folder: Path = self.options.runs / "-".join(["ensemble", *(file.parent.name for file in networks)])
        if not (folder / "best.ckpt").is_file():
            save_plain(combine_checkpoints(networks), folder / "best.ckpt")
        return folder

    def _once(self, name: str, seed: int, script: str, arguments: list[str]) -> Path | None:
        lists = [
            (folder / f"{part}.txt").read_text(encoding="utf-8")
            for folder in self.splits.values()
            for part in ("train", "val")
        ]
        run = {"script": script, "arguments": arguments, "lists": lists, "code": self.code, "torch": torch.__version__}
        digest = hashlib.sha256(json.dumps(run).encode()).hexdigest()[:16]
        folder: Path = self.options.runs / digest
        if not (folder / "result.json").is_file():
            started, made = time.perf_counter(), folder / "run"
            shutil.rmtree(made, ignore_errors=True)  # of an interrupted training
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "log.txt").open("w", encoding="utf-8") as log:
                command = [sys.executable, str(REPO / script), *arguments, f"output_dir={made}"]
                status = subprocess.run(command, stdout=log, stderr=log, check=False, cwd=REPO).returncode
            if status:
                self.failed.append(f"{name}, seed {seed}: see {folder / 'log.txt'}")
                tqdm.write(f"failed: {self.failed[-1]}")
                return None
            (made / "counts.npz").replace(folder / "counts.npz")
            if script == "train.py":
                (made / "checkpoints" / "best.ckpt").replace(folder / "best.ckpt")
            shutil.rmtree(made)
            result = {"name": name, "seed": seed, "seconds": time.perf_counter() - started, "arguments": arguments}
            write_json(result, folder / "result.json")  # last: what is in the folder before does not count
        return folder


def _compose(overrides: Sequence[str]) -> Any:
    with initialize_config_dir(str(REPO / "conf"), version_base="1.3"):
        return compose("train", [*overrides, "output_dir=."])


def code_fingerprint() -> str:
    """Returns a hash of the code and the configuration that decide a score."""
    files = [*(REPO / "conf").rglob("*.yaml")]
    files += [path for name in _CODE for path in (REPO / "src" / "segdrone" / name).rglob("*.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


def measure(benchmark: Benchmark) -> tuple[list[Row], list[str], list[Row], list[Row]]:
    """Trains and scores everything.

    Returns:
        Rows of the levers, names of those that won, rows of test-time augmentation, and rows on val.
    """
    options, names = benchmark.options, benchmark.levers()
    rows = {name: Row(name) for name in [RECIPE, *names]}
    for seed, name in tqdm([(seed, name) for seed in options.seeds for name in rows], desc="trainings"):
        rows[name].add(
            seed, benchmark.train(name, seed, [] if name == RECIPE else overrides_of([name], benchmark.setting))
        )
    base = rows[RECIPE]
    tta = [] if options.only else [_scored(benchmark, name, base, "ruler", how) for name, how in TTA.items()]
    winners = won([rows[name] for name in names], base, options.least, {name: LEVERS[name].group for name in names})
    finals = []
    if winners and not options.only:
        rows[TOGETHER] = Row(TOGETHER)
        for seed in tqdm(options.seeds, desc="together"):
            rows[TOGETHER].add(seed, benchmark.train(TOGETHER, seed, overrides_of(winners, benchmark.setting)))
    if not options.only:
        finals = [
            _scored(benchmark, row.name, row, "val", []) for row in rows.values() if row.name in (RECIPE, TOGETHER)
        ]
        best = rows.get(TOGETHER, base)
        finals += _several_as_one(benchmark, best, overrides_of(winners, benchmark.setting))
        for name in won(tta, base, options.least, dict.fromkeys(TTA, "tta")):
            finals.append(_scored(benchmark, f"{best.name}, {name}", best, "val", TTA[name]))
    return [*rows.values()], winners, tta, finals


def _several_as_one(benchmark: Benchmark, row: Row, overrides: list[str]) -> list[Row]:
    """Scores the mean of a row's networks on val, and one network that learns from it what they predict."""
    ensemble, seed = benchmark.average(row), benchmark.options.seeds[0]
    if ensemble is None:
        return []
    mean, distilled = Row(f"{row.name}, mean of {len(row.folders)} networks"), Row(f"{row.name}, distilled from these")
    mean.add(seed, benchmark.score(mean.name, seed, ensemble, "val", []))
    run = benchmark.train(distilled.name, seed, [*overrides, f"distil_from={ensemble / 'best.ckpt'}"])
    if run is not None:
        distilled.add(seed, benchmark.score(distilled.name, seed, run, "val", []))
    return [mean, distilled]


def _scored(benchmark: Benchmark, name: str, row: Row, split: str, overrides: list[str]) -> Row:
    """Scores the checkpoints of a row."""
    scored = Row(name)
    for seed, folder in row.folders.items():
        scored.add(seed, benchmark.score(name, seed, folder, split, overrides))
    return scored


def main() -> None:
    """Runs the benchmark, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="photographs and masks")
    parser.add_argument("--split-dir", type=Path, required=True, help="folder of train.txt and val.txt")
    parser.add_argument("--weights", type=Path, help="folder of ENCODER_imagenet.safetensors (default: random weights)")
    parser.add_argument("--experiment", default="baseline", help="the recipe, of conf/experiment (baseline)")
    parser.add_argument("--budget", type=int, default=15, help="epochs of each training (15)")
    parser.add_argument("--height", type=int, default=256, help="input height in pixels (256)")
    parser.add_argument("--width", type=int, default=384, help="input width in pixels (384)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44], help="one training per seed (42 43 44)")
    parser.add_argument("--ruler", type=int, default=40, help="photographs of train.txt that choose the levers (40)")
    parser.add_argument("--least", type=float, default=0.005, help="smallest gain in mIoU of a lever that won (0.005)")
    parser.add_argument("--without", default="unlabeled", help="class that is left out in the second mIoU (unlabeled)")
    parser.add_argument("--only", choices=LEVERS, nargs="+", metavar="LEVER", help="these levers only, and no val")
    parser.add_argument(
        "--runs", type=Path, default=REPO / "outputs" / "levers", help="results of finished trainings (outputs/levers)"
    )
    options = parser.parse_args()
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    for name in ("root", "split_dir", "weights", "runs"):
        if getattr(options, name) is not None:
            setattr(options, name, getattr(options, name).resolve())
    if (options.split_dir / "test.txt").exists():
        parser.error(f"{options.split_dir} contains a test.txt, on which train.py would score: remove it")
    benchmark = Benchmark(options)
    text = page(benchmark.options, benchmark, *measure(benchmark))
    print(text)
    if benchmark.failed:
        sys.exit("\n".join(benchmark.failed))
    if not options.only:
        with atomic_write(REPO / "benchmarks" / "results" / "levers.md") as partial:
            partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
