"""Predicted masks of any model against true masks, through the config of evaluate.py."""

import json
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from segdrone.classes import DRONE
from segdrone.errors import ConfigError, DataError, SegdroneError
from segdrone.evaluation import evaluate
from segdrone.raster.header import read_header
from segdrone.utils.digest import file_digest
from tests.helpers.image_files import read_mask
from tests.helpers.shared import make_once
from tests.helpers.small_run import compose_config

pytestmark = pytest.mark.usefixtures("undrawn")


def scored(out: Path, *choices: str) -> dict[str, object]:
    return evaluate(compose_config("evaluate", f"output_dir={out}", "pictures=1", *choices))


@pytest.fixture(scope="module")
def evaluated(all_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that no test changes: `masks/`, the true ones with one pixel in ten of another class, and `out/`."""

    def evaluate_once(folder: Path) -> None:
        (folder / "masks").mkdir(parents=True)
        rng = np.random.default_rng(0)
        for path in sorted((all_scenes / "label_images_semantic").glob("*.png")):
            mask = read_mask(path)
            cv2.imwrite(str(folder / "masks" / path.name), np.where(rng.random(mask.shape) < 0.1, 3, mask))
        metrics = scored(folder / "out", f"predictions={folder / 'masks'}", f"data.root={all_scenes}")
        assert json.loads((folder / "out" / "metrics.json").read_text()) == metrics

    return make_once(tmp_path_factory, "evaluated_predictions", evaluate_once)


@pytest.fixture
def predicted(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of the masks, for a test to change."""
    return Path(shutil.copytree(evaluated / "masks", tmp_path / "predicted"))


def test_predicted_masks_get_the_same_scores_and_files_as_a_checkpoint(evaluated: Path, all_scenes: Path) -> None:
    predicted, out = evaluated / "masks", evaluated / "out"
    metrics = json.loads((out / "metrics.json").read_text())
    truths = sorted((all_scenes / "label_images_semantic").glob("*.png"))
    right = [read_mask(path) == read_mask(predicted / path.name) for path in truths]
    assert metrics["accuracy"] == pytest.approx(np.mean(right))
    assert (metrics["photographs"], metrics["split"], metrics["ece"]) == (20, "all", None)
    assert metrics["predictions"] == str(predicted)
    assert metrics["warnings"] == [
        f"predictions={predicted} has no class table: its ids are read as those of the true masks; say otherwise with "
        "prediction_classes=FILE.csv"
    ]
    assert metrics["warnings"][0] in unescape((out / "report.html").read_text())
    assert {path.name for path in out.iterdir()} >= {
        "report.html", "per_class.csv", "per_image.csv", "confusion.csv", "counts.npz", "evaluation.json",
        "tensorboard",
    }  # fmt: skip


def test_several_processes_are_refused(evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "metrics.json").write_text("of somebody")
    for name, value in {"RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="scored by one process, not 2"):
        scored(tmp_path, f"predictions={evaluated / 'masks'}", "data.root=.")
    assert (tmp_path / "metrics.json").read_text() == "of somebody"


def test_photographs_are_not_needed(evaluated: Path, all_scenes: Path, tmp_path: Path) -> None:
    masks = all_scenes / "label_images_semantic"
    alone = scored(tmp_path / "a", f"predictions={evaluated / 'masks'}", f"data.masks={masks}")
    shown = json.loads((evaluated / "out" / "metrics.json").read_text())
    assert {**alone, "root": None} == {**shown, "root": None}
    assert (tmp_path / "a" / "figures" / "best.png").is_file()


def test_confidences_that_segdrone_predict_wrote_are_used(predicted: Path, all_scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "written"
    (out / "confidence").mkdir(parents=True)
    (out / "predict.json").write_text("{}")
    predicted.rename(out / "masks")
    for path in (out / "masks").iterdir():
        cv2.imwrite(str(out / "confidence" / path.name), np.full((64, 96), 204, np.uint8))
    metrics = scored(tmp_path / "scored", f"predictions={out}", f"data.root={all_scenes}")
    assert metrics["ece"] == pytest.approx(abs(metrics["accuracy"] - 0.8))  # type: ignore[operator]
    its_masks = scored(tmp_path / "scored", f"predictions={out / 'masks'}", f"data.root={all_scenes}")
    assert its_masks["ece"] == metrics["ece"]
    cv2.imwrite(str(out / "confidence" / "007.png"), np.full((64, 96), 52_000, np.uint16))
    with pytest.raises(DataError, match=r"confidence/007\.png has values of uint16, not of 8 bits: write a gray image"):
        scored(tmp_path / "scored", f"predictions={out}", f"data.root={all_scenes}")
    cv2.imwrite(str(out / "confidence" / "007.png"), np.full((64, 96, 3), (204, 9, 204), np.uint8))
    with pytest.raises(DataError, match=r"confidence/007\.png has colors, not confidences"):
        scored(tmp_path / "colored", f"predictions={out}", f"data.root={all_scenes}")
    (out / "confidence" / "007.png").unlink()
    with pytest.raises(DataError, match=r"1 of 20 photographs, 007 first, have no image in .*confidence: add them"):
        scored(tmp_path / "missing", f"predictions={out}", f"data.root={all_scenes}")


def test_predictions_of_other_photographs_of_the_same_names_are_told(
    predicted: Path, all_scenes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "written"
    out.mkdir()
    predicted.rename(out / "masks")
    (out / "predict.json").write_text(json.dumps({"classes": DRONE.to_dict()}))
    photographs = sorted((all_scenes / "original_images").iterdir())
    for other in (False, True):
        digests = {file: file_digest(file) for file in photographs} | ({photographs[7]: "0" * 64} if other else {})
        rows = [f"{file.name},masks/{file.stem}.png,{digest}\n" for file, digest in digests.items()]
        (out / "summary.csv").write_text("".join(["path,mask,digest\n", *rows]))
        caplog.clear()
        scored(tmp_path / "scored", f"predictions={out / 'masks'}", f"data.root={all_scenes}", "pictures=null")
        assert (f"1 of 20 photographs, {photographs[7]} first, are not the files that" in caplog.text) == other


def test_instance_maps_of_predictions_are_scored(all_scenes: Path, tmp_path: Path) -> None:
    predicted = tmp_path / "predicted"
    shutil.copytree(all_scenes / "label_images_semantic", predicted)
    choices = [f"predictions={predicted}", f"data.root={all_scenes}", "objects=[person,tree]", "pictures=null"]
    components: Any = scored(tmp_path / "components", *choices)["panoptic"]
    assert (components["truth"], components["prediction"]) == ("instance maps", "connected components")
    assert components["classes"]["tree"]["pq"] < 1  # crowns in several parts, and crowns that touch
    shutil.copytree(all_scenes / "instances", predicted / "instances")
    metrics: Any = scored(tmp_path / "maps", *choices)
    panoptic = metrics["panoptic"]
    assert (panoptic["prediction"], panoptic["pq"], panoptic["pq_things"]) == ("instance maps", 1, 1)
    assert metrics["objects"]["map"] == 1
    cv2.imwrite(str(predicted / "instances" / "007.png"), np.zeros((64, 96), np.uint16))
    with pytest.raises(
        DataError, match=r"007\.png has no number at \d+ pixels .* a thing \(person, tree\): .*objects=\["
    ):
        scored(tmp_path / "unnumbered", *choices)
    (predicted / "instances" / "007.png").unlink()
    with pytest.raises(DataError, match=r"1 of 20 photographs, 007 first, have no instance map like .*000\.png: add"):
        scored(tmp_path / "missing", *choices)


def test_a_folder_may_be_called_by_a_number(
    evaluated: Path, all_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "2024").symlink_to(evaluated / "masks")
    monkeypatch.chdir(tmp_path)
    metrics = scored(tmp_path / "out", "predictions=2024", f"data.root={all_scenes}", "pictures=null")
    assert metrics["miou"] == json.loads((evaluated / "out" / "metrics.json").read_text())["miou"]


def test_things_are_those_of_the_table_of_the_masks(predicted: Path, all_scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "classes.csv").write_text(replace(DRONE, things=("tree", "car")).to_csv())
    choices = [f"predictions={predicted}", f"data.root={all_scenes}", f"data.classes={tmp_path / 'classes.csv'}"]
    metrics: Any = scored(tmp_path / "out", *choices, "prediction_classes=drone", "pictures=null")
    assert [*metrics["objects"]["classes"]] == ["car", "tree"]


def test_both_masks_are_resized_to_one_size(predicted: Path, all_scenes: Path, tmp_path: Path) -> None:
    for path in predicted.iterdir():
        mask = read_mask(path)
        cv2.imwrite(str(path), cv2.resize(mask, (48, 32), interpolation=cv2.INTER_NEAREST_EXACT))
    choices = [f"predictions={predicted}", f"data.root={all_scenes}"]
    with pytest.raises(DataError, match=r"48 x 32 pixels and .* 96 x 64: compare them at one size with data\.test_i"):
        scored(tmp_path / "a", *choices)
    metrics = scored(tmp_path / "b", *choices, "data.test_image_size=[32,48]")
    assert 0.85 < metrics["accuracy"] < 0.95  # type: ignore[operator]


@pytest.mark.parametrize("options", [[], ["data.test_image_size=[32,48]"]])
def test_turned_masks_are_not_squeezed_into_the_true_ones(
    predicted: Path, all_scenes: Path, tmp_path: Path, options: list[str]
) -> None:
    for path in predicted.iterdir():
        cv2.imwrite(str(path), np.rot90(cv2.resize(read_mask(path), (49, 32), interpolation=cv2.INTER_NEAREST_EXACT)))
    with pytest.raises(DataError, match=r"is 32 x 49 pixels and .* 96 x 64, so one of them is turned"):
        scored(tmp_path / "out", f"predictions={predicted}", f"data.root={all_scenes}", *options)


def test_a_split_of_the_photographs_is_scored(predicted: Path, all_scenes: Path, tmp_path: Path) -> None:
    splits = tmp_path / "splits"
    splits.mkdir()
    (splits / "train.txt").write_text("000\n001\n")
    (splits / "val.txt").write_text("002\n003\n004\n")
    for path in predicted.iterdir():
        if path.stem not in ("002", "003", "004"):
            path.unlink()
    choices = [f"predictions={predicted}", f"data.root={all_scenes}"]
    metrics = scored(tmp_path / "a", *choices, "split=val", f"data.split_dir={splits}")
    assert (metrics["photographs"], metrics["split_by"]) == (3, f"by the lists in {splits}")
    with pytest.raises(DataError, match=r"17 of 20 photographs, 000 first, have no mask of the same name"):
        scored(tmp_path / "b", *choices)
    with pytest.raises(ConfigError, match=r"split=val needs data\.split_dir"):
        scored(tmp_path / "b", *choices, "split=val")


def test_classes_are_merged_in_both_masks(evaluated: Path, all_scenes: Path, tmp_path: Path) -> None:
    choices = [f"predictions={evaluated / 'masks'}", f"data.root={all_scenes}", "data.class_groups=landing_zone"]
    with pytest.raises(
        DataError, match=r"may be classes before or after data\.class_groups merged them: give predicti"
    ):
        scored(tmp_path / "a", *choices)
    merged = scored(tmp_path / "a", *choices, "prediction_classes=drone")
    assert len(merged["iou"]) < 23  # type: ignore[arg-type]
    unmerged = json.loads((evaluated / "out" / "metrics.json").read_text())
    assert merged["accuracy"] >= unmerged["accuracy"]


def test_bad_predictions_are_errors(predicted: Path, all_scenes: Path, tmp_path: Path) -> None:
    def error_of(*choices: str) -> str:
        with pytest.raises(SegdroneError) as error:
            scored(tmp_path / "out", *choices)
        return str(error.value)

    root, folder = f"data.root={all_scenes}", f"predictions={predicted}"
    assert "predictions=FOLDER" in error_of(root)
    assert "give one of these to score" in error_of(root, folder, "ckpt_path=x.ckpt")
    assert "give the true masks" in error_of(folder)
    assert "prediction_classes goes with predictions=FOLDER" in error_of(
        root, "ckpt_path=x.ckpt", "prediction_classes=drone"
    )
    assert "inference=tiled does nothing" in error_of(root, folder, "inference=tiled")
    assert "data.sampling does nothing" in error_of(root, folder, "data.sampling=tiles")
    assert "nowhere is not a folder" in error_of(root, f"predictions={tmp_path / 'nowhere'}")
    victim = predicted / "007.png"
    fine = victim.read_bytes()
    victim.write_bytes(fine[: len(fine) // 2])
    assert "007.png cannot be decoded" in error_of(root, folder)
    cv2.imwrite(str(victim), np.full((64, 96), 77, np.uint8))
    assert "007.png holds id 77 (6144 pixels)" in error_of(root, folder)
    mask = read_mask(all_scenes / "label_images_semantic" / "007.png")
    mask[:2] = 255
    cv2.imwrite(str(victim), mask)
    assert "007.png has no class (id 255) at 192 pixels where the truth has one" in error_of(root, folder)
    assert read_header(victim).size == (64, 96)
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_a_folder_never_mixes_two_evaluations(
    evaluated: Path, all_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path(shutil.copytree(evaluated / "out", tmp_path / "out"))
    choices = [f"predictions={evaluated / 'masks'}", f"data.root={all_scenes}"]
    (out / "figures" / "loss.png").write_text("of the training")
    scored(out, *choices, "pictures=0")
    assert {path.name for path in (out / "figures").iterdir()} == {"confusion.png", "recall_by_size.png", "loss.png"}
    monkeypatch.setattr(
        "segdrone.evaluation.prediction_folder.evaluate_predictions",
        lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt),
    )
    before = {name: (out / name).read_bytes() for name in ("metrics.json", "counts.npz", "report.html")}
    with pytest.raises(KeyboardInterrupt):
        scored(out, *choices, "pictures=1")
    assert {name: (out / name).read_bytes() for name in before} == before


def test_a_full_disk_is_an_error_that_names_the_folder(
    predicted: Path, all_scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("segdrone.evaluation.report.write_html", full)
    with pytest.raises(DataError, match=r"output_dir=.*out cannot be written to \(No space left on device\)"):
        scored(tmp_path / "out", f"predictions={predicted}", f"data.root={all_scenes}")


@pytest.mark.parametrize("pictures", ["abc", "-1", "1.5", "true"])
def test_pictures_must_be_a_number(pictures: str, predicted: Path, all_scenes: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a whole number of 0 or more"):
        scored(tmp_path / "out", f"predictions={predicted}", f"data.root={all_scenes}", f"pictures={pictures}")
