"""Losses that are a mean over pixels: cross-entropy and focal loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segdrone.errors import ConfigError
from segdrone.model.losses.inputs import LossInputs


class CrossEntropyLoss(nn.Module):
    """Mean cross-entropy over the labeled pixels; 0, not NaN, if no pixel is labeled.

    With class weights the mean is weighted as well, so a batch of a single class has the same loss as without
    weights. Values are equal to those of `torch.nn.CrossEntropyLoss`.

    Args:
        class_weights: One weight per class, 0 or more; None gives all classes the same weight.
        label_smoothing: Share of the target probability that is spread evenly over all classes, 0 to 1 (Szegedy et
            al. 2016, "Rethinking the Inception Architecture", section 7).

    Raises:
        ConfigError: A weight is negative, not finite or no number, all weights are 0, or `label_smoothing` is out of
            range.
    """

    weights: Tensor | None

    def __init__(self, class_weights: Sequence[float] | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if class_weights is not None and not (all(map(_is_weight, class_weights)) and any(class_weights)):
            raise ConfigError(f"loss.class_weights={list(class_weights)} must be numbers of 0 or more, and not all 0")
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"loss.label_smoothing={label_smoothing} must be at least 0 and below 1")
        self.label_smoothing = label_smoothing
        weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)
        self.register_buffer("weights", weights, persistent=False)  # a trained network does not need them

    def forward(self, inputs: LossInputs) -> Tensor:
        """Returns the scalar loss."""
        weights = None if self.weights is None else self.weights.to(inputs.nll.dtype)  # bf16-true casts buffers
        losses = inputs.nll if weights is None else inputs.nll * weights[inputs.labels]
        if self.label_smoothing:
            logs = inputs.log_probabilities
            smooth = -(logs.mean(1) if weights is None else logs @ weights / len(weights))
            smooth = smooth.where(inputs.labeled, 0)
            losses = (1 - self.label_smoothing) * losses + self.label_smoothing * smooth
        if weights is None:
            return inputs.mean(losses)
        divisor = (weights[inputs.labels] * inputs.labeled).sum()
        return torch.where(divisor > 0, losses.sum() / divisor.where(divisor > 0, 1), 0)


class FocalLoss(nn.Module):
    """Focal loss: cross-entropy that down-weights well-classified pixels; the mean over the labeled pixels.

    `(1 - p)^gamma * -log(p)` with the softmax probability p of the true class: Lin et al. 2017, "Focal Loss for Dense
    Object Detection", equation 4, in the multi-class form of section 3. (`smp.losses.FocalLoss` is a sum of
    one-vs-rest sigmoids divided by C instead.)

    Args:
        gamma: Strength of the down-weighting, 0 or more; 0 is cross-entropy.

    Raises:
        ConfigError: `gamma` is negative.
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0:
            raise ConfigError(f"loss.gamma={gamma} must be 0 or more")
        self.gamma = gamma

    def forward(self, inputs: LossInputs) -> Tensor:
        """Returns the scalar loss."""
        wrong = -torch.expm1(-inputs.nll)
        return inputs.mean(wrong.clamp(min=1e-6) ** self.gamma * inputs.nll)  # the power has no finite slope at 0


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < math.inf
