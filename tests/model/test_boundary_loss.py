import numpy as np
import pytest
import torch
from torch import Tensor

from segdrone.model.losses import build_loss
from segdrone.model.losses.boundary import signed_distances

loss = build_loss("boundary", ignore_index=255)


def _logits(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_value_by_hand() -> None:
    probabilities = torch.tensor([[0.9, 0.6, 0.3, 0.2], [0.1, 0.4, 0.7, 0.8]])
    mask = torch.tensor([[[0, 0, 1, 1]]])
    # Signed distances to the boundary, in pixels: class 0: -1.5 -0.5 0.5 1.5, class 1: 1.5 0.5 -0.5 -1.5.
    errors = 1.5 * 2 * 0.1 + 0.5 * 2 * 0.4 + 0.5 * 2 * 0.3 + 1.5 * 2 * 0.2
    expected = errors / 4 / 2  # the mean over 4 pixels, in units of sqrt(4) pixels
    assert loss(probabilities.log().view(1, 2, 1, 4), mask).item() == pytest.approx(expected)


def test_distances_are_euclidean_and_measured_across_ignored_pixels() -> None:
    rng = np.random.default_rng(0)
    mask = rng.integers(-1, 3, (7, 9))
    labeled = np.argwhere(mask >= 0)
    expected = np.zeros((4, 7, 9))
    for index in range(3):
        for row, column in labeled:
            own = mask[row, column] == index
            others = [(r, c) for r, c in labeled if (mask[r, c] == index) != own]
            distance = min(np.hypot(r - row, c - column) for r, c in others) - 0.5
            expected[index, row, column] = -distance if own else distance
    np.testing.assert_allclose(signed_distances(mask, 4), expected / np.sqrt(len(labeled)), rtol=1e-6)


def test_an_ignored_area_forms_no_boundary() -> None:
    mask = np.zeros((5, 8), np.int64)
    mask[:, 6:] = 1
    plain = signed_distances(mask, 2) * np.sqrt(40)
    mask[:, 2:5] = -1
    maps = signed_distances(mask, 2) * np.sqrt(25)
    np.testing.assert_allclose(maps[:, mask >= 0], plain[:, mask >= 0], rtol=1e-6)
    assert not maps[:, mask < 0].any()


@pytest.mark.parametrize("value", [0, 1, 255])
def test_an_image_of_one_class_has_no_boundary(value: int) -> None:
    logits = _logits(1, 3, 4, 6).requires_grad_()
    result = loss(logits, torch.full((1, 4, 6), value))
    result.backward()
    assert result.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_an_absent_class_adds_nothing() -> None:
    mask = torch.randint(0, 2, (1, 6, 8), generator=torch.Generator().manual_seed(0))
    maps = signed_distances(mask[0].numpy(), 5)
    assert not maps[2:].any()
    assert np.array_equal(maps[:2], signed_distances(mask[0].numpy(), 2))


def test_a_perfect_prediction_has_loss_0_and_errors_far_from_the_boundary_cost_more() -> None:
    mask = torch.zeros(1, 16, 32, dtype=torch.long)
    mask[:, :, 16:] = 1

    def value(prediction: Tensor) -> float:
        logits = 100.0 * torch.nn.functional.one_hot(prediction, 2).permute(0, 3, 1, 2)
        return float(loss(logits, mask))

    near, far = mask.clone(), mask.clone()
    near[:, :, 14:16] = 1
    far[:, :, 0:2] = 1
    assert value(mask) == pytest.approx(0, abs=1e-7)
    assert 0 < 5 * value(near) < value(far)


def test_the_loss_does_not_grow_with_the_image() -> None:
    mask = torch.zeros(1, 12, 12, dtype=torch.long)
    mask[:, 3:9, 3:9] = 1
    logits = _logits(1, 2, 12, 12)
    enlarged = [x.repeat_interleave(8, -1).repeat_interleave(8, -2) for x in (logits, mask)]
    assert float(loss(*enlarged)) == pytest.approx(float(loss(logits, mask)), rel=0.05)


def test_the_gradient_is_that_of_finite_differences() -> None:
    logits, mask = _logits(2, 3, 4, 5).requires_grad_(), torch.randint(0, 3, (2, 4, 5))
    mask[1, :2] = 255
    loss(logits, mask).backward()
    assert logits.grad is not None
    direction = _logits(2, 3, 4, 5, seed=1)
    with torch.no_grad():
        slope = (loss(logits + 0.01 * direction, mask) - loss(logits - 0.01 * direction, mask)) / 0.02
    assert float((logits.grad * direction).sum()) == pytest.approx(float(slope), rel=1e-2)
    assert not logits.grad[1, :, :2].any()


def test_a_step_down_the_gradient_lowers_the_loss() -> None:
    mask = torch.zeros(1, 8, 8, dtype=torch.long)
    mask[:, 2:6, 2:6] = 1
    logits = torch.zeros(1, 2, 8, 8, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=50.0)
    values = []
    for _ in range(50):
        optimizer.zero_grad()
        value = loss(logits, mask)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values == sorted(values, reverse=True)
    assert torch.equal(logits.detach().argmax(1), mask)


def test_a_batch_is_the_mean_over_its_labeled_pixels() -> None:
    logits, mask = _logits(2, 3, 4, 6), torch.randint(0, 3, (2, 4, 6), generator=torch.Generator().manual_seed(2))
    mask[1, :, 3:] = 255
    first, second = (float(loss(logits[i : i + 1], mask[i : i + 1])) for i in range(2))
    assert float(loss(logits, mask)) == pytest.approx((first * 24 + second * 12) / 36, rel=1e-5)
