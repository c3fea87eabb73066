"""Run one training in several processes: check, supervise and end them together; average over their batches."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import lightning.pytorch as L
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher
from torch import Tensor

from segdrone.errors import ConfigError, ProcessLostError
from segdrone.utils.launch import GRACE_PERIOD, rank_and_world_size, world_size

_STARTER = "SEGDRONE_STARTER"  # the id of the process that started this one
_SET_TO_START = (_STARTER, "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def check_processes(trainer: L.Trainer) -> None:
    """Refuses processes that could not work together, before anything is written.

    Raises:
        ConfigError: As many as were started are not what `trainer` is for, or its strategy is none of those that
            run one script in each process.
    """
    launcher, wanted, started = trainer.strategy.launcher, 1, world_size()
    starts = False  # the others itself
    if isinstance(launcher, _SubprocessScriptLauncher):
        wanted = launcher.num_processes * launcher.num_nodes
        starts = started == 1 and not launcher.cluster_environment.creates_processes_externally
    if started != wanted and not starts:
        raise ConfigError(
            f"{started} processes were started, and trainer.devices x trainer.num_nodes is {wanted}: "
            "give trainer=ddp and as many, by srun or torchrun: see conf/trainer/ddp.yaml"
        )
    if isinstance(launcher, _SubprocessScriptLauncher):
        try:
            launcher.cluster_environment.validate_settings(launcher.num_processes, launcher.num_nodes)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"the job and conf/trainer differ ({reason}): see conf/trainer/ddp.yaml") from None
    if trainer.world_size > wanted:
        raise ConfigError("trainer.strategy cannot start processes in this way: give trainer.strategy=ddp")


@contextmanager
def supervise(trainer: L.Trainer) -> Iterator[None]:
    """Ends all processes of a run when one of them is lost or fails; goes around whatever `trainer` does.

    Left to Lightning, the process that started a lost one is killed without a word, and one whose
    starter is lost waits for it: with gloo half an hour. Processes that torchrun or SLURM started
    are theirs to end.

    Afterwards the next trainer can start processes of its own, as in a sweep.

    Raises:
        ProcessLost: Another process is gone, or this one was told to end.
    """
    launcher = trainer.strategy.launcher
    if not isinstance(launcher, _SubprocessScriptLauncher):  # there is only this process
        yield
        return
    starts = not launcher.cluster_environment.creates_processes_externally
    before = {name: os.environ.get(name) for name in _SET_TO_START}
    if starts:
        os.environ[_STARTER] = str(os.getpid())
    watch = ProcessMonitor(trainer)
    if _STARTER in os.environ:
        trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        threading.Thread(target=watch.over_started if starts else watch.over_starter, daemon=True).start()
    done = False
    try:
        yield
        done = True
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        time.sleep(GRACE_PERIOD)  # one that watches knows which
        raise ProcessLostError(_ended(trainer, "another process was lost")) from error
    finally:
        watch.over.set()
        if starts:
            _close(launcher, done)
            os.environ.update({name: value for name, value in before.items() if value is not None})


class ProcessMonitor(L.Callback):
    """Ends this process when the one that started it is gone, or one that it started."""

    def __init__(self, trainer: L.Trainer) -> None:
        self.trainer = trainer
        self.launcher: Any = trainer.strategy.launcher
        self.over = threading.Event()

    def over_started(self) -> None:
        """Waits for the processes to be started, and then for each of them to end."""
        while len(self.launcher.procs) < self.launcher.num_processes - 1:
            if self.over.wait(0.1):
                return
        for local_rank in range(1, self.launcher.num_processes):
            threading.Thread(target=self._over, args=(local_rank,), daemon=True).start()

    def _over(self, local_rank: int) -> None:
        # While this waits, Lightning's own watch, which would kill all, is told that the process runs.
        code = self.launcher.procs[local_rank - 1].wait()
        if code == 0 or self.over.is_set():
            return
        for process in self.launcher.procs:
            process.kill()
        if code > 0:  # it has said why
            os._exit(code)
        rank = self.trainer.node_rank * self.launcher.num_processes + local_rank
        _leave(_ended(self.trainer, f"process {rank} was lost ({signal.Signals(-code).name})"))

    def over_starter(self) -> None:
        """Waits for the process that started this one to be gone."""
        while os.getppid() == int(os.environ[_STARTER]):
            if self.over.wait(0.5):
                return
        if self.trainer.local_rank > 1:  # one of them says it
            os._exit(2)
        _leave(_ended(self.trainer, "the first process was lost"))

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Takes the place of Lightning's handler, which lets processes wait for one another for ever."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._told_to_end)

    def _told_to_end(self, *_: object) -> NoReturn:
        raise ProcessLostError(_ended(self.trainer, "told to end (SIGTERM)"))

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """After Ctrl+C Lightning ends all processes."""
        if isinstance(exception, KeyboardInterrupt):
            self.over.set()


def resume_hint(trainer: L.Trainer) -> str:
    """Returns what to do after a run that did not come to its end."""
    kept = [one for one in trainer.checkpoint_callbacks if isinstance(one, ModelCheckpoint) and one.monitor is None]
    path = next((one.best_model_path for one in kept if Path(one.best_model_path).is_file()), None)
    if path is None:
        return "start again"
    folder = Path(path).parent.parent
    return f"go on from the last epoch with the same choices and output_dir={folder} ckpt_path={path}"


def _ended(trainer: L.Trainer, why: str) -> str:
    return f"{why}, and the run ended: {resume_hint(trainer)}"


def _leave(text: str) -> NoReturn:
    """Ends this process from a thread: its main one may wait for a lost process for ever."""
    print(f"error: {text}", file=sys.stderr, flush=True)
    os._exit(2)


def _close(launcher: Any, done: bool) -> None:
    """Ends the group, and the processes that were started unless they end by themselves."""
    if not done:
        for process in launcher.procs:
            process.kill()
    if dist.is_initialized():
        dist.destroy_process_group()
    for process in launcher.procs:
        process.wait()
    for name in _SET_TO_START:
        os.environ.pop(name, None)


def mean_over_processes(loss: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """Weighs the loss of each process's batch by the labelled pixels that it is a mean of.

    DDP averages the gradients of all processes alike, so that a pixel would count for more in a
    batch with fewer labelled ones. So weighted, the average is the gradient of the mean over all
    batches: exactly what one process would have with one batch as large, where the loss is a mean
    over labelled pixels. Every process must call it at the same time.

    Args:
        loss: Of this process's batch, a scalar.
        labelled: Pixels with a label in it, a scalar.

    Returns:
        The mean over all processes, the same for each; and the part of it to differentiate here.
    """
    _, world = rank_and_world_size()
    if world == 1:
        return loss.detach(), loss
    total = torch.stack((loss.detach() * labelled, labelled.to(loss.dtype)))
    dist.all_reduce(total)
    everywhere = total[1].clamp(min=1)
    return total[0] / everywhere, loss * (labelled * world / everywhere)
