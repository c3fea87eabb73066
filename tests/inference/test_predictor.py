from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

from segdrone.classes import ClassTable
from segdrone.data.read import resize_image
from segdrone.inference import Predictor
from segdrone.model import SegmentationModule

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
        probabilities = made(tensor[None].float()).softmax(1)
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
