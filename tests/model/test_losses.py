import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from segdrone.errors import ConfigError, DataError
from segdrone.model.losses import LOSSES, build_loss
from tests.helpers.commands import REPO

SUM = {"terms": {"ce": {"weight": 2.0, "label_smoothing": 0.1}, "lovasz": {"weight": 0.5}}}
SMOOTH = {"label_smoothing": 0.2, "class_weights": [1.0, 0.5, 3.0, 1.0]}
CASES: list[tuple[str, Mapping[str, Any]]] = [
    *((name, {}) for name in LOSSES), ("ce", SMOOTH), ("focal", {"gamma": 0.5}), ("sum", SUM),
]  # fmt: skip
every_loss = pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: value if value else "")


def _value_and_gradient(name: str, logits: Tensor, mask: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    logits = logits.detach().requires_grad_()
    loss = build_loss(name, ignore_index=255, **options)(logits, mask)
    loss.backward()
    assert loss.shape == ()
    assert logits.grad is not None
    return loss.detach(), logits.grad


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(2, 4, 6, 10, generator=torch.Generator().manual_seed(0)) * 2


@pytest.fixture
def mask() -> Tensor:
    """Classes 0, 1 and 3 of 4."""
    return torch.tensor([0, 1, 3])[torch.randint(0, 3, (2, 6, 10), generator=torch.Generator().manual_seed(1))]


@every_loss
def test_batch_without_labels_gives_loss_0_and_gradient_0(
    name: str, options: dict[str, Any], logits: Tensor, mask: Tensor
) -> None:
    loss, gradient = _value_and_gradient(name, logits, mask.fill_(255), **options)
    assert loss.item() == 0
    assert torch.equal(gradient, torch.zeros_like(gradient))


@every_loss
def test_ignored_pixels_have_no_effect(name: str, options: dict[str, Any], logits: Tensor, mask: Tensor) -> None:
    expected, expected_gradient = _value_and_gradient(name, logits[..., 3:], mask[..., 3:], **options)
    mask[..., :3] = 255
    loss, gradient = _value_and_gradient(name, logits, mask, **options)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradient, F.pad(expected_gradient, (3, 0)))


@every_loss
@pytest.mark.parametrize("label", [4, 200, -1])
def test_unknown_label_is_reported(
    name: str, options: dict[str, Any], label: int, logits: Tensor, mask: Tensor
) -> None:
    mask[0, 0], mask[1, 2, 3] = 255, label
    with pytest.raises(DataError, match=rf"labels \[{label}\].*neither one of the 4 classes.*id 255: fix") as caught:
        build_loss(name, ignore_index=255, **options)(logits, mask)
    assert "\n" not in str(caught.value)


@every_loss
def test_memory_layout_has_no_effect(name: str, options: dict[str, Any], logits: Tensor, mask: Tensor) -> None:
    mask[0, :2] = 255
    loss, gradient = _value_and_gradient(name, logits.contiguous(memory_format=torch.channels_last), mask, **options)
    plain_loss, plain_gradient = _value_and_gradient(name, logits.contiguous(), mask, **options)
    cropped_loss, cropped_gradient = _value_and_gradient(
        name, F.pad(logits, (0, 3, 0, 1))[..., :6, :10], mask, **options
    )
    assert loss == plain_loss == cropped_loss
    torch.testing.assert_close(gradient, plain_gradient, rtol=1e-6, atol=0)
    torch.testing.assert_close(cropped_gradient, plain_gradient, rtol=1e-6, atol=0)


@every_loss
def test_half_precision_logits_are_computed_in_float32(
    name: str, options: dict[str, Any], logits: Tensor, mask: Tensor
) -> None:
    half = logits.bfloat16()
    expected, _ = _value_and_gradient(name, half.float(), mask, **options)
    with torch.autocast("cpu", torch.bfloat16):
        loss, gradient = _value_and_gradient(name, half, mask, **options)
    assert loss.dtype == torch.float32
    assert loss == expected
    assert gradient.dtype == torch.bfloat16


def test_cross_entropy_is_the_mean_over_labeled_pixels() -> None:
    logits = torch.tensor([[[[0.0, 2.0, 9.0]], [[0.0, 0.0, -9.0]]]])
    mask = torch.tensor([[[0, 1, 255]]])
    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert build_loss("ce", ignore_index=255)(logits, mask).item() == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0, 0.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_equals_torch(
    weights: list[float] | None, smoothing: float, logits: Tensor, mask: Tensor
) -> None:
    mask[1, 3:] = 255
    loss, gradient = _value_and_gradient("ce", logits, mask, class_weights=weights, label_smoothing=smoothing)
    weight = None if weights is None else torch.tensor(weights)
    logits.requires_grad_()
    expected = F.cross_entropy(logits, mask, weight, ignore_index=255, label_smoothing=smoothing)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, logits.grad)


@pytest.mark.parametrize("value", [2, 255])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_tile_of_classes_with_weight_0_gives_loss_0(value: int, smoothing: float) -> None:
    loss = build_loss("ce", ignore_index=255, class_weights=[1.0, 1.0, 0.0], label_smoothing=smoothing)
    assert loss(torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), value)).item() == 0


def test_class_weights_work_in_true_half_precision(logits: Tensor, mask: Tensor) -> None:
    loss = build_loss("ce", ignore_index=255, class_weights=[0.5, 2.0, 1.0, 0.25], label_smoothing=0.2)
    expected = loss(logits.bfloat16(), mask)
    assert torch.equal(loss.bfloat16()(logits.bfloat16(), mask), expected)  # as trainer.precision=bf16-true does


def test_class_weights_are_not_in_the_checkpoint() -> None:
    assert build_loss("ce", ignore_index=255, class_weights=[1.0, 2.0]).state_dict() == {}


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [1.0, math.nan], [1.0, math.inf], [1.0, "two"]])
def test_invalid_class_weights_are_refused(weights: list[Any]) -> None:
    with pytest.raises(ConfigError, match="loss.class_weights="):
        build_loss("ce", ignore_index=255, class_weights=weights)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("dice", smp.losses.DiceLoss("multiclass", ignore_index=255)),
        ("jaccard", smp.losses.JaccardLoss("multiclass", ignore_index=255)),
        ("tversky", smp.losses.TverskyLoss("multiclass", ignore_index=255, alpha=0.3, beta=0.7)),
    ],
)
def test_region_losses_equal_smp_over_the_classes_that_occur(
    name: str, reference: torch.nn.Module, logits: Tensor, mask: Tensor
) -> None:
    mask[0, 1:3] = 255
    loss, gradient = _value_and_gradient(name, logits, mask)
    expected = (
        reference(logits.requires_grad_(), mask) * 4 / 3
    )  # smp counts the absent class as 0 and divides by all classes
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, logits.grad)


def test_lovasz_equals_smp(logits: Tensor, mask: Tensor) -> None:
    mask[0, 1:3] = 255
    loss, gradient = _value_and_gradient("lovasz", logits, mask)
    expected = smp.losses.LovaszLoss("multiclass", ignore_index=255)(logits.requires_grad_(), mask)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(gradient, logits.grad)


def test_lovasz_of_one_hot_predictions_is_1_minus_iou() -> None:
    prediction, mask = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 1, 1, 1]]])
    logits = F.one_hot(prediction, 3).permute(0, 3, 1, 2).float() * 100
    assert build_loss("lovasz", ignore_index=255)(logits, mask).item() == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_focal_loss_follows_its_formula(gamma: float, logits: Tensor, mask: Tensor) -> None:
    mask[1, 3:] = 255
    rows = zip(logits.permute(0, 2, 3, 1).reshape(-1, 4).tolist(), mask.flatten().tolist(), strict=True)
    losses = []
    for row, label in rows:
        if label != 255:
            p = math.exp(row[label]) / sum(map(math.exp, row))
            losses.append((1 - p) ** gamma * -math.log(p))
    loss = build_loss("focal", ignore_index=255, gamma=gamma)(logits, mask)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_of_a_certainly_right_pixel_has_a_finite_gradient(gamma: float) -> None:
    logits = torch.tensor([200.0, 0.0]).view(1, 2, 1, 1)
    loss, gradient = _value_and_gradient("focal", logits, torch.zeros(1, 1, 1, dtype=torch.long), gamma=gamma)
    assert loss.item() == 0
    assert gradient.isfinite().all()


def test_sums_over_millions_of_pixels_are_not_rounded_away() -> None:
    logits = torch.tensor([2.2, 0.0]).view(1, 2, 1, 1).expand(1, 2, 2048, 2048)
    mask = torch.zeros(1, 2048, 2048, dtype=torch.long)
    mask[:, :, 0] = 1
    p, rare = 1 / (1 + math.exp(-2.2)), 1 / 2048
    common = 2 * p * (1 - rare) / (p + 1 - rare), 2 * (1 - p) * rare / (1 - p + rare)
    loss = build_loss("dice", ignore_index=255)(logits, mask)
    assert loss.item() == pytest.approx(1 - sum(common) / 2, rel=1e-4)  # float32 added up in a row was 4 % off


@pytest.mark.parametrize("path", sorted((REPO / "conf" / "loss").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_of_conf_loss_can_be_built(path: Path, logits: Tensor, mask: Tensor) -> None:
    options = yaml.safe_load(path.read_text())
    weighted = options.get("terms", {}).get("ce", {})
    if weighted.get("class_weights") == "auto":  # a run counts the pixels of its masks
        weighted["class_weights"] = [1.0] * logits.shape[1]
    assert build_loss(**options, ignore_index=255)(logits, mask) > 0


def test_sum_weights_its_terms(logits: Tensor, mask: Tensor) -> None:
    ce, lovasz = (
        _value_and_gradient("ce", logits, mask, label_smoothing=0.1),
        _value_and_gradient("lovasz", logits, mask),
    )
    loss, gradient = _value_and_gradient("sum", logits, mask, **SUM)
    torch.testing.assert_close(loss, 2 * ce[0] + 0.5 * lovasz[0])
    torch.testing.assert_close(gradient, 2 * ce[1] + 0.5 * lovasz[1])


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("cf", {}, "loss.name=cf"),
        ("ce", {"gamma": 2.0}, "gamma"),
        ("ce", {"label_smoothing": 1.0}, "loss.label_smoothing=1.0"),
        ("focal", {"gamma": -1}, "loss.gamma=-1"),
        ("tversky", {"alpha": -0.1}, "loss.alpha=-0.1"),
        ("tversky", {"beta": 0.0}, "loss.beta=0.0"),
        ("sum", {}, "loss sum takes only terms"),
        ("sum", {"terms": {}}, "loss sum takes only terms"),
        ("sum", {"terms": {"ce": {}}, "weight": 1.0}, "loss sum takes only terms"),
        ("sum", {"terms": {"ce": {"weight": 0}}}, "loss.terms.ce.weight=0 "),
        ("sum", {"terms": {"ce": {"weight": "much"}}}, "loss.terms.ce.weight=much"),
        ("sum", {"terms": {"ce": 1.0}}, "loss.terms.ce=1.0"),
        ("sum", {"terms": {"sum": {"terms": {"ce": {}}}}}, "loss.terms.sum is unknown"),
        ("sum", {"terms": {"dice": {"gamma": 2.0}}}, "gamma"),
    ],
)
def test_invalid_options_are_reported(name: str, options: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=part) as caught:
        build_loss(name, ignore_index=255, **options)
    assert "\n" not in str(caught.value)
