"""Train and score a model as a config says; train.py calls this."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins import Precision
from omegaconf import DictConfig

from segdrone.classic.model import is_classic
from segdrone.data import SegmentationDataModule
from segdrone.data.masks.instance_maps import find_instance_maps
from segdrone.data.masks.label_sample import tell_doubts
from segdrone.evaluation import (
    check_pictures,
    describe_run,
    inference_options,
    object_classes,
    score_split,
    scored_module,
)
from segdrone.evaluation.provenance import read_fingerprint
from segdrone.evaluation.report import RESULTS
from segdrone.model import SegmentationModule, check_resumable, load_module
from segdrone.model.distributed import how_to_resume, supervise
from segdrone.training.build import build_datamodule, build_module, scored_split, tell_scored
from segdrone.training.build_trainer import build_callbacks, build_trainer, has_validation, instantiate_all
from segdrone.training.checks import check_learning, check_metric, check_seed, check_trainer, check_validated
from segdrone.training.classic import train_classic
from segdrone.training.distillation import Distillation, teacher_paths
from segdrone.training.export_best import check_export, export_best
from segdrone.training.fit import fit
from segdrone.training.given import continue_overrides
from segdrone.training.loggers import log_hyperparameters, open_loggers
from segdrone.training.reference import add_reference
from segdrone.training.sweep_objective import describe_objective
from segdrone.utils.atomic import write_json
from segdrone.utils.config import save_config, to_container
from segdrone.utils.load import busy_note
from segdrone.utils.memory import keep_freed_memory
from segdrone.utils.output_dir import run_dir, staged_results
from segdrone.utils.stall import watch_progress
from segdrone.utils.warnings import collect_warnings

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> tuple[dict[str, float], dict[str, Any]]:
    """Trains as configured by `conf/train.yaml`, then scores the best checkpoint.

    The test split is scored, or the validation split if there is no test split. A classical model is fitted by
    `train_classic`, which returns other objects.

    Args:
        cfg: The composed config.

    Returns:
        The metrics by name: the last logged values (`train/loss`, `val/loss`, ...), the best value of the metric that
        chose the best checkpoint (`val/miou`), and those of `metrics.json` (`miou`, `accuracy`, ...). Then the objects
        of the run: `cfg`, `datamodule`, `module`, `trainer`, `callbacks`, `loggers`, `report`.

    Raises:
        SegdroneError: The data, the configuration or a checkpoint cannot be used.
    """
    check_trainer(to_container(cfg.trainer))
    last = Path(cfg.output_dir) / "checkpoints" / "last.ckpt"
    with collect_warnings() as warnings, watch_progress(cfg.trainer.get("stall_timeout"), lambda: how_to_resume(last)):
        fit_and_score = train_classic if is_classic(cfg.model.get("name")) else _train
        return fit_and_score(cfg, warnings)


def _train(cfg: DictConfig, warnings: Sequence[str]) -> tuple[dict[str, float], dict[str, Any]]:
    started = time.time()
    keep_freed_memory()
    check_seed(cfg.seed)
    check_pictures(cfg)
    teachers = teacher_paths(to_container(cfg).get("distil_from"))
    check_learning(*(to_container(cfg[group]) for group in ("model", "loss", "optimizer", "scheduler")))
    if note := busy_note(torch.get_num_threads()):
        log.info(note)
    inference_options(cfg)  # errors in them would otherwise appear after the training
    export_formats = check_export(cfg.export)
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    folder = Path(cfg.output_dir)
    datamodule = build_datamodule(cfg)
    check_metric("objective", cfg.objective, datamodule.table, has_val=has_validation(cfg, datamodule))
    check_validated("objective", cfg.objective, datamodule)
    object_classes(cfg, datamodule.table)  # refused here, not after the training
    if (scored := scored_split(datamodule)) is not None:
        find_instance_maps(datamodule.dataset.files, datamodule.splits[scored])
    module = build_module(cfg, datamodule)
    if cfg.ckpt_path is not None:
        check_resumable(cfg.ckpt_path, module, cfg.trainer.get("max_epochs"))
        earlier = run_dir(cfg.ckpt_path)
        if earlier != folder.resolve():  # Lightning does not know the earlier best score there
            log.warning(
                "resumed in another folder: best.ckpt is chosen from the epochs that follow; with output_dir=%s the "
                "earlier ones count too",
                earlier,
            )
    callbacks = build_callbacks(cfg, datamodule)
    if teachers:
        callbacks.append(Distillation(teachers, module))
    loggers: list[Logger] = instantiate_all(cfg.get("logger"), "logger")
    trainer = build_trainer(cfg, callbacks, loggers, folder)
    provenance: dict[str, Any] = {}
    if trainer.is_global_zero:  # only one process writes to the run's folder
        open_loggers(loggers, folder)
        facts = {
            "processes": trainer.world_size,
            "precision": trainer.precision,
            "seed": cfg.seed,
            "config": to_container(cfg),
        }
        provenance = describe_run(datamodule.splits["all"], trainer.strategy.root_device, **facts)
        _tell_other_files(cfg, provenance["data_fingerprint"])
        write_json(provenance, folder / "run.json")
        save_config(cfg, folder, _continued_overrides(cfg, folder))
    with supervise(trainer):
        fit(cfg, trainer, module, datamodule)
        cfg.optimizer = module.optimizer_options  # a found learning rate, and those that a resumed run keeps
        provenance |= {"config": to_container(cfg)} if provenance else {}
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        report = _score_best(cfg, trainer, module, datamodule, folder, provenance, warnings)
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    if best is not None:
        metrics[str(trainer.checkpoint_callback.monitor)] = float(best)  # type: ignore[union-attr]
    metrics |= {name: float(value) for name, value in report.items() if isinstance(value, float)}
    log_hyperparameters(loggers, cfg, metrics)
    reached = describe_objective(cfg, metrics)
    if trainer.is_global_zero:
        write_json({**provenance, **reached, "wall_time_s": round(time.time() - started, 1)}, folder / "run.json")
        best_path = _kept_best(trainer)
        add_reference(best_path, datamodule, trainer)
        export_best(export_formats, best_path, folder)
    objects = {
        "cfg": cfg, "datamodule": datamodule, "module": module, "trainer": trainer,
        "callbacks": callbacks, "loggers": loggers, "report": report,
    }  # fmt: skip
    return metrics, objects


def _tell_other_files(cfg: DictConfig, fingerprint: str) -> None:
    """Warns if a run is resumed on other files than before. Photographs of two flights may have the same names."""
    earlier = None if cfg.ckpt_path is None else read_fingerprint(run_dir(cfg.ckpt_path) / "run.json")
    if earlier not in (None, fingerprint):
        log.warning(
            "photographs or masks in data.root=%s are other files than those that %s was trained on: scores of earlier "
            "epochs, by which best.ckpt is chosen too, are not comparable; on another dataset, start from the weights "
            "with init_from", cfg.data.root, cfg.ckpt_path,
        )  # fmt: skip


def _continued_overrides(cfg: DictConfig, folder: Path) -> list[str] | None:
    """Returns the overrides of a run that is resumed in its own folder; None of another one."""
    if cfg.ckpt_path is None or run_dir(cfg.ckpt_path) != folder.resolve():
        return None
    return continue_overrides(folder, HydraConfig.get().overrides.task) if HydraConfig.initialized() else None


def _kept_best(trainer: L.Trainer) -> str:
    """Returns the best checkpoint that a run keeps; empty if none, or one in the folder that it was resumed from."""
    callback: Any = trainer.checkpoint_callback
    path: str = getattr(callback, "best_model_path", "")
    return path if path and Path(path).is_relative_to(callback.dirpath) else ""


def _score_best(
    cfg: DictConfig,
    trainer: L.Trainer,
    module: SegmentationModule,
    datamodule: SegmentationDataModule,
    folder: Path,
    provenance: Mapping[str, Any],
    warnings: Sequence[str],
) -> dict[str, Any]:
    split = scored_split(datamodule)
    if split is None:
        log.warning("no photograph of data.root=%s has a mask: the result is not scored", datamodule.config.root)
        return {}
    path = _kept_best(trainer)
    if not path and not module.started:
        scored = cfg.ckpt_path or "the untrained network"
        log.warning("no epoch was left to train, and %s keeps no checkpoint: %s is scored", folder, scored)
        path = cfg.ckpt_path
    best = load_module(path) if path else module.float()
    best.loss = module.loss.float()  # `test/loss` is then of the same loss as `val/loss`
    trainer.strategy.precision_plugin = Precision()  # 32-true, as evaluate.py scores
    options = inference_options(cfg)
    if trainer.is_global_zero:
        tell_doubts(datamodule.splits[split], datamodule.encoding)
        tell_scored(datamodule, split)
    with staged_results(folder, RESULTS) as results:
        return score_split(
            trainer, scored_module(best, folder), datamodule, split, results, cfg.pictures, options,
            provenance=provenance, objects=object_classes(cfg, best.table), warnings=warnings,
        )  # fmt: skip
