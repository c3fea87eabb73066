from typing import Any

import pytest
import torch

from segdrone.classes import DRONE
from segdrone.model import SegmentationModule
from tests.helpers.training import DATA


@pytest.fixture(scope="module")
def module() -> SegmentationModule:
    torch.manual_seed(0)
    return SegmentationModule({"name": "unet", "encoder_name": "mobilenet_v2"}, DRONE.to_dict(), DATA, {}).eval()


@pytest.mark.parametrize("size", [(64, 96), (65, 97), (31, 50)])
def test_logits_have_the_size_of_the_image(size: tuple[int, int], module: SegmentationModule) -> None:
    logits = module(torch.randn(2, 3, *size))
    assert logits.shape == (2, 23, *size)
    assert logits.dtype == torch.float32


def test_logits_have_full_precision_under_autocast(module: SegmentationModule) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module(torch.randn(1, 3, 64, 64)).dtype == torch.float32


def test_training_lowers_the_loss(module: SegmentationModule) -> None:
    network = SegmentationModule({"name": "unet", "encoder_name": "mobilenet_v2"}, DRONE.to_dict(), DATA, {})
    network.log = lambda *args, **kwargs: None  # type: ignore[method-assign]  # there is no trainer to log to
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    mask = torch.zeros(2, 64, 64, dtype=torch.long)
    mask[:, :, 32:] = 3
    batch: dict[str, Any] = {"image": mask[:, None].repeat(1, 3, 1, 1) / 3, "mask": mask, "id": ["a", "b"]}
    losses = []
    for step in range(8):
        loss = network.training_step(batch, step)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_hyper_parameters_are_plain_data(module: SegmentationModule) -> None:
    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
        if isinstance(value, list):
            return all(plain(inner) for inner in value)
        return value is None or type(value) in (str, int, float, bool)

    assert set(module.hparams) == {"model", "classes", "data", "splits", "split_by", "origin"}
    assert plain(dict(module.hparams))


def test_the_loss_of_an_epoch_is_the_mean_over_photographs(
    module: SegmentationModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "log", lambda *args, **kwargs: None)  # there is no trainer to log to
    image, mask = torch.randn(4, 3, 32, 32), torch.randint(0, 23, (4, 32, 32))
    with torch.no_grad():
        expected = [float(module.loss(module(image[[i]]), mask[[i]])) for i in range(4)]
    for rows, ids in (([0, 1, 2], ["a", "b", "c"]), ([3], ["d"]), ([0], [""])):  # an empty id is padding
        module.validation_step({"image": image[rows], "mask": mask[rows], "id": ids}, 0)
    assert module.epoch_loss("val").compute().item() == pytest.approx(sum(expected) / 4, rel=1e-4)
