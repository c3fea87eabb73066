"""Scores at the size of the masks."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.data import DataConfig, SegmentationDataModule
from segdrone.data.discovery.pairs import build_pair
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_mask
from segdrone.errors import ConfigError
from segdrone.evaluation import evaluate
from segdrone.evaluation.evaluator import Evaluator
from segdrone.evaluation.sliding_window import evaluate_sliding_window
from segdrone.inference import Predictor
from segdrone.raster import Channels
from segdrone.training import train
from tests.helpers.picking import TABLE, predictor
from tests.helpers.shared import make_once
from tests.helpers.small_run import Compose, compose_config, fit_config, small
from tests.helpers.tiff_files import Page, write_tiff

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def trained(all_scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the scenes of 64 x 96 pixels at half their size."""

    def train_once(run: Path) -> None:
        sizes = ["data.image_size=[32,48]", "data.test_image_size=[32,48]"]
        fit_config(compose_config("train", *small(all_scenes, run), *sizes))

    return make_once(tmp_path_factory, "trained_at_half_size", train_once)


def _evaluate(trained: Path, tmp_path: Path, *overrides: str) -> dict[str, object]:
    base = [f"ckpt_path={trained}/checkpoints/best.ckpt", f"output_dir={tmp_path}", "trainer=cpu"]
    return evaluate(compose_config("evaluate", *base, *overrides))


def test_every_labeled_pixel_of_the_masks_is_scored(trained: Path, all_scenes: Path) -> None:
    datamodule = SegmentationDataModule(DataConfig(root=str(all_scenes)))
    datamodule.setup("test")
    pairs, encoding = datamodule.splits["test"], datamodule.encoding
    predictor = Predictor.from_checkpoint(trained / "checkpoints" / "best.ckpt", device="cpu", window=(16, 24))
    evaluator = Evaluator(predictor.table, pictures=1)
    evaluate_sliding_window(evaluator, predictor, pairs, encoding)
    assert [*evaluator.counts] == [pair.id for pair in pairs]
    for pair in pairs:
        assert pair.mask is not None
        mask, predicted = read_mask(pair.mask, encoding), predictor(pair.image).mask
        known = mask != predictor.table.ignore_index
        expected = np.zeros((23, 23), np.int64)
        np.add.at(expected, (mask[known], predicted[known]), 1)
        assert (evaluator.counts[pair.id].confusion == expected).all()
        assert evaluator.counts[pair.id].confidence.sum() == known.sum()


def test_one_window_of_the_training_size_gives_the_scores_of_training_at_that_size(
    trained_run: Path, tmp_path: Path
) -> None:
    known = json.loads((trained_run / "metrics.json").read_text())  # of scenes at their own size
    scored = _evaluate(trained_run, tmp_path / "out", "inference=tiled")
    made_with = scored.pop("inference")
    assert isinstance(made_with, dict)
    assert made_with["window"] is None  # the whole photograph
    assert known.pop("inference") is None
    assert {**scored, "warnings": []} == {**known, "warnings": []}  # training warns about its own masks
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} >= {"best.png", "worst.png"}


def test_training_can_score_in_windows(small_config: Compose, tmp_path: Path) -> None:
    choices = ["inference=tiled", "inference.augment=flips"]
    train(small_config("data.image_size=[32,48]", "trainer.limit_train_batches=1", *choices))
    scored = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert scored["inference"]["augment"] == "flips"
    del scored["warnings"]  # of the training
    again = _evaluate(tmp_path / "run", tmp_path / "out", *choices)
    assert {key: value for key, value in again.items() if key != "warnings"} == scored


@pytest.mark.parametrize("choice", ["data.test_image_size=[64,96]", "data.sampling=tiles", "data.scale=0.5"])
def test_size_options_without_effect_are_refused(trained: Path, tmp_path: Path, choice: str) -> None:
    with pytest.raises(ConfigError, match=r"^data\.\w+ does nothing with inference=tiled: give inference\.scale"):
        _evaluate(trained, tmp_path, "inference=tiled", choice)


@pytest.mark.parametrize("kind", ["16 bits", "an alpha channel that is left out"])
def test_photographs_are_predicted_in_the_channels_that_they_are_scored_with(kind: str, tmp_path: Path) -> None:
    truth = np.repeat([[0, 1, 2]], 6, 0).repeat(3, 1).astype(np.uint8)
    pixels = np.eye(3)[truth][..., ::-1]  # in the order of blue, green, red
    image, mask = tmp_path / "a.tif", tmp_path / "a.png"
    Image.fromarray(truth).save(mask)
    if kind == "16 bits":
        write_tiff(image, Page((pixels * 4095).astype(np.uint16), photometric=2))
        channels = Channels((3, 2, 1), (0, 4095))
    else:
        hidden = np.where(truth == 1, 0, 255)[..., None]
        Image.fromarray(np.concatenate([pixels * 255, hidden], 2).astype(np.uint8)).save(image)
        channels = Channels((3, 2, 1))
    evaluator = Evaluator(TABLE, pictures=1)
    pair = build_pair("a", image, mask, channels)
    evaluate_sliding_window(evaluator, predictor(scale=1.0), [pair], MaskEncoding(TABLE))
    assert evaluator.counts["a"].confusion.tolist() == [[18, 0, 0], [0, 18, 0], [0, 0, 18]]
    (drawn,), _ = evaluator.best_and_worst()
    assert drawn.image is not None and (drawn.image == (pixels[..., ::-1] * 255)).all()
