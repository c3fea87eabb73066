import json
from pathlib import Path

import pytest
import torch

from segdrone.evaluation import evaluate
from segdrone.training import train
from segdrone.training.precision import choose_precision
from tests.helpers.small_run import Compose, compose_config

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.parametrize(
    ("accelerator", "cpu", "gpu", "precision"),
    [
        ("auto", {"amx_tile": True, "amx_bf16": True}, None, "bf16-mixed"),
        ("cpu", {"amx_tile": True, "amx_bf16": True}, True, "bf16-mixed"),
        ("cpu", {"amx_tile": False, "amx_bf16": True}, True, "32-true"),
        ("cpu", {"architecture": "arm64", "bf16": True}, None, "32-true"),
        ("cpu", None, None, "32-true"),
        ("auto", {}, True, "bf16-mixed"),
        ("gpu", {}, True, "bf16-mixed"),
        ("auto", {"amx_tile": True, "amx_bf16": True}, False, "32-true"),
        ("mps", {"amx_tile": True, "amx_bf16": True}, None, "32-true"),
    ],
)
def test_half_precision_is_chosen_if_the_hardware_has_it(
    accelerator: str, cpu: dict[str, bool] | None, gpu: bool | None, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cpu` is what torch reports, None if it cannot; `gpu` is None without a GPU, else whether it has bfloat16."""
    if cpu is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: cpu, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: gpu)
    assert choose_precision(accelerator) == precision


def test_network_in_true_half_precision_is_scored_without_a_checkpoint(small_config: Compose) -> None:
    metrics, _ = train(small_config("debug=one_batch", "trainer.precision=bf16-true"))
    assert 0 <= metrics["miou"] <= 1


def test_run_trains_in_the_chosen_precision_and_is_scored_in_full_precision(
    small_config: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    amx = {"amx_tile": True, "amx_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: amx, raising=False)
    with caplog.at_level("INFO"):
        train(small_config("trainer.precision=auto", "trainer.limit_train_batches=1"))
    assert "precision bf16-mixed: this CPU has its own bfloat16 units" in caplog.text
    run = tmp_path / "run"
    assert json.loads((run / "run.json").read_text())["precision"] == "bf16-mixed"
    checkpoint = f"ckpt_path={run}/checkpoints/best.ckpt"
    cfg = compose_config("evaluate", checkpoint, f"output_dir={tmp_path}/e", "trainer=cpu")
    assert cfg.trainer.precision == "32-true"
    evaluated, reported = evaluate(cfg), json.loads((run / "metrics.json").read_text())
    del evaluated["warnings"], reported["warnings"]  # training looks at the masks of all splits
    assert evaluated == reported
