"""Losses by name, and their sums. All take logits and masks, and skip the ignored id.

They stand on one calculation, the log-probabilities of a batch, and count over its labelled pixels.
`smp.losses` has most of them too, but took 2 to 18 times as long on CPU (3 x 23 x 704 x 1056), lets
labels that the table does not know pass, and divides by classes that a batch does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segdrone.errors import ConfigError, DataError, format_options
from segdrone.model.lovasz import lovasz_softmax


@dataclass(frozen=True)
class PixelBatch:
    """What the losses are made of, for the P pixels of a batch.

    Attributes:
        log_probabilities: Of each class, float32 `[P, C]`.
        labels: True class, int64 `[P]`; 0 where there is none.
        labelled: Where there is one, bool `[P]`.
        nll: Minus the log-probability of the true class, float32 `[P]`; 0 where there is none.
        rows: Into how many rows the images have laid the pixels, all of one length.
    """

    log_probabilities: Tensor
    labels: Tensor
    labelled: Tensor
    nll: Tensor
    rows: int

    def mean(self, values: Tensor) -> Tensor:
        """Returns the sum of `[P]` values over the number of labelled pixels; 0 where there are none."""
        return values.sum() / self.labelled.sum().clamp(min=1)

    # Sums over millions of pixels go by rows first: beside a large sum float32 has no room for one more probability.

    def sum_by_label(self, values: Tensor) -> Tensor:
        """Returns for each class the sum of `[P]` values over the pixels that are labelled so, `[C]`."""
        classes = self.log_probabilities.shape[1]
        places = self.labels.view(self.rows, -1) + classes * torch.arange(self.rows, device=values.device)[:, None]
        sums = values.new_zeros(self.rows * classes).index_add(0, places.flatten(), values * self.labelled)
        return sums.view(self.rows, classes).sum(0)

    def sum_of_probabilities(self) -> Tensor:
        """Returns for each class the sum of its probability over the labelled pixels, `[C]`."""
        labelled, probabilities = self.labelled.float(), self.log_probabilities.exp()
        sums = labelled.view(self.rows, 1, -1) @ probabilities.view(self.rows, -1, probabilities.shape[1])
        return sums.sum((0, 1))


class CrossEntropyLoss(nn.Module):
    """Mean cross-entropy over the labelled pixels; 0 where none is labelled, not NaN.

    With class weights the mean is weighted too, so that a batch of one class has the loss that it
    would have without. The values are those of `torch.nn.CrossEntropyLoss`.

    Args:
        class_weights: One weight from 0 up for each class; None weighs all alike.
        label_smoothing: Share of the truth, 0 to 1, that is spread over all classes (Szegedy et al.
            2016, "Rethinking the Inception Architecture", section 7).

    Raises:
        ConfigError: A weight is below 0, or all are 0; or the share is out of its range.
    """

    weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if class_weights is not None and (min(class_weights) < 0 or max(class_weights) == 0):
            raise ConfigError(f"loss.class_weights={list(class_weights)} must be from 0 up, and not all 0")
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"loss.label_smoothing={label_smoothing} must be from 0 up, and below 1")
        self.label_smoothing = label_smoothing
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("weights", weights, persistent=False)  # a finished network needs none

    def forward(self, pixels: PixelBatch) -> Tensor:
        """Returns the scalar loss."""
        weights = None if self.weights is None else self.weights.to(pixels.nll.dtype)  # bf16-true casts buffers
        losses = pixels.nll if weights is None else pixels.nll * weights[pixels.labels]
        if self.label_smoothing:
            logs = pixels.log_probabilities
            spread = -(logs.mean(1) if weights is None else logs @ weights / len(weights))
            spread = spread.where(pixels.labelled, 0)
            losses = (1 - self.label_smoothing) * losses + self.label_smoothing * spread
        if weights is None:
            return pixels.mean(losses)
        divisor = (weights[pixels.labels] * pixels.labelled).sum()
        return torch.where(divisor > 0, losses.sum() / divisor.where(divisor > 0, 1), 0)


class FocalLoss(nn.Module):
    """Cross-entropy that looks away from pixels that are right already; the mean over the labelled ones.

    `(1 - p)^gamma * -log(p)` with the softmax probability p of the true class: Lin et al. 2017, "Focal
    Loss for Dense Object Detection", equation 4, in the multi-class form of their section 3. (That of
    `smp.losses.FocalLoss` is a sum of one-against-all sigmoids over C.)

    Args:
        gamma: From 0 up, where 0 is cross-entropy.

    Raises:
        ConfigError: `gamma` is below 0.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0:
            raise ConfigError(f"loss.gamma={gamma} must be from 0 up")
        self.gamma = gamma

    def forward(self, pixels: PixelBatch) -> Tensor:
        """Returns the scalar loss."""
        wrong = -torch.expm1(-pixels.nll)
        return pixels.mean(wrong.clamp(min=1e-6) ** self.gamma * pixels.nll)  # the power's slope at 0 is no number


class TverskyLoss(nn.Module):
    """1 - TP / (TP + alpha FP + beta FN), the mean over the classes that the batch's labels hold.

    Salehi, Erdogmus and Gholipour 2017, "Tversky loss function for image segmentation", counted in
    probabilities over the whole batch. With both 0.5 it is Dice (Milletari et al. 2016, "V-Net", but
    with sums in place of squares), with both 1 Jaccard, or soft IoU (Rahman and Wang 2016).

    Args:
        alpha: Price of a false positive, from 0 up.
        beta: Price of a false negative, above 0: more finds more of a class.

    Raises:
        ConfigError: One of them is out of its range.
    """

    def __init__(self, alpha: float = 0.3, beta: float = 0.7) -> None:
        super().__init__()
        if alpha < 0 or beta <= 0:
            raise ConfigError(f"loss.alpha={alpha} must be from 0 up, and loss.beta={beta} above 0")
        self.alpha, self.beta = alpha, beta

    def forward(self, pixels: PixelBatch) -> Tensor:
        """Returns the scalar loss."""
        true = pixels.sum_by_label(pixels.labelled.float())
        hits = pixels.sum_by_label((-pixels.nll).exp())
        divisor = hits + self.alpha * (pixels.sum_of_probabilities() - hits) + self.beta * (true - hits)
        present = true > 0
        losses = (1 - hits / divisor.where(present, 1)) * present
        return losses.sum() / present.sum().clamp(min=1)


class LovaszLoss(nn.Module):
    """`lovasz_softmax` of a batch."""

    def forward(self, pixels: PixelBatch) -> Tensor:
        """Returns the scalar loss."""
        return lovasz_softmax(pixels.log_probabilities.exp(), pixels.labels, pixels.labelled)


LOSSES: dict[str, Callable[..., nn.Module]] = {
    "ce": CrossEntropyLoss,
    "dice": partial(TverskyLoss, alpha=0.5, beta=0.5),
    "jaccard": partial(TverskyLoss, alpha=1.0, beta=1.0),
    "tversky": TverskyLoss,
    "focal": FocalLoss,
    "lovasz": LovaszLoss,
}


class WeightedSum(nn.Module):
    """Losses of one batch, each by its factor; float32 under autocast too.

    Args:
        terms: Some of `LOSSES`, built.
        factors: One for each.
        ignore_index: The id of pixels that are not labelled.
    """

    def __init__(self, terms: Sequence[nn.Module], factors: Sequence[float], ignore_index: int) -> None:
        super().__init__()
        self.terms, self.factors, self.ignore_index = nn.ModuleList(terms), tuple(factors), ignore_index

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Returns the scalar loss of float logits `[B, C, H, W]` for an int64 mask `[B, H, W]`.

        Raises:
            DataError: The mask holds a label that is neither a class nor the ignored id. (On CUDA the
                kernel's own assertion stops the process instead: to look from here would stall it.)
        """
        with torch.autocast(logits.device.type, enabled=False):
            pixels = self._pixels(logits, mask)
            return torch.stack(
                [factor * term(pixels) for factor, term in zip(self.factors, self.terms, strict=True)]
            ).sum()

    def _pixels(self, logits: Tensor, mask: Tensor) -> PixelBatch:
        # Of channels-last logits this is a view, and the softmax of it took half the time on CPU.
        by_pixel, labels = logits.permute(0, 2, 3, 1).flatten(0, 2), mask.flatten()
        logs = F.log_softmax(by_pixel, dim=1, dtype=torch.float32)
        try:
            nll = F.nll_loss(logs, labels, ignore_index=self.ignore_index, reduction="none")
        except IndexError:
            classes = logs.shape[1]
            outside = (labels < 0) | (labels >= classes)
            unknown = sorted(set(labels[outside & (labels != self.ignore_index)].tolist()))
            raise DataError(
                f"a mask holds the labels {unknown}, which are none of the {classes} classes (0 to {classes - 1}) "
                f"and not the ignored id {self.ignore_index}: mend the masks or data.classes"
            ) from None
        labelled = labels != self.ignore_index
        return PixelBatch(logs, labels.where(labelled, 0), labelled, nll, rows=mask.shape[0] * mask.shape[1])


def build_loss(name: str, *, ignore_index: int, **options: Any) -> WeightedSum:
    """Builds one of `LOSSES`, or their `sum`.

    Args:
        name: Of the loss.
        ignore_index: The id of pixels that are not labelled.
        **options: The loss's own arguments; of `sum`: `terms`, which has for the name of each loss its
            factor `weight` and its own arguments.

    Raises:
        ConfigError: A name or an option is unknown or out of its range.
    """
    if name != "sum":
        return WeightedSum([_build(name, f"loss.name={name}", options)], [1.0], ignore_index)
    terms = options.pop("terms", None)
    if options or not isinstance(terms, Mapping) or not terms:
        raise ConfigError(f"loss sum takes terms alone, one or more (NAME: {{weight: 1.0}}), not {options or terms}")
    built, factors = [], []
    for term, own in terms.items():
        where = f"loss.terms.{term}"
        if not isinstance(own, Mapping):
            raise ConfigError(f"{where}={own} must be the loss's settings, such as {{weight: 1.0}}")
        factor = own.get("weight", 1.0)
        if not isinstance(factor, int | float) or not 0 < factor < float("inf"):
            raise ConfigError(f"{where}.weight={factor} must be a number above 0")
        built.append(_build(term, where, {key: value for key, value in own.items() if key != "weight"}))
        factors.append(float(factor))
    return WeightedSum(built, factors, ignore_index)


def _build(name: str, where: str, options: Mapping[str, Any]) -> nn.Module:
    if name not in LOSSES:
        raise ConfigError(f"{where} is unknown: choose one of {', '.join(LOSSES)}, sum")
    try:
        return LOSSES[name](**options)
    except TypeError as error:
        raise ConfigError(f"{where} cannot be made with {format_options(options)} ({error}): mend it") from None
