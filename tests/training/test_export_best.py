"""Exports at the end of a run."""

import json
import logging
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from segdrone.errors import CheckpointError, ConfigError, DataError
from segdrone.export.run import export
from segdrone.export.source import ExportSource
from segdrone.training import train
from segdrone.training.export_best import check_export, export_best
from tests.helpers.small_run import Compose


def test_the_best_checkpoint_is_exported_with_the_parity_report(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_best(["onnx"], str(trained_run / "checkpoints" / "best.ckpt"), tmp_path)
    folder = tmp_path / "exported"
    assert {path.name for path in folder.iterdir()} == {"best.onnx", "parity.json", "parity.html"}
    parity = json.loads((folder / "parity.json").read_text())
    checkpoint, onnx = parity["models"]
    assert (checkpoint["name"], onnx["name"], onnx["file"]) == ("checkpoint", "onnx", "best.onnx")
    assert parity["photographs"] == 3
    assert onnx["bytes"] == (folder / "best.onnx").stat().st_size
    assert onnx["largest_difference"] < 1e-4
    assert onnx["agreement"] > 0.999
    assert onnx["verdict"] == "as good"
    assert onnx["scores"]["miou"] == pytest.approx(checkpoint["scores"]["miou"], abs=1e-3)
    assert 50e6 < onnx["memory"] < checkpoint["memory"]  # without torch
    assert onnx["seconds"] > 0
    assert any("only 3 photographs" in warning for warning in parity["warnings"])
    page = (folder / "parity.html").read_text()
    assert "best.ckpt, compared on 3 photographs" in page
    assert "as good" in page
    assert "as good" in capsys.readouterr().out


def test_a_failed_export_leaves_the_run_complete_and_says_how_to_repeat_it(
    small_config: Compose, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "exported").write_text("in the way")
    with pytest.raises(CheckpointError) as caught:
        train(small_config("trainer.limit_train_batches=1", "export=[onnx,openvino]"))
    best = run / "checkpoints" / "best.ckpt"
    assert f"segdrone export {best} --to onnx,openvino --out {run}/exported" in str(caught.value)
    assert "is complete" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert best.is_file()
    assert json.loads((run / "run.json").read_text())["wall_time_s"] > 0
    assert (run / "metrics.json").is_file()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("[onnx,tensorrt]", "the format tensorrt is unknown: choose from onnx, "),
        ("[1]", "the format 1 is unknown"),
        ("onnx", r"export=onnx must be a list of formats, such as export=\[onnx,openvino\]"),
        ("null", "export=None must be a list of formats"),
        ("{onnx: 1}", "must be a list of formats"),
    ],
)
def test_wrong_formats_are_refused(given: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        check_export(OmegaConf.create(f"export: {given}").export)


def test_wrong_formats_are_refused_before_the_training(small_config: Compose, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the format onyx is unknown"):
        train(small_config("export=[onyx]"))
    assert not (tmp_path / "run").exists()


def test_a_run_that_kept_no_checkpoint_says_that_nothing_was_exported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        export_best(["onnx"], "", tmp_path)  # as of debug=one_batch
    assert "nothing was exported" in caplog.text
    export_best([], "", tmp_path)
    assert not [*tmp_path.iterdir()]


def test_photographs_that_are_not_there_are_an_error_where_their_folder_is_given(
    trained_run: Path, tmp_path: Path
) -> None:
    checkpoint = trained_run / "checkpoints" / "best.ckpt"
    (tmp_path / "empty").mkdir()
    for folder in ("missing", "empty"):
        with pytest.raises(
            DataError, match=r"^the val photographs of .* cannot be opened .*: give their dataset by --"
        ):
            export(checkpoint, ["onnx"], tmp_path / "out", data_root=tmp_path / folder, parity=True, progress=False)
    assert not [*(tmp_path / "out").iterdir()]


def test_the_dataset_may_have_moved(trained_run: Path, all_scenes: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(all_scenes, tmp_path / "moved"))
    source = ExportSource(trained_run / "checkpoints" / "best.ckpt", data_root=moved)
    assert all(pair.image.is_relative_to(moved) for pair in source.open_split("val").splits["val"])
