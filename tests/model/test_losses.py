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
from tests.conftest import REPO

SUM = {"terms": {"ce": {"weight": 2.0, "label_smoothing": 0.1}, "lovasz": {"weight": 0.5}}}
SMOOTH = {"label_smoothing": 0.2, "class_weights": [1.0, 0.5, 3.0, 1.0]}
CHOICES: list[tuple[str, Mapping[str, Any]]] = [
    *((name, {}) for name in LOSSES), ("ce", SMOOTH), ("focal", {"gamma": 0.5}), ("sum", SUM),
]  # fmt: skip
every_loss = pytest.mark.parametrize(("name", "options"), CHOICES, ids=lambda value: value if value else "")


def _value_and_slope(name: str, logits: Tensor, mask: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
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
def test_a_batch_with_nothing_to_learn_gives_loss_0_and_gradient_0(
    name: str, options: dict[str, Any], logits: Tensor, mask: Tensor
) -> None:
    loss, slope = _value_and_slope(name, logits, mask.fill_(255), **options)
    assert loss.item() == 0
    assert torch.equal(slope, torch.zeros_like(slope))


@every_loss
def test_ignored_pixels_count_for_nothing(name: str, options: dict[str, Any], logits: Tensor, mask: Tensor) -> None:
    expected, slope = _value_and_slope(name, logits[..., 3:], mask[..., 3:], **options)
    mask[..., :3] = 255
    loss, of_all = _value_and_slope(name, logits, mask, **options)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(of_all, F.pad(slope, (3, 0)))


@every_loss
@pytest.mark.parametrize("label", [4, 200, -1])
def test_a_label_that_the_table_does_not_know_is_named(
    name: str, options: dict[str, Any], label: int, logits: Tensor, mask: Tensor
) -> None:
    mask[0, 0], mask[1, 2, 3] = 255, label
    with pytest.raises(DataError, match=rf"labels \[{label}\].*neither one of the 4 classes.*id 255: fix") as caught:
        build_loss(name, ignore_index=255, **options)(logits, mask)
    assert "\n" not in str(caught.value)


@every_loss
def test_the_memory_layout_changes_nothing(name: str, options: dict[str, Any], logits: Tensor, mask: Tensor) -> None:
    mask[0, :2] = 255
    loss, slope = _value_and_slope(name, logits.contiguous(memory_format=torch.channels_last), mask, **options)
    plain_loss, plain_slope = _value_and_slope(name, logits.contiguous(), mask, **options)
    cut_loss, cut_slope = _value_and_slope(name, F.pad(logits, (0, 3, 0, 1))[..., :6, :10], mask, **options)
    assert loss == plain_loss == cut_loss
    torch.testing.assert_close(slope, plain_slope, rtol=1e-6, atol=0)
    torch.testing.assert_close(cut_slope, plain_slope, rtol=1e-6, atol=0)


@every_loss
def test_half_precision_logits_are_weighed_in_float32(
    name: str, options: dict[str, Any], logits: Tensor, mask: Tensor
) -> None:
    half = logits.bfloat16()
    expected, _ = _value_and_slope(name, half.float(), mask, **options)
    with torch.autocast("cpu", torch.bfloat16):
        loss, slope = _value_and_slope(name, half, mask, **options)
    assert loss.dtype == torch.float32
    assert loss == expected
    assert slope.dtype == torch.bfloat16


def test_cross_entropy_is_the_mean_over_labelled_pixels() -> None:
    logits = torch.tensor([[[[0.0, 2.0, 9.0]], [[0.0, 0.0, -9.0]]]])
    mask = torch.tensor([[[0, 1, 255]]])
    expected = (math.log(2) + math.log(1 + math.exp(2))) / 2
    assert build_loss("ce", ignore_index=255)(logits, mask).item() == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0, 0.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_is_that_of_torch(
    weights: list[float] | None, smoothing: float, logits: Tensor, mask: Tensor
) -> None:
    mask[1, 3:] = 255
    loss, slope = _value_and_slope("ce", logits, mask, class_weights=weights, label_smoothing=smoothing)
    weight = None if weights is None else torch.tensor(weights)
    logits.requires_grad_()
    expected = F.cross_entropy(logits, mask, weight, ignore_index=255, label_smoothing=smoothing)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(slope, logits.grad)


@pytest.mark.parametrize("value", [2, 255])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_tile_whose_classes_weigh_nothing_gives_loss_0(value: int, smoothing: float) -> None:
    loss = build_loss("ce", ignore_index=255, class_weights=[1.0, 1.0, 0.0], label_smoothing=smoothing)
    assert loss(torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), value)).item() == 0


def test_class_weights_that_a_precision_rounds_still_weigh(logits: Tensor, mask: Tensor) -> None:
    loss = build_loss("ce", ignore_index=255, class_weights=[0.5, 2.0, 1.0, 0.25], label_smoothing=0.2)
    expected = loss(logits.bfloat16(), mask)
    assert torch.equal(loss.bfloat16()(logits.bfloat16(), mask), expected)  # as trainer.precision=bf16-true does


def test_class_weights_stay_out_of_the_checkpoint() -> None:
    assert build_loss("ce", ignore_index=255, class_weights=[1.0, 2.0]).state_dict() == {}


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0]])
def test_unusable_class_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="loss.class_weights="):
        build_loss("ce", ignore_index=255, class_weights=weights)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("dice", smp.losses.DiceLoss("multiclass", ignore_index=255)),
        ("jaccard", smp.losses.JaccardLoss("multiclass", ignore_index=255)),
        ("tversky", smp.losses.TverskyLoss("multiclass", ignore_index=255, alpha=0.3, beta=0.7)),
    ],
)
def test_region_losses_are_those_of_smp_over_the_classes_that_are_there(
    name: str, theirs: torch.nn.Module, logits: Tensor, mask: Tensor
) -> None:
    mask[0, 1:3] = 255
    loss, slope = _value_and_slope(name, logits, mask)
    expected = theirs(logits.requires_grad_(), mask) * 4 / 3  # smp counts the absent class as 0, and divides by all
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(slope, logits.grad)


def test_lovasz_is_that_of_smp(logits: Tensor, mask: Tensor) -> None:
    mask[0, 1:3] = 255
    loss, slope = _value_and_slope("lovasz", logits, mask)
    expected = smp.losses.LovaszLoss("multiclass", ignore_index=255)(logits.requires_grad_(), mask)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach())
    torch.testing.assert_close(slope, logits.grad)


def test_lovasz_of_certain_predictions_is_1_minus_iou() -> None:
    prediction, mask = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 1, 1, 1]]])
    logits = F.one_hot(prediction, 3).permute(0, 3, 1, 2).float() * 100
    assert build_loss("lovasz", ignore_index=255)(logits, mask).item() == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_focal_loss_is_the_papers(gamma: float, logits: Tensor, mask: Tensor) -> None:
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
def test_focal_loss_of_a_pixel_that_is_surely_right_has_a_gradient(gamma: float) -> None:
    logits = torch.tensor([200.0, 0.0]).view(1, 2, 1, 1)
    loss, slope = _value_and_slope("focal", logits, torch.zeros(1, 1, 1, dtype=torch.long), gamma=gamma)
    assert loss.item() == 0
    assert slope.isfinite().all()


def test_the_last_pixels_of_millions_still_count() -> None:
    logits = torch.tensor([2.2, 0.0]).view(1, 2, 1, 1).expand(1, 2, 2048, 2048)
    mask = torch.zeros(1, 2048, 2048, dtype=torch.long)
    mask[:, :, 0] = 1
    p, rare = 1 / (1 + math.exp(-2.2)), 1 / 2048
    common = 2 * p * (1 - rare) / (p + 1 - rare), 2 * (1 - p) * rare / (1 - p + rare)
    loss = build_loss("dice", ignore_index=255)(logits, mask)
    assert loss.item() == pytest.approx(1 - sum(common) / 2, rel=1e-4)  # float32 added up in a row was 4 % off


@pytest.mark.parametrize("path", sorted((REPO / "conf" / "loss").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_choice_of_loss_can_be_built(path: Path, logits: Tensor, mask: Tensor) -> None:
    assert build_loss(**yaml.safe_load(path.read_text()), ignore_index=255)(logits, mask) > 0


def test_a_sum_weighs_its_terms(logits: Tensor, mask: Tensor) -> None:
    ce, lovasz = _value_and_slope("ce", logits, mask, label_smoothing=0.1), _value_and_slope("lovasz", logits, mask)
    loss, slope = _value_and_slope("sum", logits, mask, **SUM)
    torch.testing.assert_close(loss, 2 * ce[0] + 0.5 * lovasz[0])
    torch.testing.assert_close(slope, 2 * ce[1] + 0.5 * lovasz[1])


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
def test_what_cannot_be_built_is_named(name: str, options: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=part) as caught:
        build_loss(name, ignore_index=255, **options)
    assert "\n" not in str(caught.value)
