"""The inputs of every loss: log-probabilities and labels of a batch, as flat pixels or as images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segdrone.errors import DataError


@dataclass(frozen=True)
class LossInputs:
    """Log-probabilities and labels of a batch of B images of H x W, that is P = B * H * W pixels and C classes.

    The flat tensors are computed once and shared by all terms of a loss. A loss that needs the neighbors of a pixel
    asks for `probability_maps`, `label_maps` and `labeled_maps`, which are views of the same pixels.

    Attributes:
        log_probabilities: Log-softmax of the logits, float32 `[P, C]`.
        labels: True class, int64 `[P]`; 0 where the pixel is ignored.
        labeled: False where the pixel is ignored, bool `[P]`.
        nll: Minus the log-probability of the true class, float32 `[P]`; 0 where the pixel is ignored.
        shape: B, H and W.

    Example:
        >>> logits, mask = torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]])
        >>> inputs = LossInputs.from_logits(logits, mask, ignore_index=255)
        >>> inputs.labeled.tolist()
        [True, True, False]
        >>> inputs.probability_maps().shape
        torch.Size([1, 2, 1, 3])
    """

    log_probabilities: Tensor
    labels: Tensor
    labeled: Tensor
    nll: Tensor
    shape: tuple[int, int, int]

    @classmethod
    def from_logits(cls, logits: Tensor, mask: Tensor, ignore_index: int) -> LossInputs:
        """Computes the inputs from float logits `[B, C, H, W]` and an int64 mask `[B, H, W]`.

        Raises:
            DataError: The mask contains a label that is neither a class nor `ignore_index`. (On CUDA the kernel's
                own assertion ends the process instead: checking first would synchronize every step.)
        """
        # For channels-last logits this is a view, and its softmax takes half the time on CPU.
        by_pixel, labels = logits.permute(0, 2, 3, 1).flatten(0, 2), mask.flatten()
        logs = F.log_softmax(by_pixel, dim=1, dtype=torch.float32)
        try:
            nll = F.nll_loss(logs, labels, ignore_index=ignore_index, reduction="none")
        except IndexError:
            classes = logs.shape[1]
            unknown = labels[((labels < 0) | (labels >= classes)) & (labels != ignore_index)]
            raise DataError(
                f"a mask contains the labels {sorted(set(unknown.tolist()))}, which are neither one of the {classes} "
                f"classes (0 to {classes - 1}) nor the ignored id {ignore_index}: fix the masks or data.classes"
            ) from None
        labeled = labels != ignore_index
        batch, height, width = mask.shape
        return cls(logs, labels.where(labeled, 0), labeled, nll, (batch, height, width))

    def mean(self, values: Tensor) -> Tensor:
        """Returns the sum of `[P]` values divided by the number of labeled pixels; 0 if no pixel is labeled."""
        return values.sum() / self.labeled.sum().clamp(min=1)

    # Sums over millions of pixels are taken per image row first: added one by one to a large float32 sum, further
    # probabilities would be rounded away.

    def sum_by_label(self, values: Tensor) -> Tensor:
        """Returns for each class the sum of `[P]` values over the pixels with that label, `[C]`."""
        classes, rows = self.log_probabilities.shape[1], self._rows
        index = self.labels.view(rows, -1) + classes * torch.arange(rows, device=values.device)[:, None]
        sums = values.new_zeros(rows * classes).index_add(0, index.flatten(), values * self.labeled)
        return sums.view(rows, classes).sum(0)

    def sum_of_probabilities(self) -> Tensor:
        """Returns for each class the sum of its probability over the labeled pixels, `[C]`."""
        labeled, probabilities = self.labeled.float(), self.log_probabilities.exp()
        sums = labeled.view(self._rows, 1, -1) @ probabilities.view(self._rows, -1, probabilities.shape[1])
        return sums.sum((0, 1))

    def probability_maps(self) -> Tensor:
        """Returns the probability of each class as images, float32 `[B, C, H, W]` in channels-last layout."""
        return self.log_probabilities.exp().view(*self.shape, -1).permute(0, 3, 1, 2)

    def label_maps(self) -> Tensor:
        """Returns the labels as images, int64 `[B, H, W]`; 0 where the pixel is ignored."""
        return self.labels.view(self.shape)

    def labeled_maps(self) -> Tensor:
        """Returns `labeled` as images, bool `[B, H, W]`."""
        return self.labeled.view(self.shape)

    @property
    def _rows(self) -> int:
        return self.shape[0] * self.shape[1]
