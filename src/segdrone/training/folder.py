"""The folder of a run: its alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from segdrone.errors import ConfigError
from segdrone.files import alone
from segdrone.rank import is_first


@contextmanager
def claimed(cfg: DictConfig) -> Iterator[None]:
    """Keeps `cfg.output_dir` for one run, which may go on with an earlier one there, and not replace it.

    A cluster may start a job of a sweep again, which then begins anew.

    Raises:
        ConfigError: Another run writes there, or the folder holds one that this does not resume.
    """
    folder = Path(cfg.output_dir)
    with ExitStack() as stack:
        if is_first():  # of the processes of a run
            try:
                stack.enter_context(alone(folder / ".running", wait=False))
            except Timeout:
                raise ConfigError(f"another run writes to {folder}: give another output_dir") from None
            again = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
            resumed = None if cfg.ckpt_path is None else Path(cfg.ckpt_path).resolve().parent.parent
            if any((folder / "checkpoints").glob("*.ckpt")) and resumed != folder.resolve() and not again:
                raise ConfigError(
                    f"{folder} holds an earlier run: give another output_dir, or go on with it by "
                    f"ckpt_path={folder}/checkpoints/last.ckpt"
                )
        yield
