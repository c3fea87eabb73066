"""Scores of models beside the first one, on photographs whose colors are their classes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.errors import CheckpointError, DataError
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.metrics_files import NamedCounts
from segdrone.evaluation.scores import score
from segdrone.evaluation.sliding_window import evaluate_sliding_window
from segdrone.export.parity import NOT_SCORED, compare_models, time_in_turns
from segdrone.export.parity_report import most_lost, print_parity
from segdrone.inference import Predictor
from segdrone.runtime.backend import Backend
from segdrone.spec import ModelSpec
from segdrone.windows import Size

TABLE = ClassTable(("road", "grass", "roof"), ((200, 20, 20), (20, 200, 20), (20, 20, 200)))
SIZE = (24, 36)
NAMES = [f"{number:02d}" for number in range(24)]


class ColorModel:
    """A finished model: the class of a pixel is that of its largest color, less an error per class."""

    stride: Size = (1, 1)
    device, batch_size = "cpu", 4
    window: Size | None = None
    spec = ModelSpec(TABLE, (0.5,) * 3, (0.5,) * 3, training_size=(16, 16), sampling="tiles")

    def __init__(self, errors: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
        self.errors = np.array(errors, np.float32)
        self.settings: dict[str, Any] = {}

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = windows.astype(np.float32) / 50 - self.errors
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        return np.ascontiguousarray((odds / odds.sum(-1, keepdims=True)).transpose(0, 3, 1, 2), np.float32)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> SegmentationDataModule:
    """Photographs of noisy colors with ignored pixels in their masks, all in the validation split."""
    root, rng = tmp_path_factory.mktemp("colors"), np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for name in NAMES:
        mask = rng.integers(0, 3, (6, 9), np.uint8).repeat(4, 0).repeat(4, 1)
        colors = np.array(TABLE.colours)[mask] + rng.normal(0, 60, (*SIZE, 3))
        Image.fromarray(colors.clip(0, 255).astype(np.uint8)).save(root / "images" / f"{name}.png")
        mask[:2] = 255
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
    (root / "classes.csv").write_text("name,r,g,b\nroad,200,20,20\ngrass,20,200,20\nroof,20,20,200\n")
    options = {"root": str(root), "classes": str(root / "classes.csv")}
    datamodule = SegmentationDataModule(DataConfig(**options), ids={"val": NAMES})
    datamodule.setup("test")
    return datamodule


def compare(
    photographs: SegmentationDataModule, others: Mapping[str, Backend], number: int = len(NAMES)
) -> dict[str, Any]:
    pairs = photographs.splits["val"][:number]
    return compare_models({"checkpoint": ColorModel(), **others}, pairs, photographs.encoding, progress=False)


def test_the_same_model_is_as_good_and_differs_nowhere(photographs: SegmentationDataModule) -> None:
    rows = compare(photographs, {"same": ColorModel()})
    same = rows["same"]
    assert (same["verdict"], same["agreement"], same["largest_difference"]) == ("as good", 1.0, 0.0)
    assert same["scores"] == rows["checkpoint"]["scores"]
    assert {row["difference"] for row in same["comparison"]["classes"]} == {0.0}
    assert rows["checkpoint"]["comparison"] is rows["checkpoint"]["agreement"] is rows["checkpoint"]["verdict"] is None


def test_scores_are_those_of_an_evaluation_in_windows(photographs: SegmentationDataModule) -> None:
    damaged = ColorModel((0.0, 0.0, 2.5))
    evaluator = Evaluator(TABLE, 0)
    evaluate_sliding_window(evaluator, Predictor(damaged), photographs.splits["val"], photographs.encoding)
    expected = score(NamedCounts.of(evaluator.counts, TABLE).counts)
    row = compare(photographs, {"damaged": damaged})["damaged"]
    assert row["scores"] == pytest.approx(expected.overall)
    assert [*row["iou"].values()] == pytest.approx(list(expected.classes["iou"]))


def test_differences_are_those_of_all_windows_and_pixels(photographs: SegmentationDataModule) -> None:
    first, second = ColorModel(), ColorModel((0.1, 0.0, 0.4))
    apart, equal = [], []
    for pair in photographs.splits["val"]:
        pixels = np.asarray(Image.open(pair.image))[None]
        one, other = first(pixels), second(pixels)
        apart.append(np.abs(one - other).max())
        equal.append(one.argmax(1) == other.argmax(1))
    row = compare(photographs, {"second": second})["second"]
    assert row["largest_difference"] == pytest.approx(max(apart), rel=1e-5)
    assert 0 < 1 - np.mean(equal) == pytest.approx(1 - row["agreement"], abs=2e-3)  # windows are blended


def test_planes_of_an_instance_head_are_no_probabilities(photographs: SegmentationDataModule) -> None:
    class Instances(ColorModel):
        spec = replace(ColorModel.spec, classes=replace(TABLE, things=("roof",)), instances=True)

        def __init__(self, arrows: float) -> None:
            super().__init__()
            self.arrows = arrows

        def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
            planes = np.full((len(windows), 3, *windows.shape[1:3]), self.arrows, np.float32)
            return np.concatenate([super().__call__(windows), planes], 1)

    models = {"checkpoint": Instances(20.0), "other": Instances(23.0)}
    row = compare_models(models, photographs.splits["val"][:2], photographs.encoding, progress=False)["other"]
    assert (row["largest_difference"], row["agreement"]) == (0.0, 1.0)


def test_a_damaged_model_is_worse_and_its_class_is_named(photographs: SegmentationDataModule) -> None:
    damage = {"road": (2.5, 0.0, 0.0), "grass": (0.0, 2.5, 0.0), "roof": (0.0, 0.0, 2.5)}
    rows = compare(photographs, {"same": ColorModel(), **{name: ColorModel(errors) for name, errors in damage.items()}})
    assert rows["same"]["verdict"] == "as good"
    for name in damage:
        assert rows[name]["verdict"] == "worse"
        assert rows[name]["agreement"] < 0.95
        lost = most_lost(rows[name])
        assert lost[0]["name"] == name
        assert lost[0]["verdict"] == "worse"


def test_a_slightly_damaged_model_is_as_good(photographs: SegmentationDataModule) -> None:
    row = compare(photographs, {"slight": ColorModel((0.0, 0.0, 0.01))})["slight"]
    assert 0 < row["largest_difference"] < 0.01
    assert row["verdict"] == "as good"


def test_a_model_that_overflows_is_named(photographs: SegmentationDataModule) -> None:
    broken = ColorModel((0.0, float("nan"), 0.0))
    with pytest.raises(CheckpointError, match=r"^onnx-fp16 does not predict the photographs: .* not a number"):
        compare(photographs, {"onnx": ColorModel(), "onnx-fp16": broken})


def test_one_photograph_gives_scores_and_no_verdict(photographs: SegmentationDataModule) -> None:
    row = compare(photographs, {"damaged": ColorModel((0.0, 0.0, 2.5))}, number=1)["damaged"]
    assert row["scores"]["miou"] < 1
    assert row["comparison"] is row["verdict"] is None


def test_a_mask_of_another_size_is_refused(photographs: SegmentationDataModule, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "small.png")
    other = replace(photographs.splits["val"][0], mask=tmp_path / "small.png")
    with pytest.raises(DataError, match=r"small\.png differs in size"):
        compare_models({"checkpoint": ColorModel()}, [other], photographs.encoding, progress=False)


def test_models_take_turns_and_a_slow_one_is_slower() -> None:
    calls: list[str] = []

    class Noted(ColorModel):
        def __init__(self, name: str, repeats: int) -> None:
            super().__init__()
            self.name, self.repeats = name, repeats

        def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
            calls.append(self.name)
            for _ in range(self.repeats):
                result = super().__call__(windows)
            return result

    fast, slow = time_in_turns([Noted("a", 1), Noted("b", 20)], (64, 64))
    assert calls[:4] == ["a", "b", "a", "b"]
    assert 0 < fast < slow


def cost(name: str) -> dict[str, Any]:
    return {"name": name, "file": f"best.{name}", "bytes": 1_200_000, "seconds": 0.0125, "memory": None}


def test_the_screen_shows_verdicts_and_lost_classes(
    photographs: SegmentationDataModule, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    rows = compare(photographs, {"damaged": ColorModel((0.0, 0.0, 2.5))}, number=4)
    models = [{**cost(name), **row} for name, row in rows.items()]
    models.append({**cost("coreml"), **NOT_SCORED, "seconds": None})
    print_parity({"models": models, "photographs": 4, "timed_size": [16, 24], "warnings": ["too few [photographs]"]})
    shown = capsys.readouterr().out
    assert f"{rows['checkpoint']['scores']['miou']:.4f}" in shown
    assert "damaged lost most: roof -0." in shown
    assert "worse" in shown
    assert "not run here" in shown
    assert "24 x 16 pixels" in shown
    assert "warning: too few [photographs]" in shown
    assert "nothing was compared" not in shown


def test_the_screen_says_that_nothing_was_compared(capsys: pytest.CaptureFixture[str]) -> None:
    models = [{**cost(name), **NOT_SCORED} for name in ("checkpoint", "onnx")]
    print_parity({"models": models, "photographs": 0, "timed_size": [16, 24], "warnings": []})
    shown = capsys.readouterr().out
    assert "nothing was compared on photographs" in shown
    assert "12.5" in shown
    assert "mIoU" not in shown
