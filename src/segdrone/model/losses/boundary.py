"""The boundary loss: errors count by their distance to the true boundary."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segdrone.model.losses.inputs import LossInputs


class BoundaryLoss(nn.Module):
    """Boundary loss: the mean over the labeled pixels of sum_c phi_c * (s_c - g_c).

    Kervadec et al. 2019, "Boundary loss for highly unbalanced segmentation", equation 5, for several classes. s_c is
    the softmax probability of class c, g_c is 1 where c is the true class, and phi_c is the signed distance to the
    boundary of c in the true mask: negative inside c, positive outside (`signed_distances`). The paper drops the
    part with g_c, which has no gradient. It is kept here, so that a perfect prediction has the loss 0 and any
    other prediction a loss above 0 (up to rounding).

    Distances are divided by the square root of the number of labeled pixels in their image, so the loss does not
    change when images are resized. In an image where a class is absent, or the only one, it has no boundary and
    phi_c = 0. This loss therefore needs another one beside it, cross-entropy or Dice, as in conf/loss/ce_boundary.

    The distances are computed by OpenCV on the CPU. On a GPU each step copies the mask to the host, which waits for
    the GPU, and the distances back: 4 bytes per pixel and class.
    """

    def forward(self, inputs: LossInputs) -> Tensor:
        """Returns the scalar loss."""
        labels, labeled = inputs.label_maps(), inputs.labeled_maps()
        classes = inputs.log_probabilities.shape[1]
        truth = labels.where(labeled, -1).cpu().numpy()
        maps = np.stack([signed_distances(image, classes) for image in truth])
        distances = torch.from_numpy(maps).to(inputs.nll.device)
        expected = (distances * inputs.probability_maps()).sum(1)
        true = distances.gather(1, labels[:, None])[:, 0]
        return inputs.mean((expected - true).flatten())


def signed_distances(mask: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Returns the signed Euclidean distance of each pixel to the boundary of each class.

    Inside a class this is minus the distance to the nearest labeled pixel of another class, outside it is the
    distance to the nearest pixel of the class; both are reduced by 0.5, as the boundary runs between the pixels.
    Ignored pixels belong to neither side: they form no boundary, and distances are measured across them.

    Args:
        mask: Class ids, int64 `[H, W]`; -1 where the pixel is ignored.
        classes: Number of classes C.

    Returns:
        float32 `[C, H, W]`, in units of the square root of the number of labeled pixels. All 0 for a class that is
        absent or the only one, and at ignored pixels.

    Example:
        >>> signed_distances(np.array([[0, 0, 1, 1]]), classes=3)[1].tolist()  # divided by 2
        [[0.75, 0.25, -0.25, -0.75]]
    """
    maps = np.zeros((classes, *mask.shape), np.float32)
    ignored = mask < 0
    present = np.unique(mask[~ignored])
    if len(present) < 2:
        return maps
    for index in present:
        own = mask == index
        outside = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        inside = cv2.distanceTransform((own | ignored).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        maps[index] = np.where(own, 0.5 - inside, outside - 0.5)
    maps[:, ignored] = 0
    maps /= np.float32(np.sqrt(np.count_nonzero(~ignored)))
    return maps
