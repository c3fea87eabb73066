"""A contact sheet: photographs with their masks as overlays, unchanged or augmented as in training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from segdrone.data import DataConfig, DatasetFolder, ImageMaskPair, open_dataset
from segdrone.data.caching.cache import NoCache
from segdrone.data.copy_paste import CopyPaste, build_copy_paste
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.masks.mask_files import read_pair_mask
from segdrone.data.reader import CachedReader
from segdrone.data.sampling import full_images, scale_size
from segdrone.data.splits.split import SPLITS
from segdrone.errors import ConfigError, DataError
from segdrone.inspection.draw_sheet import ImageAndMask, SheetBlock, draw_sheet, longer_side
from segdrone.inspection.recipe import Recipe, load_recipe
from segdrone.raster.decode import read_image
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.windows import Size, proportional_size

_TRAINING_SIZE: Size = DataConfig.model_fields["image_size"].default


def contact_sheet(
    root: Path,
    *,
    count: int = 12,
    seed: int = 0,
    split: str | None = None,
    augment: str | None = None,
    versions: int = 3,
    image_size: Size | None = None,
    **options: Any,
) -> Figure:
    """Draws randomly chosen photographs, each with its mask as an overlay, and a legend of the classes.

    Args:
        root: Folder of the dataset.
        count: Number of photographs; all if there are fewer.
        seed: The same seed chooses the same photographs and the same augmentation.
        split: `train`, `val` or `test`, instead of all photographs.
        augment: Also draw `versions` of each that are augmented as in training: path of a YAML file with a list of
            transforms under `train`, or the name of one in conf/augment.
        versions: Number of augmented versions.
        image_size: Height and width whose product sets the scale of photographs before augmentation, as in training;
            None is the default size of training.
        **options: Further options of `DataConfig`, such as `classes` or `split_dir`.

    Raises:
        DataError: The dataset or the split cannot be read, or the split is empty.
        ConfigError: The transforms cannot be found or read, a number is below 1, or an option is unknown.

    Example:
        >>> sheet = contact_sheet(Path("datasets/mine"), classes="classes.csv", count=6)  # doctest: +SKIP
        >>> sheet.savefig("sheet.png")  # doctest: +SKIP
    """
    if min(count, versions, *(image_size or ())) < 1:
        raise ConfigError("--count, --versions and the sides of --image-size must be 1 or more")
    recipe = load_recipe(augment) if augment is not None else None
    dataset = open_dataset(DataConfig.from_dict({"root": str(root), **options}))
    pairs = dataset.pairs if split is None else _pairs_of_split(dataset, split)
    chosen = [pairs[i] for i in sorted(np.random.default_rng(seed).permutation(len(pairs))[:count])]
    side = longer_side(len(chosen) * (2 if recipe is None else 2 * (1 + versions)))

    default_size = None if recipe is None else _TRAINING_SIZE

    def read(pair: ImageMaskPair) -> ImageAndMask:
        return _read(pair, dataset.encoding, _read_size(pair.size, image_size or default_size, side))

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoders release Python's lock
        samples = list(pool.map(read, chosen))
    paste = None if recipe is None else _copy_paste(recipe, dataset, image_size or _TRAINING_SIZE)
    blocks = []
    for i, (pair, sample) in enumerate(zip(chosen, samples, strict=True)):
        seeds = np.random.SeedSequence([seed, i]).generate_state(versions)
        augmented = [] if recipe is None else [_augment(recipe, int(s), sample, samples, paste, pair.id) for s in seeds]
        blocks.append(SheetBlock(pair.id, [_downscale(version, side) for version in (sample, *augmented)]))
    title = f"{len(chosen)} of {len(pairs)} photographs" + (f" of the {split} split" if split is not None else "")
    if augment is not None:
        title += f", each unchanged and augmented by {augment}"
    return draw_sheet(blocks, dataset.table, title, stacked=recipe is not None)


def _pairs_of_split(dataset: DatasetFolder, split: str) -> list[ImageMaskPair]:
    if split not in SPLITS:
        raise ConfigError(f"--split {split} is unknown: choose one of {', '.join(SPLITS)}")
    if not dataset.splits[split]:
        raise DataError(f"the {split} split has no photographs: choose another with --split")
    return sorted(dataset.splits[split], key=lambda pair: pair.id)


def _read_size(size: Size, area_of: Size | None, side: int) -> Size:
    """Returns the size to read a photograph at: as many pixels as `area_of` has, or its size on the sheet."""
    return scale_size(size, side / max(size)) if area_of is None else proportional_size(size, area_of)


def _read(pair: ImageMaskPair, encoding: MaskEncoding, size: Size) -> ImageAndMask:
    image = resize_image(read_image(pair.image, size, pair.channels), size, "area")
    return image, resize_mask(read_pair_mask(pair, encoding), size)


def _copy_paste(recipe: Recipe, dataset: DatasetFolder, area_of: Size) -> CopyPaste | None:
    """Returns what pastes things of the training photographs, as training does; None if the recipe pastes none."""
    if recipe.combine.copy_paste == 0:
        return None  # a set that is too small to be split can be shown
    reader = CachedReader(dataset.encoding, "area", NoCache())
    return build_copy_paste(recipe.combine, full_images(dataset.splits["train"], area_of), reader)


def _augment(
    recipe: Recipe,
    seed: int,
    sample: ImageAndMask,
    others: Sequence[ImageAndMask],
    paste: CopyPaste | None,
    own_id: str,
) -> ImageAndMask:
    """Augments a sample as training may, possibly combined with others of its size."""
    rng = np.random.default_rng([seed, 1])
    partners = [other for other in others if other[1].shape == sample[1].shape]
    image, mask = recipe.combine(
        sample,
        lambda: partners[int(rng.integers(len(partners)))],
        rng,
        None if paste is None else partial(paste, own_id=own_id, rng=rng),
    )
    augmented = recipe.pipeline.augment(seed, image=image, mask=mask)
    return augmented["image"], augmented["mask"]


def _downscale(sample: ImageAndMask, side: int) -> ImageAndMask:
    image, mask = sample
    size = scale_size((mask.shape[0], mask.shape[1]), side / max(mask.shape))
    return resize_image(image, size, "area"), resize_mask(mask, size)
