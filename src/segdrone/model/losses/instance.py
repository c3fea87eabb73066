"""Targets and loss of the head that tells things apart."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

_CENTER_WEIGHT, _OFFSET_WEIGHT = 200.0, 3.0
_SMALLEST, _LARGEST = 2.5, 8.0  # pixels: standard deviation around a center
_SMALLEST_SIDE = 8.0  # pixels: errors of smaller things, mostly parts at the border of a crop, count as of this one
_SIDES = 5  # a thing's side, as the root of its area, is this many standard deviations


class InstanceTargets(NamedTuple):
    """What the head is to learn.

    Attributes:
        centers: 1 at the center of each thing, falling off around it as a Gaussian, float32 `[B, H, W]`.
        offsets: Rows and columns from a pixel to the center of its thing, float32 `[B, 2, H, W]`; 0 elsewhere.
        sides: Side of the thing of a pixel, as the root of its area, in pixels, at least 8, float32 `[B, H, W]`; 8
            elsewhere.
        numbered: Pixels of a thing with a number, bool `[B, H, W]`: only they learn an offset.
        known: Pixels that learn `centers`, bool `[B, H, W]`: not ignored, and no thing without a number.
    """

    centers: Tensor
    offsets: Tensor
    sides: Tensor
    numbered: Tensor
    known: Tensor


def instance_targets(mask: Tensor, instances: Tensor, is_thing: Tensor, ignore_index: int) -> InstanceTargets:
    """Returns the targets of a batch.

    A thing is the pixels of one thing class and one number; its center is their mean position, in the batch as it was
    cropped. After Cheng et al., "Panoptic-DeepLab" (CVPR 2020), section 3.1, but with a standard deviation that grows
    with the thing, as of Zhou et al., "Objects as Points" (2019), section 3: seen from a drone a person is 8 pixels
    wide, and the 8 pixels of Cheng et al. would melt a group of them into one.

    Args:
        mask: Class ids, int64 `[B, H, W]`.
        instances: Numbers of the things, int32 `[B, H, W]`; 0 for none.
        is_thing: Whether each id is that of a thing class, bool `[256]`.
        ignore_index: Id of ignored pixels.

    Example:
        >>> mask, is_thing = torch.tensor([[[0, 1, 1, 1]]]), torch.arange(256) == 1
        >>> instance_targets(mask, torch.tensor([[[0, 5, 5, 5]]]), is_thing, 255).offsets[0, 1]
        tensor([[ 0.,  1.,  0., -1.]])
    """
    thing = is_thing[mask]
    numbered = thing & (instances > 0)
    image, row, column = numbered.nonzero(as_tuple=True)
    key = (image * 256 + mask[numbered]) * 65536 + instances[numbered]
    things, index, area = key.unique(return_inverse=True, return_counts=True)
    positions = torch.stack([row, column]).float()
    centers = (
        torch.zeros(2, len(things), dtype=torch.float32, device=mask.device).index_add_(1, index, positions) / area
    )
    offsets = torch.zeros(len(mask), 2, *mask.shape[1:], dtype=torch.float32, device=mask.device)
    offsets[image, 0, row, column], offsets[image, 1, row, column] = centers[:, index] - positions
    side = area.float().sqrt()
    sides = torch.full(mask.shape, _SMALLEST_SIDE, dtype=torch.float32, device=mask.device)
    sides[numbered] = side[index].clamp(min=_SMALLEST_SIDE)
    deviations = (side / _SIDES).clamp(_SMALLEST, _LARGEST)
    return InstanceTargets(
        _draw_centers(mask.shape, things // (65536 * 256), centers, deviations),
        offsets,
        sides,
        numbered,
        (mask != ignore_index) & ~(thing & ~numbered),
    )


def _draw_centers(shape: torch.Size, image: Tensor, centers: Tensor, deviations: Tensor) -> Tensor:
    """Draws a Gaussian around each center, the larger value where two overlap: float32 `[B, H, W]`.

    Args:
        shape: B, H and W.
        image: Index of the image of each thing, int64 `[K]`.
        centers: Their rows and columns, float32 `[2, K]`.
        deviations: Their standard deviations in pixels, float32 `[K]`.
    """
    _, height, width = shape
    canvas = torch.zeros(shape, dtype=torch.float32, device=centers.device)
    reach = torch.arange(-round(3 * _LARGEST), round(3 * _LARGEST) + 1, device=centers.device)
    nearest = centers.round().long()
    rows, columns = (nearest[side][:, None] + reach for side in range(2))
    squares = ((rows - centers[0][:, None]) ** 2)[:, :, None] + ((columns - centers[1][:, None]) ** 2)[:, None]
    values = torch.exp(-squares / (2 * deviations[:, None, None] ** 2))
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
    flat = (image[:, None, None] * height + rows[:, :, None]) * width + columns[:, None]
    canvas.view(-1).scatter_reduce_(0, flat[inside], values[inside], "amax")
    return canvas


class InstanceLoss(nn.Module):
    """Mean squared error of the centers, and mean absolute error of the offsets of the pixels of things.

    The weight of the centers is that of Cheng et al., "Panoptic-DeepLab" (CVPR 2020), section 3.2. An offset's error is
    counted in sides of its thing, not in pixels as there: what tells two people apart is as small as they are, and the
    offsets of a car would outweigh those of all people, and the classes.

    Args:
        things: Ids of the thing classes.
        ignore_index: Id of ignored pixels.
    """

    is_thing: Tensor

    def __init__(self, things: list[int], ignore_index: int) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        is_thing = torch.zeros(256, dtype=torch.bool)
        is_thing[things] = True
        self.register_buffer("is_thing", is_thing, persistent=False)

    def forward(self, planes: Tensor, mask: Tensor, instances: Tensor) -> Tensor:
        """Returns the scalar loss of a batch.

        Args:
            planes: Output of the head, float32 `[B, 3, H, W]`.
            mask: Class ids, int64 `[B, H, W]`.
            instances: Numbers of the things, int32 `[B, H, W]`; 0 for none.
        """
        targets = instance_targets(mask, instances, self.is_thing, self.ignore_index)
        centers = _mean(((planes[:, 0] - targets.centers) ** 2), targets.known)
        offsets = _mean((planes[:, 1:] - targets.offsets).abs().sum(1) / targets.sides, targets.numbered)
        return _CENTER_WEIGHT * centers + _OFFSET_WEIGHT * offsets


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    """Returns the mean of the counted pixels; 0, with a gradient, without any."""
    return (values * counted).sum() / counted.sum().clamp(min=1)
