import math

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, jaccard_score
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score, MulticlassJaccardIndex

from segdrone.classes import ClassTable
from segdrone.model.metrics import EpochLoss, SplitMetrics

TABLE = ClassTable(names=("a", "b", "c", "d"), colours=((0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)))

# Class c is in the prediction only, d in neither; one pixel is ignored.
TRUTH = torch.tensor([[[0, 0, 0, 1, 1, 255]]])
PREDICTION = torch.tensor([[[0, 0, 1, 1, 2, 2]]])


def test_hand_counted_case_with_absent_classes_and_ignored_pixels() -> None:
    metrics = SplitMetrics(TABLE)
    metrics.update(PREDICTION, TRUTH)
    scores = metrics.compute()
    # a: 2 of 3; b: 1 of 3; c: 0 of 1; d: absent, not counted.
    assert scores["miou"].item() == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)
    assert scores["dice"].item() == pytest.approx((4 / 5 + 2 / 4 + 0) / 3)
    assert scores["accuracy"].item() == pytest.approx(3 / 5)
    a, b, c, d = scores["iou"].tolist()
    assert (a, b, c) == (pytest.approx(2 / 3), pytest.approx(1 / 3), 0)
    assert math.isnan(d)


def test_scores_are_computed_from_all_batches_not_averaged() -> None:
    metrics = SplitMetrics(TABLE)
    references = [
        MulticlassJaccardIndex(4, ignore_index=255),
        MulticlassF1Score(4, ignore_index=255),
        MulticlassAccuracy(4, average="micro", ignore_index=255),
    ]
    generator = torch.Generator().manual_seed(0)
    predictions, truths = (torch.randint(0, 3, (5, 2, 8, 8), generator=generator) for _ in range(2))
    truths[0, 0, :4] = 255
    for prediction, truth in zip(predictions, truths, strict=True):
        for metric in (metrics, *references):
            metric.update(prediction, truth)
    labeled = truths != 255
    true, predicted = truths[labeled].numpy(), predictions[labeled].numpy()
    scores = metrics.compute()
    iou = scores.pop("iou")
    assert [*scores] == ["miou", "dice", "accuracy"]
    overall = [score.item() for score in scores.values()]
    assert overall == pytest.approx([metric.compute().item() for metric in references])
    assert overall == pytest.approx(
        [
            jaccard_score(true, predicted, average="macro"),
            f1_score(true, predicted, average="macro"),
            accuracy_score(true, predicted),
        ]
    )
    assert iou[:3].tolist() == pytest.approx(jaccard_score(true, predicted, average=None).tolist())
    assert metrics.confmat.sum().item() == labeled.sum().item()


def test_a_batch_counts_in_the_loss_of_an_epoch_by_its_photographs() -> None:
    loss = EpochLoss()
    for value, photographs in ((1.0, 8), (4.0, 1), (100.0, 0)):  # the last has padding alone
        loss(torch.tensor(value), photographs=photographs)
    assert loss.compute().item() == pytest.approx(12 / 9)
    loss.reset()
    loss.update(torch.tensor(math.nan), photographs=1)
    loss.update(torch.tensor(1.0), photographs=1)
    assert loss.compute().isnan()  # a training that diverged shows


def test_the_loss_of_an_epoch_is_exact_in_a_module_of_half_precision() -> None:
    loss = EpochLoss()
    torch.nn.ModuleList([loss]).to(torch.bfloat16)
    for step in range(1000):  # in bfloat16 a sum stays at 256
        loss.update(torch.tensor(float(step < 500), dtype=torch.bfloat16), photographs=1)
    assert loss.compute().item() == 0.5
    loss.reset()
    assert loss.total.dtype == torch.float32
