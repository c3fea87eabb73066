from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from segdrone.errors import CheckpointError, ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.predictor import _MIN_OVERLAP
from segdrone.model.networks import build_network
from segdrone.raster import ArraySource
from segdrone.raster.pixels import resize_image
from segdrone.runtime.backend import OutOfMemory
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.windows import Size
from tests.helpers.local_network import CLASSES, TABLE, local_backend, local_network, model_spec

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def normalized(image: NDArray[np.uint8]) -> Tensor:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return ((torch.from_numpy(image.copy()).permute(2, 0, 1) / 255 - mean) / std)[None].float()


def whole_probabilities(radius: int, image: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """The plain way: the network gets the whole image at once, all of its probabilities are resized."""
    resized = image if image.shape[:2] == size else resize_image(image, size, "area")
    with torch.inference_mode():
        probabilities = local_network(radius)(normalized(resized)).softmax(1).double()  # exact coordinates
        return nn.functional.interpolate(probabilities, image.shape[:2], mode="bilinear", align_corners=False)[0]


def assert_same(predictor: Predictor, image: NDArray[np.uint8], expected: Tensor, tolerance: float = 1e-5) -> None:
    """Every pixel is covered once, by one of the most probable classes, with its probability."""
    covered = torch.zeros(image.shape[:2], dtype=torch.int64)
    for tile in predictor.tiles(predictor.open(image)):
        height, width = tile.classes.shape
        part = slice(tile.top, tile.top + height), slice(tile.left, tile.left + width)
        covered[part] += 1
        classes, confidence = torch.from_numpy(tile.classes), torch.from_numpy(tile.confidence)
        chosen = expected[:, part[0], part[1]].gather(0, classes.long()[None])[0]
        assert (expected.amax(0)[part] - chosen).max() <= 2 * tolerance
        assert (confidence - chosen).abs().max() <= tolerance
    assert (covered == 1).all()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_windows_give_the_same_as_the_whole_image(data: st.DataObject) -> None:
    """For a network that reaches no further than 3/8 of the overlap."""
    sides = st.one_of(st.integers(1, 90), st.sampled_from([2, 3, 31, 37, 53, 61, 89]))
    radius = data.draw(st.integers(0, 3), "radius")
    scale = data.draw(st.sampled_from([1.0, 1.0, 0.3, 0.5, 0.77, 1.0, 1.6]), "scale")
    window = tuple(data.draw(st.integers(20, 60), "window") for _ in range(2))
    reach = radius + (scale != 1)  # interpolation adds the neighbor
    least = max((8 * reach / 3 + 3) / side for side in window)
    overlap = data.draw(st.floats(min(least, 0.9), 0.9), "overlap")
    height, width = (data.draw(st.one_of(sides, st.just(side + 1), st.just(side - 1)), "size") for side in window)
    backend = local_backend(radius, sampling="tiles", interpolation="area")
    predictor = Predictor(backend, scale=scale, window=(window[0], window[1]), overlap=overlap)
    image = picture(height, width)
    assert_same(predictor, image, whole_probabilities(radius, image, predictor.network_size((height, width))))


class OneClassPerWindow:
    """A backend that is sure of class 0 in every second window and of class 1 in the others."""

    spec = model_spec(sampling="tiles")
    stride, device, batch_size = (1, 1), "cpu", 1
    window: Size | None = None
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        self.windows = 0

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        probabilities = np.zeros((len(windows), CLASSES, *windows.shape[1:3]), np.float32)
        probabilities[:, self.windows % 2] = 1
        self.windows += 1
        return probabilities


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 40))
def test_probabilities_of_different_windows_blend_without_a_jump(overlap: int) -> None:
    """Where two windows meet, probabilities change by no more than a ramp's step."""
    backend = OneClassPerWindow()
    predictor = Predictor(backend, window=(50, 64), overlap=overlap / 64)
    first = np.zeros(150)
    for tile in predictor.tiles(predictor.open(picture(50, 150))):
        columns = slice(tile.left, tile.left + tile.classes.shape[1])
        probability = np.where(tile.classes == 0, tile.confidence, 1 - tile.confidence)
        assert (probability == probability[:1]).all()
        first[columns] = probability[0]
    assert backend.windows >= 2
    assert np.abs(np.diff(first)).max() <= 1 / (overlap // 4) + 1e-6
    assert first[0] == 1


@pytest.mark.parametrize("augment", ["flips", "symmetries"])
def test_augmented_predictions_turn_and_flip_with_the_image(augment: str) -> None:
    backend, image = local_backend(2, sampling="tiles"), picture(96, 96)
    predictor = Predictor(backend, window=(96, 96), augment=augment)
    mask = predictor(image, confidence=True)
    mirrored = predictor(np.ascontiguousarray(image[:, ::-1]), confidence=True)
    assert_almost_equal(mirrored.mask[:, ::-1], mask.mask)
    turned = predictor(np.rot90(image).copy(), confidence=True)
    if augment == "symmetries":
        assert_almost_equal(np.rot90(turned.mask, -1), mask.mask)
    else:
        assert (np.rot90(turned.mask, -1) != mask.mask).mean() > 0.01
    plain = Predictor(backend, window=(96, 96))
    assert (plain(np.ascontiguousarray(image[:, ::-1])).mask[:, ::-1] != plain(image).mask).mean() > 0.01


def assert_almost_equal(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> None:
    """Except for ties that rounding decides."""
    assert (first != second).mean() < 0.001


def test_scales_are_the_mean_of_windows_at_other_sizes() -> None:
    image = picture(40, 56)
    predictor = Predictor(local_backend(1, sampling="tiles"), scales=(1, 0.5))
    both = next(predictor.tiles(predictor.open(image))).confidence
    network = local_network(1)
    with torch.inference_mode():
        half = normalized(resize_image(image, (20, 28), "linear"))
        unrounded = nn.functional.interpolate(normalized(image), (20, 28), mode="bilinear", align_corners=False)
        for smaller, tolerance in ((half, 1e-5), (unrounded, 0.02)):
            enlarged = nn.functional.interpolate(network(smaller).softmax(1), (40, 56), mode="bilinear")
            expected = ((network(normalized(image)).softmax(1) + enlarged) / 2)[0].amax(0)
            np.testing.assert_allclose(both, expected.numpy(), atol=tolerance, rtol=0)


def test_the_training_scale_is_the_default() -> None:
    whole = Predictor(local_backend(sampling="whole", training_size=(704, 1056)))
    assert whole.network_size((4000, 6000)) == (704, 1056)
    assert whole.network_size((6000, 4000)) == (1056, 704)
    assert whole.network_size((1, 1)) == (862, 862)
    assert Predictor(local_backend(sampling="crops", scale=0.25)).network_size((4000, 6000)) == (1000, 1500)
    assert Predictor(local_backend(sampling="crops", scale=0.25), scale=1).network_size((41, 61)) == (41, 61)
    assert Predictor(local_backend(sampling="crops", scale=0.01)).network_size((3, 5)) == (1, 1)


@pytest.mark.parametrize("size", [(3000, 4000), (4000, 3000), (4000, 6000), (1, 700)])
def test_a_model_trained_on_whole_images_gets_them_whole_whatever_their_shape(size: tuple[int, int]) -> None:
    backend = local_backend(sampling="whole", training_size=(256, 384))
    assert len(Predictor(backend).windows(size)) == 1
    assert len(Predictor(backend, window=(200, 200)).windows(size)) > 1
    explicit = Predictor(backend, window=(256, 384))  # which cuts images of another shape
    assert explicit.settings != Predictor(backend).settings


def test_windows_start_at_multiples_of_the_networks_stride_at_even_distances() -> None:
    network = build_network(
        "unet", encoder_name="mobilenet_v2", encoder_depth=3, decoder_channels=[8, 8, 8], classes=CLASSES
    )  # of depth 3: a stride of 8
    backend = TorchBackend(network, model_spec(sampling="tiles", training_size=(64, 64)), device="cpu")
    windows = Predictor(backend).windows((64, 300))
    lefts = [window.left for window in windows]
    assert lefts == [0, 48, 96, 144, 192, 236]
    halves = Predictor(backend, scale=0.5, overlap=0).windows((64, 258))
    assert all(b.left - a.left <= 64 - _MIN_OVERLAP for a, b in pairwise(halves))


def test_confidence_is_the_probability_of_the_class(tmp_path: Path) -> None:
    backend, image = local_backend(1, sampling="tiles"), picture(30, 50)
    expected = whole_probabilities(1, image, (30, 50))
    mask, confidence, *_ = Predictor(backend)(image, confidence=True)
    assert (mask == expected.argmax(0).numpy()).mean() > 0.999
    assert confidence is not None
    assert np.abs(confidence / 255 - expected.amax(0).numpy()).max() < 0.5 / 255 + 1e-5
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    from_file = Predictor(backend)(path)
    assert (from_file.mask == mask).all()
    assert from_file.confidence is None


def test_batches_change_nothing_and_progress_counts_windows() -> None:
    backend, image = local_backend(2, sampling="tiles"), picture(70, 100)
    calls: list[tuple[int, int]] = []
    one = Predictor(backend, window=(32, 32))(image, progress=lambda done, total: calls.append((done, total)))
    several = Predictor(backend, window=(32, 32), batch_size=5)(image)
    assert_almost_equal(one.mask, several.mask)
    assert calls == [(i + 1, len(calls)) for i in range(len(calls))]
    assert len(calls) == len(Predictor(backend, window=(32, 32)).windows((70, 100)))


class SmallMemory:
    """A backend that has memory for a number of windows."""

    stride, device = (1, 1), "cuda:3"
    window: Size | None = None
    settings: ClassVar[dict[str, Any]] = {}

    def __init__(self, memory: int) -> None:
        self.memory, self.inner = memory, local_backend(1, sampling="tiles")
        self.spec, self.batch_size = self.inner.spec, 8
        self.batches: list[int] = []

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(windows))
        if len(windows) > self.memory:
            raise OutOfMemory("too many windows")
        return self.inner(windows)


def test_batches_are_halved_until_they_fit_the_devices_memory() -> None:
    backend, image = SmallMemory(3), picture(32, 200)
    predictor = Predictor(backend, window=(32, 32))
    assert_almost_equal(predictor(image).mask, Predictor(backend.inner, window=(32, 32))(image).mask)
    assert backend.batches == [8, 4, 2, 2, 2, 2]
    backend.batches.clear()
    predictor(image)
    assert max(backend.batches) == 2
    with pytest.raises(ConfigError, match="cuda:3 has no memory for a window of 32 x 32: give a smaller window"):
        Predictor(SmallMemory(0), window=(32, 32))(image)


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_pixels_without_data_are_ignored_and_the_others_are_as_before(scale: float) -> None:
    image = picture(70, 100)
    predictor = Predictor(local_backend(1, sampling="tiles"), scale=scale, window=(32, 32))
    valid = np.ones((70, 100), np.bool_)
    valid[10:40, 25:] = False
    expected = predictor(image, confidence=True)
    mask, confidence, *_ = predictor(ArraySource(image, valid), confidence=True)
    assert expected.confidence is not None and confidence is not None
    np.testing.assert_array_equal(mask, np.where(valid, expected.mask, TABLE.ignore_index))
    np.testing.assert_array_equal(confidence, np.where(valid, expected.confidence, 0))


def test_an_image_without_any_data_is_all_ignored() -> None:
    source = ArraySource(picture(7, 9), np.zeros((7, 9), np.bool_))
    mask, confidence, *_ = Predictor(local_backend())(source, confidence=True)
    assert (mask == TABLE.ignore_index).all()
    assert confidence is not None and not confidence.any()


@pytest.mark.parametrize(
    ("options", "message"),
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
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        Predictor(local_backend(), **options)


def test_what_is_not_an_image_is_refused(tmp_path: Path) -> None:
    predictor = Predictor(local_backend())
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(DataError, match=r"is not an image: give uint8 \[H, W, 3\]"):
            predictor(wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="list is not an image: give a path, or an array"):
        predictor([1, 2])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="does not exist"):
        predictor(tmp_path / "absent.jpg")
    with pytest.raises(CheckpointError, match="does not exist"):
        Predictor.from_checkpoint(tmp_path / "absent.ckpt")
