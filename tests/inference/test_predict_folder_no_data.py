from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.raster.decode import read_image
from tests.helpers.predictions import contents, predict, read_mask, summary
from tests.helpers.training import tiny_checkpoint


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.from_checkpoint(tiny_checkpoint(tmp_path_factory.mktemp("model") / "a.ckpt"), device="cpu")


@pytest.fixture
def transparent(all_scenes: Path, tmp_path: Path) -> Path:
    """The left third of the first photograph is transparent, the second one is opaque, the third one transparent."""
    (tmp_path / "transparent").mkdir()
    for name, scene, share in (("part", "000", 1 / 3), ("opaque", "001", 0), ("empty", "002", 1)):
        pixels = read_image(all_scenes / "original_images" / f"{scene}.jpg")
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
        alpha[:, : round(share * pixels.shape[1])] = 0
        Image.fromarray(np.dstack([pixels, alpha])).save(tmp_path / "transparent" / f"{name}.png")
    return tmp_path / "transparent"


def test_transparent_pixels_are_ignored_and_count_nowhere(
    predictor: Predictor, transparent: Path, tmp_path: Path
) -> None:
    names, out = predictor.table.names, tmp_path / "out"
    done = predict(predictor, [transparent], out, confidence=True, objects=names, progress=False)
    assert done == (3, 0, {})
    part, confidence = read_mask(out, "part"), np.asarray(Image.open(out / "confidence" / "part.png"))
    np.testing.assert_array_equal(part, predictor(transparent / "part.png").mask)
    assert (part[:, :32] == predictor.table.ignore_index).all() and (part[:, 32:] < len(names)).all()
    assert not confidence[:, :32].any() and confidence[:, 32:].all()
    colors = np.asarray(Image.open(out / "colours" / "part.png").convert("RGB"))
    assert (colors[:, :32] == 255).all()
    rows = summary(out)
    assert [row["no_data"] for row in rows.values()] == ["1.000000", "0.000000", "0.333333"]  # empty, opaque, part
    row = rows["part.png"]
    masks = np.concatenate([read_mask(out, name).ravel() for name in ("part", "opaque", "empty")])
    with_data = np.bincount(masks[masks < len(names)], minlength=len(names))
    with (out / "totals.csv").open(newline="") as file:
        shares = [float(total["share"]) for total in csv.DictReader(file)]
    assert shares == pytest.approx(list(with_data / with_data.sum()), abs=2e-6)
    for i, name in enumerate(names):
        assert float(row[f"share_{name}"]) == pytest.approx((part[:, 32:] == i).mean(), abs=1e-6)
    assert float(row["confidence"]) == pytest.approx(confidence[:, 32:].mean() / 255, abs=1e-6)
    assert sum(float(row[f"share_{name}"]) for name in names) == pytest.approx(1, abs=1e-5)
    instances = json.loads((out / "objects" / "part.json").read_text())["annotations"]
    assert sum(instance["area"] for instance in instances) == 64 * 64
    assert min(instance["bbox"][0] for instance in instances) >= 32
    empty = rows["empty.png"]
    assert {empty[f"share_{name}"] for name in names} == {"0.000000"} and empty["confidence"] == "0.000000"
    assert {empty[f"objects_{name}"] for name in names} == {"0"}
    assert (read_mask(out, "empty") == predictor.table.ignore_index).all()


def test_alpha_of_255_everywhere_gives_the_files_of_the_opaque_photograph(
    predictor: Predictor, transparent: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    Image.open(transparent / "opaque.png").convert("RGB").save(tmp_path / "plain" / "opaque.png")
    options: dict[str, Any] = {"confidence": True, "objects": predictor.table.names, "progress": False}
    predict(predictor, [transparent / "opaque.png"], tmp_path / "a", **options)
    predict(predictor, [tmp_path / "plain" / "opaque.png"], tmp_path / "b", **options)
    with_alpha, without = contents(tmp_path / "a"), contents(tmp_path / "b")
    digests = [summary(tmp_path / name)["opaque.png"]["digest"].encode() for name in ("a", "b")]
    for name in ("summary.csv", "manifest.jsonl"):
        with_alpha[name] = with_alpha[name].replace(digests[0], digests[1])  # the files differ
    assert with_alpha == without


def test_clean_up_leaves_pixels_without_data_ignored(predictor: Predictor, transparent: Path, tmp_path: Path) -> None:
    cleanup = Cleanup(min_area=60, fill_holes=60, refine=2)
    predict(predictor, [transparent / "part.png"], tmp_path / "out", cleanup=cleanup, progress=False)
    part = read_mask(tmp_path / "out", "part")
    np.testing.assert_array_equal(part == predictor.table.ignore_index, np.arange(96)[None].repeat(64, 0) < 32)
