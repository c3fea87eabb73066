"""Fit a module, and turn Lightning's exceptions into messages for the user."""

from __future__ import annotations

import sys

import lightning.pytorch as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig

from segdrone.data import SegmentationDataModule
from segdrone.errors import CheckpointError, ConfigError, SegdroneError
from segdrone.model import SegmentationModule
from segdrone.model.distributed import resume_hint
from segdrone.utils.warnings import suppress_lightning_warnings


def fit(cfg: DictConfig, trainer: L.Trainer, module: SegmentationModule, datamodule: SegmentationDataModule) -> None:
    """Trains the module, from `cfg.ckpt_path` if it is set.

    Raises:
        ConfigError: Lightning refuses the configuration, the GPU's memory is too small, or the network cannot be
            compiled.
        CheckpointError: Lightning cannot restore the checkpoint.
        SystemExit: Training was interrupted: 130 after Ctrl+C, 143 after SIGTERM.
    """
    try:
        with suppress_lightning_warnings():
            trainer.fit(module, datamodule=datamodule, ckpt_path=cfg.ckpt_path)
    except SystemExit as error:
        if trainer.interrupted:  # Lightning exits this way after Ctrl+C or SIGTERM
            if trainer.is_global_zero:
                print(f"interrupted: {resume_hint(trainer)}", file=sys.stderr)
            raise SystemExit(143 if isinstance(error, SIGTERMException) else 130) from None
        raise
    except SegdroneError:
        raise
    except MisconfigurationException as error:
        raise _refused(error) from error
    except torch.OutOfMemoryError as error:
        raise ConfigError(
            "the GPU's memory is too small for a training step: give a lower data.batch_size, and "
            "trainer.accumulate_grad_batches to make up for it, or smaller images, tiles or crops"
        ) from error
    except Exception as error:
        if isinstance(error, ValueError) and "`val_check_interval`" in str(error):  # more than the batches of an epoch
            raise _refused(error) from error
        if cfg.compile and isinstance(error, torch._dynamo.exc.TorchDynamoException):
            reason = str(getattr(error, "inner_exception", error)).splitlines()[0]
            raise ConfigError(
                f"compile=true: the network cannot be compiled here ({reason}): give compile=false"
            ) from error
        if cfg.ckpt_path is not None and not module.started:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise CheckpointError(
                f"{cfg.ckpt_path} cannot be resumed ({reason}): start from its weights with init_from={cfg.ckpt_path}"
            ) from error
        raise


def _refused(error: Exception) -> ConfigError:
    reason = " ".join(str(error).split())
    return ConfigError(f"Lightning cannot train with this configuration ({reason}): change it")
