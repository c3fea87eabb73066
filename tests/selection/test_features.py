from __future__ import annotations

import numpy as np
import pytest

from segdrone.inference import Predictor
from segdrone.raster import ArraySource
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.selection.features import color_features, encoder_features, has_encoder
from tests.helpers.exported import SPEC, random_pixels, small_network
from tests.helpers.picking import predictor
from tests.helpers.small_dataset import photograph


@pytest.mark.parametrize("config", ["fpn_mbv2", "fcn_resnet50", "segnet", "enet", "ddrnet", "dpt_vit_tiny"])
def test_every_network_describes_photographs(config: str) -> None:
    backend = TorchBackend(small_network(config), SPEC, device="cpu")
    one, other = random_pixels(2, 48, 64)
    features = backend.embed(np.stack([one, other]))
    assert features.ndim == 4
    assert len(features) == 2
    assert np.isfinite(features).all()
    assert not np.allclose(features[0], features[1])
    assert np.allclose(features[:1], backend.embed(one[None]), atol=1e-3)


def test_parts_are_described_by_their_own_pixels() -> None:
    backend = TorchBackend(small_network("fpn_mbv2"), SPEC, device="cpu")
    left, right = random_pixels(2, 96, 64)
    source = ArraySource(np.concatenate([left, right], axis=1))
    halves = np.array([[0, 0, 96, 64], [0, 64, 96, 64], [0, 0, 96, 128]])
    model = Predictor(backend, scale=1, window=(96, 64), overlap=0)
    assert has_encoder(model)
    found = encoder_features(model, source, halves)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1)
    alone = encoder_features(model, ArraySource(left), np.array([[0, 0, 96, 64]]))
    distances = np.linalg.norm(found - alone, axis=1)
    assert distances[0] < 0.01 < distances[2] < distances[1]


def test_colors_and_classes_stand_in_for_an_encoder() -> None:
    assert not has_encoder(predictor())
    images = [photograph(seed) for seed in (1, 2)]
    whole, shares = np.array([[0, 0, *images[0].shape[:2]]]), np.array([[0.2, 0.3, 0.5]])
    one, other = (color_features(ArraySource(image), whole, shares)[0] for image in images)
    brighter = color_features(ArraySource(np.minimum(images[0], 250) + np.uint8(5)), whole, shares)[0]
    assert np.linalg.norm(one - brighter) < np.linalg.norm(one - other) / 3
    changed = color_features(ArraySource(images[0]), whole, shares[:, ::-1])[0]
    assert np.linalg.norm(one - changed) == pytest.approx(2**0.5 * (0.5**0.5 - 0.2**0.5))


def test_colors_of_pixels_without_data_do_not_count() -> None:
    image, valid = photograph(1), np.ones((64, 96), np.bool_)
    valid[:, 60:] = False
    whole, shares = np.array([[0, 0, 64, 96]]), np.array([[0.2, 0.3, 0.5]])
    black, white = (
        color_features(ArraySource(np.where(valid[..., None], image, np.uint8(fill)), valid), whole, shares)
        for fill in (0, 255)
    )
    assert np.abs(black - white).max() < 0.02
