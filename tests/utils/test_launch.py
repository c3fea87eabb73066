import importlib.util
import logging
import sys
from contextlib import nullcontext

import pytest

from segdrone.errors import ConfigError
from segdrone.utils.launch import command_line, is_rank_zero, silence_nonzero_ranks, single_job_argv

VARIABLES = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID", "WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


@pytest.fixture(autouse=True)
def single_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["train.py", "seed=1"])


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0", "SLURM_PROCID": "1"}, True),  # torchrun's rank decides
        ({"RANK": "4", "LOCAL_RANK": "0"}, False),
        ({"LOCAL_RANK": "0", "NODE_RANK": "0"}, True),
        ({"LOCAL_RANK": "1", "NODE_RANK": "0"}, False),
        ({"NODE_RANK": "1"}, False),  # set by Lightning before it starts the others there
        ({"SLURM_PROCID": "0"}, True),
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_rank_zero_is_known_from_the_launcher(
    environment: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_rank_zero() == first


def test_rank_zero_keeps_its_arguments() -> None:
    silence_nonzero_ranks()
    assert sys.argv == ["train.py", "seed=1"]


def test_other_ranks_write_no_folder_and_log_only_errors(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RANK", "1")
    try:
        silence_nonzero_ranks()
        logging.getLogger("segdrone").warning("reported by rank 0")
        logging.getLogger("segdrone").error("mine")
    finally:
        logging.disable(logging.NOTSET)
        logging.captureWarnings(False)
    assert sys.argv[:2] == ["train.py", "seed=1"]
    assert {"hydra.run.dir=.", "hydra.output_subdir=null"} <= {*sys.argv[2:]}
    assert [record.message for record in caplog.records] == ["mine"]


@pytest.mark.parametrize(
    ("count", "refused"), [({"WORLD_SIZE": "2"}, True), ({"SLURM_STEP_NUM_TASKS": "2"}, True), ({}, False)]
)
def test_a_sweep_in_several_processes_is_refused(
    count: dict[str, str], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in count.items():
        monkeypatch.setenv(name, value)
    silence_nonzero_ranks()
    for sweep in (["-m", "seed=1,2"], ["search=optuna"]):
        monkeypatch.setattr(sys, "argv", ["train.py", *sweep])
        with pytest.raises(ConfigError, match="without torchrun or srun") if refused else nullcontext():
            silence_nonzero_ranks()
        with single_job_argv(sweep[-1:]):  # as Lightning starts the processes of one job
            silence_nonzero_ranks()


def test_the_arguments_of_one_job_replace_those_of_the_sweep() -> None:
    sys.argv = ["train.py", "-m", "seed=1,2"]
    with single_job_argv(["seed=2"]):
        assert sys.argv == ["train.py", "seed=2", "hydra.mode=RUN"]
    assert sys.argv == ["train.py", "-m", "seed=1,2"]


def test_the_command_line_can_be_given_to_a_shell_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "seed=1", "loss.terms={ce: 1}"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert command_line() == "python train.py seed=1 'loss.terms={ce: 1}'"
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", importlib.util.find_spec("segdrone.cli.train"))
    assert command_line() == "segdrone train seed=1 'loss.terms={ce: 1}'"
    monkeypatch.setattr("sys.argv", ["/opt/bin/segdrone", "export", "best.ckpt"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert command_line() == "segdrone export best.ckpt"
