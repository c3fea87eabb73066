from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from segdrone.errors import ConfigError
from segdrone.training import claimed


def config(folder: Path, ckpt_path: Path | None = None) -> DictConfig:
    return OmegaConf.create({"output_dir": str(folder), "ckpt_path": None if ckpt_path is None else str(ckpt_path)})


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with claimed(config(tmp_path / "run")):
        with (
            pytest.raises(ConfigError, match="another run writes to .*run: give another output_dir"),
            claimed(config(tmp_path / "run")),
        ):
            pass
        with claimed(config(tmp_path / "other")):
            pass
    assert list((tmp_path / "run").iterdir()) == []


def test_an_earlier_run_is_gone_on_with_and_not_replaced(tmp_path: Path) -> None:
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    with claimed(config(tmp_path)):  # one that came to no checkpoint
        last.touch()
    for resumed in (None, tmp_path / "other" / "checkpoints" / "last.ckpt"):
        with (
            pytest.raises(ConfigError, match=f"holds an earlier run: .* ckpt_path={last}"),
            claimed(config(tmp_path, resumed)),
        ):
            pass
    with claimed(config(tmp_path, last)):
        pass


def test_an_error_of_the_run_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mine"), claimed(config(tmp_path)):
        raise ConfigError("mine")


def test_only_the_first_process_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with claimed(config(tmp_path)):
        monkeypatch.setenv("LOCAL_RANK", "1")
        with claimed(config(tmp_path)):
            pass
