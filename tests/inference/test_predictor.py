from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from segdrone.classes import ClassTable
from segdrone.errors import CheckpointError, ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.predictor import _LEAST_OVERLAP
from segdrone.model import SegmentationModule
from segdrone.raster.pixels import resize_image

CLASSES = 5
TABLE = ClassTable(tuple("abcde"), tuple((50 * i, 0, 0) for i in range(CLASSES)))


class Local(nn.Module):
    """Convolutions that look `radius` pixels far."""

    class encoder:
        output_stride = 1

    def __init__(self, radius: int) -> None:
        super().__init__()
        side = 2 * radius + 1
        self.convolution = nn.Conv2d(3, CLASSES, side, padding=radius)
        nn.init.normal_(self.convolution.weight, std=2 / side)

    def forward(self, image: Tensor) -> Tensor:
        return self.convolution(image)


def module(radius: int = 0, **data: object) -> SegmentationModule:
    torch.manual_seed(0)
    known = {"root": ".", "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3], "classes": TABLE.to_dict(), **data}
    model = {"name": "unet", "encoder_name": "mobilenet_v2", "encoder_depth": 3, "decoder_channels": [8, 8, 8]}
    made = SegmentationModule(model, TABLE.to_dict(), known, {"train": [], "val": [], "test": []})
    if radius >= 0:
        made.network = Local(radius)
    return made


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def whole_probabilities(made: SegmentationModule, image: NDArray[np.uint8], seen: tuple[int, int]) -> Tensor:
    """The plain way: the network sees the photograph at once, all of its probabilities are resized."""
    resized = image if image.shape[:2] == seen else resize_image(image, seen, made.hparams["data"]["interpolation"])
    mean, std = (torch.tensor(made.hparams["data"][key]).view(3, 1, 1) for key in ("mean", "std"))
    tensor = (torch.from_numpy(resized.copy()).permute(2, 0, 1) / 255 - mean) / std
    with torch.inference_mode():
        probabilities = made(tensor[None].float()).softmax(1).double()  # where pixels lie is rounded too
        return nn.functional.interpolate(probabilities, image.shape[:2], mode="bilinear", align_corners=False)[0]


def assert_same(predictor: Predictor, image: NDArray[np.uint8], expected: Tensor, tolerance: float = 1e-5) -> None:
    """Every pixel is given once, by one of the most probable classes, with its probability."""
    given_to = torch.zeros(image.shape[:2], dtype=torch.int64)
    for block in predictor.blocks(image):
        height, width = block.classes.shape
        part = slice(block.top, block.top + height), slice(block.left, block.left + width)
        given_to[part] += 1
        chosen = expected[:, part[0], part[1]].gather(0, block.classes.long()[None])[0]
        assert (expected.amax(0)[part] - chosen).max() <= 2 * tolerance
        assert (block.confidence - chosen).abs().max() <= tolerance
    assert (given_to == 1).all()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_windows_give_what_the_whole_gives(data: st.DataObject) -> None:
    """For a network that looks no further than 3/8 of the overlap."""
    sides = st.one_of(st.integers(1, 90), st.sampled_from([2, 3, 31, 37, 53, 61, 89]))
    radius = data.draw(st.integers(0, 3), "radius")
    scale = data.draw(st.sampled_from([1.0, 1.0, 0.3, 0.5, 0.77, 1.0, 1.6]), "scale")
    window = tuple(data.draw(st.integers(20, 60), "window") for _ in range(2))
    looks = radius + (scale != 1)  # to the neighbour, for interpolation
    least = max((8 * looks / 3 + 3) / side for side in window)
    overlap = data.draw(st.floats(min(least, 0.9), 0.9), "overlap")
    height, width = (data.draw(st.one_of(sides, st.just(side + 1), st.just(side - 1)), "size") for side in window)
    made = module(radius, sampling="tiles", interpolation="area")
    predictor = Predictor(made, scale=scale, window=(window[0], window[1]), overlap=overlap, device="cpu")
    image = picture(height, width)
    assert_same(predictor, image, whole_probabilities(made, image, predictor.seen_size((height, width))))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_probabilities_of_windows_that_see_different_things_blend_without_a_jump(data: st.DataObject) -> None:
    """Each window gives one class alone: where two meet, the shares change by no more than a ramp's step."""
    overlap = data.draw(st.integers(8, 40), "overlap")
    made = module(sampling="tiles")
    predictor = Predictor(made, window=(50, 64), overlap=overlap / 64, device="cpu")
    seen = 0

    def one_class(images: Tensor) -> Tensor:
        nonlocal seen
        logits = torch.full((len(images), CLASSES, *images.shape[2:]), -50.0)
        logits[:, seen % 2] = 50
        seen += 1
        return logits

    made.forward = one_class  # type: ignore[method-assign]
    image = picture(50, 150)
    shares = np.zeros(150)
    for block in predictor.blocks(image):
        columns = slice(block.left, block.left + block.classes.shape[1])
        first = torch.where(block.classes == 0, block.confidence, 1 - block.confidence)
        assert (first == first[:1]).all()
        shares[columns] = first[0].numpy()
    assert seen >= 2
    assert np.abs(np.diff(shares)).max() <= 1 / (overlap // 4) + 1e-6
    assert shares[0] == 1


@pytest.mark.parametrize("augment", ["flips", "symmetries"])
def test_augmented_predictions_turn_and_mirror_with_the_photograph(augment: str) -> None:
    predictor = Predictor(module(2, sampling="tiles"), window=(96, 96), augment=augment, device="cpu")
    image = picture(96, 96)
    mask = predictor(image, confidence=True)
    mirrored = predictor(np.ascontiguousarray(image[:, ::-1]), confidence=True)
    assert_alike(mirrored.mask[:, ::-1], mask.mask)
    turned = predictor(np.rot90(image).copy(), confidence=True)
    if augment == "symmetries":
        assert_alike(np.rot90(turned.mask, -1), mask.mask)
    else:
        assert (np.rot90(turned.mask, -1) != mask.mask).mean() > 0.01
    plain = Predictor(module(2, sampling="tiles"), window=(96, 96), device="cpu")
    assert (plain(np.ascontiguousarray(image[:, ::-1])).mask[:, ::-1] != plain(image).mask).mean() > 0.01


def assert_alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
    """But for ties that rounding decides."""
    assert (first != second).mean() < 0.001


def test_scales_are_the_mean_of_windows_at_other_sizes() -> None:
    made, image = module(1, sampling="tiles"), picture(40, 56)
    both = next(Predictor(made, scales=(1, 0.5), device="cpu").blocks(image)).confidence
    tensor = torch.from_numpy((image / 255 - [0.4, 0.5, 0.6]) / [0.2, 0.25, 0.3]).permute(2, 0, 1).float()[None]
    with torch.inference_mode():
        half = nn.functional.interpolate(tensor, (20, 28), mode="bilinear", align_corners=False)
        smaller = nn.functional.interpolate(made(half).softmax(1), (40, 56), mode="bilinear", align_corners=False)
        expected = ((made(tensor).softmax(1) + smaller) / 2)[0].amax(0)
    torch.testing.assert_close(both.double(), expected.double(), atol=1e-5, rtol=0)


def test_the_training_scale_is_the_default() -> None:
    whole = Predictor(module(sampling="whole", image_size=[704, 1056]), device="cpu")
    assert whole.seen_size((4000, 6000)) == (704, 1056)
    assert whole.seen_size((6000, 4000)) == (1056, 704)
    assert whole.seen_size((1, 1)) == (862, 862)
    assert Predictor(module(sampling="crops", scale=0.25), device="cpu").seen_size((4000, 6000)) == (1000, 1500)
    assert Predictor(module(sampling="crops", scale=0.25), scale=1, device="cpu").seen_size((41, 61)) == (41, 61)
    assert Predictor(module(sampling="crops", scale=0.01), device="cpu").seen_size((3, 5)) == (1, 1)


@pytest.mark.parametrize("size", [(3000, 4000), (4000, 3000), (4000, 6000), (1, 700)])
def test_a_network_of_whole_photographs_sees_them_whole_whatever_their_shape(size: tuple[int, int]) -> None:
    made = module(sampling="whole", image_size=[256, 384])
    assert len(Predictor(made, device="cpu").windows(size)) == 1
    assert len(Predictor(made, device="cpu", window=(200, 200)).windows(size)) > 1
    asked = Predictor(made, device="cpu", window=(256, 384))  # which cuts photographs of another shape
    assert asked.settings != Predictor(made, device="cpu").settings


def test_windows_start_at_multiples_of_the_networks_stride_and_lie_evenly() -> None:
    made = module(-1, sampling="tiles", tile_size=[64, 64])  # of depth 3: a stride of 8
    windows = Predictor(made, device="cpu").windows((64, 300))
    lefts = [window.left for window in windows]
    assert lefts == [0, 48, 96, 144, 192, 236]
    halves = Predictor(made, scale=0.5, overlap=0, device="cpu").windows((64, 258))
    assert all(b.left - a.left <= 64 - _LEAST_OVERLAP for a, b in pairwise(halves))


def test_confidence_is_the_probability_of_the_class(tmp_path: Path) -> None:
    made, image = module(1, sampling="tiles"), picture(30, 50)
    expected = whole_probabilities(made, image, (30, 50))
    mask, confidence = Predictor(made, device="cpu")(image, confidence=True)
    assert (mask == expected.argmax(0).numpy()).mean() > 0.999
    assert confidence is not None
    assert np.abs(confidence / 255 - expected.amax(0).numpy()).max() < 0.5 / 255 + 1e-5
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    from_file = Predictor(made, device="cpu")(path)
    assert (from_file.mask == mask).all()
    assert from_file.confidence is None


def test_batches_change_nothing_and_progress_counts_windows() -> None:
    made, image = module(2, sampling="tiles"), picture(70, 100)
    told: list[tuple[int, int]] = []
    one = Predictor(made, window=(32, 32), device="cpu")(image, progress=lambda done, all_: told.append((done, all_)))
    several = Predictor(made, window=(32, 32), device="cpu", batch_size=5)(image)
    assert_alike(one.mask, several.mask)
    assert told == [(i + 1, len(told)) for i in range(len(told))]
    assert len(told) == len(Predictor(made, window=(32, 32), device="cpu").windows((70, 100)))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scale": 0}, "scale=0 "),
        ({"scale": float("nan")}, "scale=nan"),
        ({"window": (0, 5)}, "window="),
        ({"overlap": 0.95}, "overlap=0.95"),
        ({"augment": "all"}, "augment=all is unknown: choose one of none, flips, symmetries"),
        ({"scales": ()}, "scales="),
        ({"batch_size": 0}, "batch_size=0"),
        ({"window": 512}, "window=512 must be"),
        ({"window": [512]}, "window="),
        ({"scale": "x"}, "scale=x must be a number"),
        ({"overlap": None}, "overlap=None must be a number"),
        ({"scales": 1}, "scales=1 must be a list"),
        ({"device": "cpu:"}, "device=cpu: is unknown"),
        ({"device": "cuda:²"}, "device=cuda:² is unknown"),
        ({"device": "tpu"}, "device=tpu is unknown"),
        ({"device": "cuda:77"}, "device=cuda:77: torch sees"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=f"^{told}"):
        Predictor(module(), **{"device": "cpu", **options})


def test_what_is_no_photograph_is_refused(tmp_path: Path) -> None:
    predictor = Predictor(module(), device="cpu")
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(DataError, match="is no photograph"):
            predictor(wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="list is no photograph: give a path, or an array"):
        predictor([1, 2])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="does not exist"):
        predictor(tmp_path / "absent.jpg")
    with pytest.raises(CheckpointError, match="does not exist"):
        Predictor.from_checkpoint(tmp_path / "absent.ckpt")
