from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from segdrone.errors import CheckpointError, ConfigError
from segdrone.evaluation import evaluate
from segdrone.evaluation.scored_model import BackendModule, open_checkpoint
from segdrone.export.source import ExportSource
from segdrone.export.to_onnx import to_onnx
from segdrone.model.combine import combine_checkpoints
from segdrone.model.weights_file import save_plain
from segdrone.runtime.description import Description, Signature
from segdrone.runtime.open_backend import open_backend
from segdrone.windows import proportional_size
from tests.helpers.small_graphs import UNIT, graph, write
from tests.helpers.small_run import compose_config
from tests.helpers.training import tiny_checkpoint


@pytest.fixture(scope="module")
def exported(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained checkpoint as an ONNX file."""
    source = ExportSource(trained_run / "checkpoints" / "best.ckpt")
    path = tmp_path_factory.mktemp("exported") / "best.onnx"
    to_onnx(source.network, source.describe("fp32"), path)
    return path


def score(out: Path, *overrides: str) -> dict[str, Any]:
    return evaluate(compose_config("evaluate", f"output_dir={out}", "trainer=cpu", "pictures=null", *overrides))


@pytest.mark.parametrize("options", [(), ("inference=tiled", "inference.window=[32,64]", "inference.augment=flips")])
def test_an_exported_file_gets_the_scores_of_its_checkpoint(
    options: tuple[str, ...], exported: Path, trained_run: Path, all_scenes: Path, tmp_path: Path
) -> None:
    data = [f"data.root={all_scenes}", "split=val", *options]
    expected = score(tmp_path / "a", f"ckpt_path={trained_run}/checkpoints/best.ckpt", *data)
    scores = score(tmp_path / "b", f"model_file={exported}", *data)
    assert scores["miou"] == pytest.approx(expected["miou"], abs=2e-3)
    assert scores["accuracy"] == pytest.approx(expected["accuracy"], abs=2e-3)
    assert scores["photographs"] == expected["photographs"]
    assert scores["split_by"] == expected["split_by"]


def test_photographs_that_were_trained_on_are_named(
    exported: Path, all_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    score(tmp_path, f"model_file={exported}", f"data.root={all_scenes}", "split=train", "trainer.limit_test_batches=1")
    assert "have the names of photographs that were trained on" in caplog.text


def test_an_exported_file_holds_no_path_of_the_machine(exported: Path, all_scenes: Path) -> None:
    text = exported.read_bytes()
    assert str(all_scenes).encode() not in text
    assert str(Path.home()).encode() not in text


def test_an_ensemble_has_no_curves_of_the_run_that_it_lies_in(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    member = tiny_checkpoint(folder / "best.ckpt")
    other = tiny_checkpoint(folder / "last.ckpt", seed=1)
    save_plain(combine_checkpoints([member, other]), path := member.with_name("two.ckpt"))
    assert open_checkpoint(member).run == tmp_path / "run"
    assert open_checkpoint(path).run is None


def test_its_photographs_must_be_named(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not say where its photographs are: give data\.root=FOLDER"):
        score(tmp_path, f"model_file={exported}", "split=val")


def test_a_model_of_another_program_is_scored_with_a_description(
    exported: Path, all_scenes: Path, tmp_path: Path
) -> None:
    model = onnx.load(str(exported))
    described = Description.from_json(model.metadata_props[0].value)
    del model.metadata_props[:]
    foreign, spec = tmp_path / "foreign.onnx", tmp_path / "spec.json"
    onnx.save(model, str(foreign))
    spec.write_text(replace(described, training=None, checkpoint="").to_json())
    data = [f"model_file={foreign}", f"data.root={all_scenes}"]
    with pytest.raises(
        CheckpointError, match=r"was not written by segdrone export: .* segdrone evaluate spec=FILE\.json"
    ):
        score(tmp_path / "a", *data, "split=all")
    with pytest.raises(Exception, match="does not say which photographs are in its val split: give split=all"):
        score(tmp_path / "a", *data, f"spec={spec}", "split=val")
    scores = score(tmp_path / "a", *data, f"spec={spec}", "split=all", "data.test_image_size=[64,96]")
    assert scores["photographs"] == 20


def test_a_size_that_a_model_of_one_size_does_not_take_is_refused_with_a_way_out(tmp_path: Path) -> None:
    described = replace(UNIT, signature=Signature("unit", window=(64, 64)))
    module = BackendModule(open_backend(write(graph(), tmp_path / "a.onnx", described), device="cpu"))
    scored = proportional_size((480, 720), area_of=(64, 64))  # by data.test_image_size=[64,64]: still too wide
    with pytest.raises(ConfigError, match=r"photographs are scored at 52 x 78: give inference=tiled$"):
        module.test_step({"image": torch.zeros(1, 3, *scored)}, 0)


def test_one_model_is_scored_at_a_time(exported: Path, trained_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give one of these to score"):
        score(tmp_path, f"model_file={exported}", f"ckpt_path={trained_run}/checkpoints/best.ckpt")
    with pytest.raises(ConfigError, match=r"spec goes with model=FILE\.onnx"):
        score(tmp_path, f"ckpt_path={trained_run}/checkpoints/best.ckpt", f"spec={tmp_path}/a.json")
