from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from segdrone.training.refuse_overwrite import RefuseOverwrite


def config(folder: Path, ckpt_path: Path | None = None) -> DictConfig:
    resumed = None if ckpt_path is None else str(ckpt_path)
    return OmegaConf.create({"hydra": {"run": {"dir": str(folder)}}, "ckpt_path": resumed})


def test_an_earlier_run_is_gone_on_with_and_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    RefuseOverwrite().on_run_start(config(tmp_path))  # one that came to no checkpoint
    last.touch()
    for resumed in (None, tmp_path / "other" / "checkpoints" / "last.ckpt"):
        with pytest.raises(SystemExit) as left:
            RefuseOverwrite().on_run_start(config(tmp_path, resumed))
        assert left.value.code == 2
        assert f"contains an earlier run: give another output_dir, or resume it with ckpt_path={last}" in (
            capsys.readouterr().err
        )
    RefuseOverwrite().on_run_start(config(tmp_path, last))
    with monkeypatch.context() as started_again:
        started_again.setenv("SLURM_RESTART_COUNT", "1")
        RefuseOverwrite().on_run_start(config(tmp_path))
    monkeypatch.setenv("LOCAL_RANK", "1")  # of a process beside the first
    RefuseOverwrite().on_run_start(config(tmp_path))
