"""What refining the borders of a predicted mask is worth: watershed, superpixels, filters of the probabilities.

python benchmarks/refine.py CHECKPOINT --root FOLDER --split-dir FOLDER

The checkpoint predicts the photographs in val.txt at the scale of its training, and its probabilities are interpolated
at the size of the photographs, as `segdrone predict` does. Each way then refines the same prediction. Intervals are of
paired differences, 95 %, over resampled photographs. Seconds are those of one photograph, on one core.

- `watershed N`: `segdrone predict --refine N`.
- `superpixels N`: SLIC (Achanta et al. 2012, by scikit-image) of about N x N pixels, on the photograph smoothed by a
  Gaussian of 1 pixel. Every superpixel takes the class with the largest sum of confidence in it.
- `superpixels N within R`: the same, and no pixel changes that is farther than R from a border of the mask.
- `watershed R, superpixels N`: `superpixels N within R` after `watershed R`.
- `guided R`: the guided filter (He et al., "Guided Image Filtering", PAMI 2013) of all probabilities, by the gray
  photograph, over a radius of R pixels.
- `mean field N`: N steps of averaging the probabilities of neighbors, weighted by likeness of color: a CRF with local
  links (Araslanov and Roth, "Single-Stage Semantic Segmentation", CVPR 2020, section 4.2).
- `blur R`: the mean over a square of radius R, without a look at the photograph: what smoothing alone is worth.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))

from segdrone.classic.libraries import library
from segdrone.data import DataConfig
from segdrone.data.dataset_folder import open_dataset
from segdrone.evaluation.bootstrap import interval, resample
from segdrone.evaluation.counts import Counts, count_image, stack_counts
from segdrone.evaluation.scores import score
from segdrone.evaluation.sliding_window import read_truth
from segdrone.inference import Predictor
from segdrone.inference.watershed import watershed_refine
from segdrone.raster.decode import read_image
from segdrone.windows import Window

Image = NDArray[np.uint8]
Probabilities = NDArray[np.float32]  # [C, H, W]
Refine = Callable[[Image, Probabilities], Image]


def watershed(image: Image, probabilities: Probabilities, *, reach: int) -> Image:
    """Refines the most likely classes by the watershed of `segdrone predict --refine`."""
    return watershed_refine(classes(probabilities), image, reach, len(probabilities))


def superpixels(
    image: Image, probabilities: Probabilities, *, side: int, within: int = 0, after: Refine | None = None
) -> Image:
    """Gives each superpixel the class with the largest sum of confidence; `after` refines the mask before."""
    confidence = probabilities.max(0)
    mask = classes(probabilities) if after is None else after(image, probabilities)
    segments = library("skimage.segmentation").slic(
        image, n_segments=mask.size // side**2, compactness=10, sigma=1, start_label=0, channel_axis=-1
    )
    count = len(probabilities)
    votes = np.bincount(segments.ravel() * count + mask.ravel(), confidence.ravel(), (segments.max() + 1) * count)
    refined: Image = votes.reshape(-1, count).argmax(1).astype(np.uint8)[segments]
    if within:
        square = np.ones((2 * within + 1, 2 * within + 1), np.uint8)
        np.copyto(refined, mask, where=cv2.erode(mask, square) == cv2.dilate(mask, square))
    return refined


def guided(image: Image, probabilities: Probabilities, *, radius: int, epsilon: float = 1e-3) -> Image:
    """Filters the probabilities of all classes, guided by the gray photograph."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    blur = partial(cv2.blur, ksize=(2 * radius + 1, 2 * radius + 1))
    mean = blur(gray)
    variance = blur(gray * gray) - mean * mean + epsilon
    filtered = []
    for plane in probabilities:
        slope = (blur(gray * plane) - mean * blur(plane)) / variance
        filtered.append(blur(slope) * gray + blur(blur(plane) - slope * mean))
    return classes(np.stack(filtered))


def blur(image: Image, probabilities: Probabilities, *, radius: int) -> Image:
    """Averages probabilities over a square, whatever the photograph shows: what smoothing alone is worth."""
    return classes(np.stack([cv2.blur(plane, (2 * radius + 1, 2 * radius + 1)) for plane in probabilities]))


def mean_field(image: Image, probabilities: Probabilities, *, steps: int) -> Image:
    """Averages the probabilities of neighbors, weighted by the likeness of their colors."""
    color = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    deviation = np.sqrt(np.maximum(cv2.blur(color * color, (9, 9)) - cv2.blur(color, (9, 9)) ** 2, 1))
    shifts = [(y * far, x * far) for far in (1, 2, 4) for y, x in product((-1, 0, 1), repeat=2) if y or x]
    weights = np.exp(np.stack([-(np.abs(moved(color, shift) - color) / deviation).mean(2) for shift in shifts]))
    weights /= weights.sum(0)
    current = np.ascontiguousarray(probabilities.transpose(1, 2, 0))
    for _ in range(steps):
        averaged = np.zeros_like(current)
        for weight, shift in zip(weights, shifts, strict=True):
            averaged += weight[..., None] * moved(current, shift)
        current = averaged
    refined: Image = current.argmax(2).astype(np.uint8)
    return refined


def moved(planes: NDArray[np.float32], shift: tuple[int, int]) -> NDArray[np.float32]:
    """Returns the value of the neighbor at this distance, `[H, W, K]`; edges are repeated."""
    rows, columns = ((np.arange(side) + by).clip(0, side - 1) for side, by in zip(planes.shape[:2], shift, strict=True))
    neighbors: NDArray[np.float32] = planes[rows[:, None], columns]
    return neighbors


def classes(probabilities: Probabilities) -> Image:
    """Returns the most likely class of each pixel."""
    best: Image = probabilities.argmax(0).astype(np.uint8)
    return best


USED = "watershed 4"
WAYS: dict[str, Refine] = {
    "none": lambda _, probabilities: classes(probabilities),
    **{f"watershed {reach}": partial(watershed, reach=reach) for reach in (2, 4, 8)},
    **{f"superpixels {side}": partial(superpixels, side=side) for side in (8, 16, 24)},
    **{f"superpixels {side} within 4": partial(superpixels, side=side, within=4) for side in (16, 24, 32)},
    "watershed 4, superpixels 24": partial(superpixels, side=24, within=4, after=partial(watershed, reach=4)),
    "guided 4": partial(guided, radius=4),
    "mean field 3": partial(mean_field, steps=3),
    "blur 4": partial(blur, radius=4),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--root", required=True)
    parser.add_argument("--split-dir", required=True)
    parser.add_argument("--limit", type=int, help="only as many photographs")
    options = parser.parse_args()
    predictor = Predictor.from_checkpoint(options.checkpoint, device="cpu")
    dataset = open_dataset(DataConfig.from_dict({"root": options.root, "split_dir": options.split_dir}))
    counts: dict[str, list[Counts]] = {name: [] for name in WAYS}
    seconds = dict.fromkeys(WAYS, 0.0)
    for pair in tqdm(dataset.splits["val"][: options.limit], file=sys.stderr):
        image = read_image(pair.image)
        truth = read_truth(pair, dataset.encoding, image.shape[:2])
        source = predictor.open(image)
        small = predictor.resize(source)
        planes = predictor.backend(small.read(Window(0, 0, *small.size))[None])[0]
        probabilities = np.stack([cv2.resize(plane, (image.shape[1], image.shape[0])) for plane in planes])
        for name, refine in WAYS.items():
            started = time.perf_counter()
            mask = refine(image, probabilities)
            seconds[name] += time.perf_counter() - started
            ignored = truth == dataset.table.ignore_index
            counts[name].append(count_image(truth, np.where(ignored, truth, mask), None, dataset.table))
    stacked = {name: stack_counts(of_images) for name, of_images in counts.items()}
    photographs = len(counts["none"])
    print(f"{photographs} photographs\n")
    columns = ("mIoU", "beside none", "boundary mIoU", "beside none", f"beside {USED}", "seconds")
    print(f"| refined by | {' | '.join(columns)} |\n|{'---|' * 7}")
    for name, own in stacked.items():
        first, used, second = (of.overall for of in resample(stacked["none"], stacked[USED], own))
        overall, cells = score(own).overall, []
        for key, others in (("miou", {"none": first}), ("boundary_miou", {"none": first, USED: used})):
            cells.append(f"{overall[key]:.4f}")
            for other, values in others.items():
                low, high = interval(second[key] - values[key])
                cells.append("" if name == other else f"{low:+.4f} to {high:+.4f}")
        print(f"| {name} | {' | '.join(cells)} | {seconds[name] / photographs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
