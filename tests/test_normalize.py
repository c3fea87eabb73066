import numpy as np
import torch
from torchvision.transforms.functional import normalize

from segdrone.normalize import Normalize

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def image(height: int = 16, width: int = 48) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_values_are_those_of_torchvision() -> None:
    pixels = image()
    expected = normalize(torch.from_numpy(pixels).permute(2, 0, 1).float() / 255, [*MEAN], [*STD])
    result = Normalize(MEAN, STD)(pixels)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected.permute(1, 2, 0).numpy(), rtol=1e-6, atol=1e-6)


def test_every_value_of_every_channel_is_normalized() -> None:
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    expected = (np.arange(256)[:, None, None] / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(Normalize(MEAN, STD)(pixels), expected, rtol=1e-6)


def test_the_result_is_written_to_the_given_array() -> None:
    pixels, out = image(), np.zeros((16, 48, 3), np.float32)
    Normalize(MEAN, STD)(pixels, out=out)
    np.testing.assert_array_equal(out, Normalize(MEAN, STD)(pixels))
    assert out.any()


def test_a_crop_is_normalized_as_the_full_image_is() -> None:
    pixels = image()
    crop = pixels[3:9, 5:21]
    assert not crop.flags.c_contiguous
    np.testing.assert_array_equal(Normalize(MEAN, STD)(crop), Normalize(MEAN, STD)(pixels)[3:9, 5:21])
