"""Train in several processes: check, supervise and end them together, and average their losses."""

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
from segdrone.utils.console import one_line
from segdrone.utils.launch import GRACE_PERIOD, rank_and_world_size, wait_for_rank_zero, world_size

_STARTER = "SEGDRONE_STARTER"  # id of the process that started this one
_LAUNCH_VARIABLES = (_STARTER, "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def check_processes(trainer: L.Trainer) -> None:
    """Checks that the processes of a run can work together, before anything is written.

    Raises:
        ConfigError: The number of started processes is not the one that `trainer` expects, or its strategy does not
            run the script in each process.
    """
    launcher, expected, started = trainer.strategy.launcher, 1, world_size()
    starts_others = False
    if isinstance(launcher, _SubprocessScriptLauncher):
        expected = launcher.num_processes * launcher.num_nodes
        starts_others = started == 1 and not launcher.cluster_environment.creates_processes_externally
    if started != expected and not starts_others:
        raise ConfigError(
            f"{started} processes were started, and trainer.devices x trainer.num_nodes is {expected}: "
            "give trainer=ddp and the same number by srun or torchrun: see conf/trainer/ddp.yaml"
        )
    if isinstance(launcher, _SubprocessScriptLauncher):
        try:
            launcher.cluster_environment.validate_settings(launcher.num_processes, launcher.num_nodes)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"the job and conf/trainer differ ({reason}): see conf/trainer/ddp.yaml") from None
    if trainer.world_size > expected:
        raise ConfigError("trainer.strategy does not run the script in each process: give trainer.strategy=ddp")


@contextmanager
def supervise(trainer: L.Trainer) -> Iterator[None]:
    """Ends all processes of a run when one of them is lost or fails. Wrap every call of `trainer` in it.

    Lightning alone kills the process that started a lost one without a message, and lets a process whose starter is
    lost wait for it: with gloo for half an hour. torchrun and SLURM end the processes that they started.

    Afterwards the next trainer can start its own processes, as in a sweep.

    Raises:
        ProcessLostError: Another process is lost, or this one received SIGTERM.
    """
    launcher = trainer.strategy.launcher
    if not isinstance(launcher, _SubprocessScriptLauncher):  # this is the only process
        yield
        return
    starts_others = not launcher.cluster_environment.creates_processes_externally
    before = {name: os.environ.get(name) for name in _LAUNCH_VARIABLES}
    if starts_others:
        os.environ[_STARTER] = str(os.getpid())
    monitor = ProcessMonitor(trainer)
    if _STARTER in os.environ:
        trainer.callbacks.append(monitor)  # type: ignore[attr-defined]
        target = monitor.watch_started if starts_others else monitor.watch_starter
        threading.Thread(target=target, daemon=True).start()
    succeeded = False
    try:
        yield
        succeeded = True
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        time.sleep(GRACE_PERIOD)  # the monitor knows which one, and reports it first
        wait_for_rank_zero()  # which reports a lost connection and ends this process
        raise ProcessLostError(_end_message(trainer, "another process was lost")) from error
    finally:
        monitor.finished.set()
        if starts_others:
            _end_processes(launcher, succeeded)
            os.environ.update({name: value for name, value in before.items() if value is not None})


class ProcessMonitor(L.Callback):
    """Ends this process when the process that started it is lost, or a process that it started."""

    def __init__(self, trainer: L.Trainer) -> None:
        self.trainer = trainer
        self.launcher: Any = trainer.strategy.launcher
        self.finished = threading.Event()

    def watch_started(self) -> None:
        """Waits until the processes are started, and then for each of them to end."""
        while len(self.launcher.procs) < self.launcher.num_processes - 1:
            if self.finished.wait(0.1):
                return
        for local_rank in range(1, self.launcher.num_processes):
            threading.Thread(target=self._watch, args=(local_rank,), daemon=True).start()

    def _watch(self, local_rank: int) -> None:
        # While this waits, Lightning's own monitor, which would kill all processes, sees this one as running.
        code = self.launcher.procs[local_rank - 1].wait()
        if code == 0 or self.finished.is_set():
            return
        for process in self.launcher.procs:
            process.kill()
        if code > 0:  # it has reported its error
            os._exit(code)
        rank = self.trainer.node_rank * self.launcher.num_processes + local_rank
        _exit(_end_message(self.trainer, f"process {rank} was lost ({signal.Signals(-code).name})"))

    def watch_starter(self) -> None:
        """Waits until the process that started this one is lost."""
        while os.getppid() == int(os.environ[_STARTER]):
            if self.finished.wait(0.5):
                return
        if self.trainer.local_rank > 1:  # local rank 1 reports it
            os._exit(2)
        _exit(_end_message(self.trainer, "the first process was lost"))

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Replaces Lightning's handler of SIGTERM, with which processes wait for each other forever."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, *_: object) -> NoReturn:
        raise ProcessLostError(_end_message(self.trainer, "received SIGTERM"))

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Stops monitoring after Ctrl+C, when Lightning ends all processes."""
        if isinstance(exception, KeyboardInterrupt):
            self.finished.set()


def resume_hint(trainer: L.Trainer) -> str:
    """Returns what the user can do after a run that was interrupted."""
    callbacks = [item for item in trainer.checkpoint_callbacks if isinstance(item, ModelCheckpoint)]
    paths = [item.best_model_path for item in callbacks if item.monitor is None]
    path = next((path for path in paths if Path(path).is_file()), None)
    return how_to_resume(Path(path or ""))


def how_to_resume(last: Path) -> str:
    """Returns what the user can do after a run ended early, of which this is the last checkpoint, if it exists."""
    if not last.is_file():
        return "start again"
    return f"resume from the last epoch with output_dir={last.parent.parent} ckpt_path={last}"


def _end_message(trainer: L.Trainer, reason: str) -> str:
    return f"{reason}, and the run ended: {resume_hint(trainer)}"


def _exit(text: str) -> NoReturn:
    """Ends this process from a thread: its main thread may wait for a lost process forever."""
    print(f"error: {one_line(text)}", file=sys.stderr, flush=True)
    os._exit(2)


def _end_processes(launcher: Any, succeeded: bool) -> None:
    """Destroys the process group and waits for the started processes; after an error, kills them."""
    if not succeeded:
        for process in launcher.procs:
            process.kill()
    if dist.is_initialized():
        dist.destroy_process_group()
    for process in launcher.procs:
        process.wait()
    for name in _LAUNCH_VARIABLES:
        os.environ.pop(name, None)


def mean_over_processes(loss: Tensor, labeled: Tensor) -> tuple[Tensor, Tensor]:
    """Averages the loss over all processes, weighted by the number of labeled pixels.

    DDP averages the gradients of all processes with equal weights, so a pixel would count more in a batch with fewer
    labeled pixels. With these weights the gradient is that of the mean over all batches: exactly that of one process
    with one batch of that size, where the loss is a mean over labeled pixels. All processes must call this together.

    Args:
        loss: Loss of this process's batch, a scalar.
        labeled: Number of labeled pixels in it, a scalar.

    Returns:
        The mean over all processes, the same for each, and the part of it to differentiate in this process.
    """
    _, world = rank_and_world_size()
    if world == 1:
        return loss.detach(), loss
    total = torch.stack((loss.detach() * labeled, labeled.to(loss.dtype)))
    dist.all_reduce(total)
    all_labeled = total[1].clamp(min=1)
    return total[0] / all_labeled, loss * (labeled * world / all_labeled)
