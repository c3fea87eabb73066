import lightning.pytorch as L
import pytest
import torch

from segdrone.errors import ConfigError, ProcessLostError
from segdrone.model.distributed import check_processes, mean_over_processes, supervise
from segdrone.utils.launch import rank_and_world_size


def test_a_single_process_has_rank_zero_of_one() -> None:
    assert rank_and_world_size() == (0, 1)


def test_a_single_process_keeps_its_own_loss() -> None:
    loss = torch.tensor(0.7, requires_grad=True)
    mean, part = mean_over_processes(loss, torch.tensor(0))
    assert part is loss
    assert torch.equal(mean, loss)
    assert not mean.requires_grad


def test_errors_of_a_single_process_are_raised_unchanged() -> None:
    with pytest.raises(RuntimeError, match="gloo"), supervise(trainer(devices=1)):
        raise RuntimeError("gloo")


def test_of_two_processes_that_lost_each_other_the_first_reports_it(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: dict[str, float] = {}
    monkeypatch.delenv("SEGDRONE_STARTER", raising=False)  # else its watch would end this process
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in ("0", "1"):
        slept: list[float] = []
        monkeypatch.setenv("LOCAL_RANK", rank)
        monkeypatch.setattr("time.sleep", slept.append)
        with pytest.raises(ProcessLostError, match="another process was lost"), supervise(trainer(devices=2)):
            raise RuntimeError("[gloo] Connection closed by peer")
        waits[rank] = sum(slept)
    assert waits["1"] >= waits["0"] + 5


def trainer(**choices: object) -> L.Trainer:
    return L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **choices)  # type: ignore[arg-type]


def test_a_number_of_processes_that_the_trainer_does_not_expect_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_processes(trainer(devices=1))
    check_processes(trainer(devices=2))
    monkeypatch.setenv("WORLD_SIZE", "4")
    check_processes(trainer(devices=2, num_nodes=2))
    for choices in ({"devices": 1}, {"devices": 2}):
        with pytest.raises(ConfigError, match=rf"4 processes were started.* is {choices['devices']}: give trainer=ddp"):
            check_processes(trainer(**choices))


def test_a_slurm_job_without_srun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"NTASKS": "2", "NTASKS_PER_NODE": "2", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setattr("shutil.which", lambda _: None)  # Lightning warns if srun is there
    with pytest.raises(ConfigError, match=r"1 processes were started.* is 2: give .* by srun or torchrun"):
        check_processes(trainer(devices=2, strategy="ddp"))
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    check_processes(trainer(devices=2, strategy="ddp"))
    monkeypatch.setenv("SLURM_NNODES", "2")
    with pytest.raises(ConfigError, match=r"conf/trainer differ \(.*--nodes=2.*\): see conf/trainer/ddp\.yaml"):
        check_processes(trainer(devices=2, strategy="ddp"))


def test_a_strategy_that_does_not_run_the_script_is_refused() -> None:
    with pytest.raises(ConfigError, match="strategy=ddp"):
        check_processes(trainer(devices=2, strategy="ddp_spawn"))
