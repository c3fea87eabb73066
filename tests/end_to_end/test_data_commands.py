"""`segdrone data` commands, and training on their output."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from segdrone.errors import SegdroneError
from segdrone.training.build import build_datamodule, build_module
from tests.helpers.commands import Command, assert_one_line
from tests.helpers.small_run import compose_config, fit_config, small

IMAGES, MASKS = "original_images", "label_images_semantic"


def test_check_of_sound_photographs(all_scenes: Path, command: Command) -> None:
    result = command("segdrone", "data", "check", all_scenes)
    assert result.returncode == 0, result.stderr
    assert "Training can start" in result.stdout
    for name in ("files", "reading", "sizes", "channels", "classes", "labels", "content", "duplicates", "splits"):
        assert name in result.stdout


def test_check_ends_with_1_where_training_would_fail(scenes: Path, command: Command) -> None:
    (scenes / IMAGES / "003.jpg").write_bytes((scenes / IMAGES / "003.jpg").read_bytes()[:900])
    Image.fromarray(np.full((64, 96), 77, np.uint8)).save(scenes / MASKS / "005.png")
    result = command("segdrone", "data", "check", scenes, "--json")
    assert result.returncode == 1, result.stderr
    report = json.loads(result.stdout)
    statuses = {check["name"]: check["status"] for check in report["checks"]}
    assert {name for name, status in statuses.items() if status == "ERROR"} == {"reading", "labels"}
    assert "003.jpg" in result.stdout
    assert "005.png" in result.stdout


def test_check_of_masks_without_a_label(scenes: Path, command: Command) -> None:
    for path in (scenes / MASKS).iterdir():
        Image.fromarray(np.full((64, 96), 255, np.uint8)).save(path)
    result = command("segdrone", "data", "check", scenes)
    assert result.returncode == 1, result.stderr
    assert "nothing to learn or score" in result.stdout


@pytest.mark.parametrize("name", ["check", "stats", "show"])
def test_a_folder_that_is_not_there(name: str, tmp_path: Path, command: Command) -> None:
    assert_one_line(command("segdrone", "data", name, tmp_path / "none"), "none does not exist")


def loss_weights(root: Path, weights: str, *choices: str) -> torch.Tensor:
    cfg = compose_config("train", *small(root, root / "run"), f"loss.class_weights={weights}", *choices)
    weight = build_module(cfg, build_datamodule(cfg)).loss.terms[0].weights
    assert isinstance(weight, torch.Tensor) and len(weight) == 23
    return weight


def test_stats_give_the_class_weights_of_training(
    scenes: Path, tmp_path: Path, command: Command, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SegdroneError, match=r"none\.json does not exist.*segdrone data stats"):
        loss_weights(scenes, "none.json")
    result = command("segdrone", "data", "stats", scenes)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in (scenes / "stats").iterdir()} == {"stats.json", "classes.png", "cooccurrence.png"}
    with caplog.at_level("INFO"):
        loss_weights(scenes, "auto")
    assert "class weights: unlabeled " in caplog.text
    (scenes / "stats").rename(tmp_path / "stats")
    elsewhere = loss_weights(scenes, f"{tmp_path}/stats/stats.json")
    (tmp_path / "stats").rename(scenes / "stats")
    assert torch.equal(elsewhere, loss_weights(scenes, "auto"))
    for weights, choices, message in (
        (
            "auto",
            ["data.class_groups=drone12"],
            r"stats\.json counts 23 classes, not the 12 in use.*segdrone data stats",
        ),
        ("[1,2]", [], "23 numbers in the order of the classes"),
        ("often", [], "often.*median_frequency"),
    ):
        with pytest.raises(SegdroneError, match=message):
            loss_weights(scenes, weights, *choices)


def test_show_draws_a_sheet(all_scenes: Path, tmp_path: Path, command: Command) -> None:
    arguments: list[str | Path] = [
        "--count",
        "3",
        "--augment",
        Path(__file__).parents[2] / "conf" / "augment" / "combined.yaml",
    ]
    result = command("segdrone", "data", "show", all_scenes, *arguments)
    assert result.returncode == 0, result.stderr
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 300
    assert_one_line(command("segdrone", "data", "show", all_scenes, "--augment", "none-such"), "none-such is neither")
    assert_one_line(command("segdrone", "data", "show", all_scenes, "--out", "a.gif"), "a.gif must be a PNG file")


def test_annotations_become_a_dataset_to_train_on(tmp_path: Path, command: Command) -> None:
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(8):
        Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 96, "height": 64})
        square = [10, 10, 60, 10, 60, 50, 10, 50]
        annotations.append({"id": number, "image_id": number, "category_id": 7, "segmentation": [square]})
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 7, "name": "roof"}]}
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    out = tmp_path / "out"
    arguments: list[str | Path] = ["--images", tmp_path / "photos", "--background", "ground"]
    result = command("segdrone", "data", "import", tmp_path / "coco.json", out, *arguments)
    assert result.returncode == 0, result.stderr
    mask = np.array(Image.open(out / "masks" / "3.png"))
    assert (mask == 1).sum() == 50 * 40
    assert (mask[10:50, 10:60] == 1).all()
    trained = command("train.py", *small(out, tmp_path / "run"), "data=folder", f"data.classes={out}/classes.csv")
    assert trained.returncode == 0, trained.stderr
    assert "roof" in trained.stdout
    (tmp_path / "coco.json").write_text(json.dumps(coco)[:-20])
    result = command("segdrone", "data", "import", tmp_path / "coco.json", tmp_path / "new", *arguments)
    assert_one_line(result, "coco.json")
    assert not (tmp_path / "new").exists()


def test_cache_is_reported_and_cleared(scenes: Path, tmp_path: Path, command: Command) -> None:
    cache: list[str | Path] = ["--cache-dir", tmp_path / "cache"]
    assert "is empty" in command("segdrone", "data", "cache", *cache).stdout
    fit_config(compose_config("train", *small(scenes, tmp_path / "run"), f"data.cache_dir={tmp_path}/cache"))
    info = command("segdrone", "data", "cache", "--info", *cache).stdout
    assert "18" in info
    assert f"in {tmp_path}/cache" in info
    elsewhere = command("segdrone", "data", "cache", tmp_path / "other", "--clear", *cache)
    assert "removed 0 files" in elsewhere.stdout
    cleared = command("segdrone", "data", "cache", scenes, "--clear", *cache)
    assert "removed 36 files" in cleared.stdout
    assert not list((tmp_path / "cache").iterdir())
    assert_one_line(command("segdrone", "data", "cache", "--clear", "--info"), "do not go together")


def test_merged_classes_are_trained_and_scored_on_unmerged_masks(
    scenes: Path, tmp_path: Path, command: Command
) -> None:
    table = scenes / "table.csv"
    table.write_text((scenes / "class_dict_seg.csv").read_text())
    run = tmp_path / "run"
    choices = ["data.class_groups={ground: [paved-area, grass, dirt, gravel], ignored: [unlabeled]}"]
    trained = command("train.py", *small(scenes, run), f"data.classes={table}", *choices)
    assert trained.returncode == 0, trained.stderr
    assert "ground" in trained.stdout
    assert "gravel" not in trained.stdout
    assert "unlabeled" not in trained.stdout
    table.unlink()  # the checkpoint has the classes of the masks and their groups
    scored = command("evaluate.py", f"ckpt_path={run}/checkpoints/best.ckpt", "split=val")
    assert scored.returncode == 0, scored.stderr
    assert "ground" in scored.stdout
    wrong = compose_config("train", *small(scenes, tmp_path / "wrong"), "data.class_groups={ground: [paved, grass]}")
    with pytest.raises(SegdroneError, match=r"data\.class_groups names paved, not in the class table.*fix the name"):
        build_datamodule(wrong)


def test_crops_are_trained_validated_and_scored(scenes: Path, tmp_path: Path, command: Command) -> None:
    run = tmp_path / "run"
    choices = [
        "data.sampling=crops",
        "data.crop_size=[32,64]",
        "data.scale=0.9",
        "data.rare_share=0.5",
        "augment=combined",
    ]
    trained = command("train.py", *small(scenes, run), *choices, "data.samples_per_image=2")
    assert trained.returncode == 0, trained.stderr
    assert "rare classes: " in trained.stdout
    metrics = json.loads((run / "metrics.json").read_text())
    scored = command("evaluate.py", f"ckpt_path={run}/checkpoints/best.ckpt", f"output_dir={tmp_path}/scored")
    assert scored.returncode == 0, scored.stderr
    assert json.loads((tmp_path / "scored" / "metrics.json").read_text())["miou"] == metrics["miou"]
    whole = command("evaluate.py", f"ckpt_path={run}/checkpoints/best.ckpt", "data.sampling=whole")
    assert whole.returncode == 0, whole.stderr
    wrong = command("train.py", *small(scenes, tmp_path / "wrong"), *choices, "data.rare_classes=[dogs]")
    assert_one_line(wrong, "data.rare_classes: dogs not in the class table")
