from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from segdrone.model.losses.instance import InstanceLoss, InstanceTargets, instance_targets

THINGS = [1, 2]
IS_THING = torch.isin(torch.arange(256), torch.tensor(THINGS))


def targets(mask: Tensor, instances: Tensor) -> InstanceTargets:
    return instance_targets(mask, instances, IS_THING, 255)


def scene(seed: int, height: int = 12, width: int = 17) -> tuple[Tensor, Tensor]:
    """A batch of two noisy masks with every kind of pixel, and numbers that classes and images share."""
    rng = np.random.default_rng(seed)
    mask = rng.choice([0, 1, 2, 255], (2, height, width))
    return torch.from_numpy(mask).long(), torch.from_numpy(rng.integers(0, 4, mask.shape).astype(np.int32))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31))
def test_offsets_lead_to_the_mean_position_of_the_thing(seed: int) -> None:
    mask, instances = scene(seed)
    result = targets(mask, instances)
    for image in range(2):
        for class_id in THINGS:
            for number in (1, 2, 3):
                thing = (mask[image] == class_id) & (instances[image] == number)
                rows, columns = thing.nonzero(as_tuple=True)
                if len(rows):
                    ends = torch.stack([rows, columns]) + result.offsets[image][:, thing]
                    center = torch.stack([rows, columns]).float().mean(1, keepdim=True)
                    torch.testing.assert_close(ends, center.expand_as(ends))
    assert not result.offsets.permute(0, 2, 3, 1)[~result.numbered].any()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31))
def test_crowds_and_ignored_pixels_teach_no_centers(seed: int) -> None:
    mask, instances = scene(seed)
    result = targets(mask, instances)
    thing = torch.isin(mask, torch.tensor(THINGS))
    assert torch.equal(result.numbered, thing & (instances > 0))
    assert torch.equal(result.known, (mask == 0) | result.numbered)


def test_the_score_is_1_at_the_center_and_falls_with_the_size_of_the_thing() -> None:
    mask, instances = torch.zeros(1, 64, 96, dtype=torch.long), torch.zeros(1, 64, 96, dtype=torch.int32)
    mask[0, 5:10, 5:10], instances[0, 5:10, 5:10] = 1, 1
    mask[0, 30:61, 50:81], instances[0, 30:61, 50:81] = 2, 1
    centers = targets(mask, instances).centers[0]
    assert centers[7, 7] == centers[45, 65] == 1
    small, large = 2.5, 31 / 5
    assert centers[7, 9].item() == pytest.approx(np.exp(-4 / (2 * small**2)))
    assert centers[45, 75].item() == pytest.approx(np.exp(-100 / (2 * large**2)))


def test_a_thing_cut_by_the_border_has_the_center_of_its_visible_part() -> None:
    mask, instances = torch.zeros(1, 9, 9, dtype=torch.long), torch.zeros(1, 9, 9, dtype=torch.int32)
    mask[0, :3, :2], instances[0, :3, :2] = 1, 60_000
    result = targets(mask, instances)
    assert result.offsets[0, :, 0, 0].tolist() == [1.0, 0.5]
    assert result.centers[0].argmax() in (9, 10)


def test_what_equals_the_targets_costs_nothing() -> None:
    mask, instances = scene(0)
    result = targets(mask, instances)
    planes = torch.cat([result.centers[:, None], result.offsets], 1)
    loss = InstanceLoss(THINGS, 255)
    assert loss(planes, mask, instances) == 0
    in_sides = (2 / result.sides[result.numbered]).mean().item()
    assert loss(planes + 1, mask, instances).item() == pytest.approx(200 + 3 * in_sides)


def test_offsets_are_counted_in_sides_of_the_thing() -> None:
    mask, instances = torch.zeros(1, 24, 32, dtype=torch.long), torch.zeros(1, 24, 32, dtype=torch.int32)
    mask[0, 1:3, 1:3], instances[0, 1:3, 1:3] = 1, 1
    mask[0, 4:20, 8:24], instances[0, 4:20, 8:24] = 2, 1
    sides = targets(mask, instances).sides[0]
    assert sides[4, 8] == 16
    assert sides[1, 1] == sides[0, 0] == 8


@pytest.mark.parametrize("class_id", [0, 255])
def test_without_things_there_is_a_gradient_and_no_nan(class_id: int) -> None:
    mask = torch.full((1, 8, 8), class_id)
    planes = torch.ones(1, 3, 8, 8, requires_grad=True)
    loss = InstanceLoss(THINGS, 255)(planes, mask, torch.ones(1, 8, 8, dtype=torch.int32))
    loss.backward()
    assert loss.item() == (200 if class_id == 0 else 0)
    assert planes.grad is not None and planes.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_default_precision_changes_nothing(dtype: torch.dtype) -> None:
    """`trainer.precision=bf16-true` makes it that of the network."""
    mask, instances = scene(0)
    expected = targets(mask, instances)
    torch.set_default_dtype(dtype)
    try:
        result = targets(mask, instances)
    finally:
        torch.set_default_dtype(torch.float32)
    for found, known in zip(result, expected, strict=True):
        assert torch.equal(found, known) and found.dtype == known.dtype
