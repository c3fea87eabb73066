"""A contact sheet: photographs with their masks laid over them, as they are or as training varies them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from segdrone import figures
from segdrone.classes import ClassTable
from segdrone.data.augment import Pipeline, build_transforms
from segdrone.data.mask_encoding import MaskEncoding
from segdrone.data.mask_files import read_mask
from segdrone.data.multi_image import MultiImageAugment
from segdrone.data.pairs import ImageMaskPair
from segdrone.data.split import SPLITS, random_split, read_split
from segdrone.errors import ConfigError, DataError
from segdrone.inspection.stats import open_dataset
from segdrone.raster.decode import read_image
from segdrone.raster.pixels import resize_image, resize_mask
from segdrone.windows import Size

CONF = Path("conf", "augment")
"""Where `augment` is looked for by name, below the working folder."""

_TRAINED = 704 * 1056  # pixels of a photograph at the size that conf/data trains at
_SHEET = 4e6  # pixels of a sheet, aimed at
_LONGER_SIDE = (260, 1000)  # pixels of a picture on the sheet, at least and at most
_SHAPE = 1.5  # width of a sheet over its height, aimed at
_GAP, _MARGIN = 24, 24  # pixels
_DPI = 100

Photograph = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # uint8 [H, W, 3] and its mask, uint8 [H, W]


class Recipe(NamedTuple):
    """What training does to photographs."""

    pipeline: Pipeline
    combine: MultiImageAugment


class SheetBlock(NamedTuple):
    """A photograph with its mask, and perhaps variants of both."""

    title: str
    versions: list[Photograph]


def contact_sheet(
    root: Path,
    *,
    count: int = 12,
    seed: int = 0,
    split: str | None = None,
    split_dir: Path | None = None,
    augment: str | None = None,
    versions: int = 3,
    image_size: Size | None = None,
    **choices: Any,
) -> Figure:
    """Draws photographs chosen at random, each beside its mask laid over it, over a legend of the classes.

    Args:
        root: The dataset's folder.
        count: How many photographs; all where there are fewer.
        seed: The same seed chooses the same photographs, and varies them alike.
        split: `train`, `val` or `test`, instead of all photographs.
        split_dir: Folder of train.txt, val.txt, test.txt; None is the random split that training makes.
        augment: Draw `versions` of each as well that these transforms make, as training does: the path of
            a YAML file with a list under `train`, or the name of one in `CONF`.
        versions: How many.
        image_size: Height and width that photographs are resized to before they are varied, as training
            resizes them; None keeps their shape, at as many pixels as the default size has.
        **choices: Further arguments of `open_dataset`.

    Raises:
        DataError: The dataset or the split cannot be read, or the split is empty.
        ConfigError: The transforms cannot be found or read, or a number is below 1.
    """
    if min(count, versions, *(image_size or ())) < 1:
        raise ConfigError("--count, --versions and the sides of --image-size must be 1 or more")
    recipe = load_recipe(augment) if augment is not None else None
    pairs, labels = open_dataset(root, **choices)
    if split is not None:
        pairs = _of_split(pairs, split, split_dir)
    chosen = [pairs[i] for i in sorted(np.random.default_rng(seed).permutation(len(pairs))[:count])]
    side = _longer_side(len(chosen) * (2 if recipe is None else 2 * (1 + versions)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoders release Python's lock
        read = pool.map(lambda pair: _read(pair, labels, image_size or _sized(pair.size, recipe, side)), chosen)
        photographs = list(read)
    blocks = []
    for place, (pair, photograph) in enumerate(zip(chosen, photographs, strict=True)):
        seeds = np.random.SeedSequence([seed, place]).generate_state(versions)
        varied = [] if recipe is None else [_vary(recipe, int(one), photograph, photographs) for one in seeds]
        blocks.append(SheetBlock(pair.id, [_reduced(one, side) for one in (photograph, *varied)]))
    which = f"{len(chosen)} of {len(pairs)} photographs" + (f" of the {split} split" if split is not None else "")
    how = f", each as it is and as {augment} varies it" if augment is not None else ""
    return draw_sheet(blocks, labels.table, which + how, stacked=recipe is not None)


def draw_sheet(blocks: Sequence[SheetBlock], table: ClassTable, title: str, *, stacked: bool) -> Figure:
    """Draws blocks in rows and columns under their titles, and a legend of the classes that occur.

    Args:
        blocks: What to draw, at the size it is drawn at; at least one.
        table: The classes.
        title: Of the whole sheet.
        stacked: Lay each mask below its photograph, versions side by side; else beside it.
    """
    pictures = [_picture(block, table, stacked) for block in blocks]
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    columns = _columns(len(pictures), width + _GAP, height + 2 * _GAP)
    rows = math.ceil(len(pictures) / columns)
    present = np.unique(np.concatenate([np.unique(mask) for block in blocks for _, mask in block.versions]))
    patches = figures.legend_patches([int(i) for i in present], table)
    across = max(columns * (width + _GAP) - _GAP, 480)
    font = float(np.clip(across / 170, 10, 18))  # points
    line = round(2 * font)  # pixels
    if present[-1] == table.ignore_index:
        patches[-1].set_hatch("////")
    longest = max(len(str(patch.get_label())) for patch in patches)
    legend_columns = min(len(patches), max(1, int(across / (font * (4.5 + 0.85 * longest)))))
    legend = math.ceil(len(patches) / legend_columns) * line + _MARGIN
    size = (across + 2 * _MARGIN, 2 * _MARGIN + line + rows * (height + line + _GAP) + legend)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI, facecolor="white")

    def text(left: int, top: int, words: str, room: int, **style: Any) -> None:
        shown = figure.text(left / size[0], 1 - top / size[1], words, fontsize=font, va="center", **style)
        half = len(words) // 2
        while shown.get_window_extent().width > room and half > 1:
            half -= 1
            shown.set_text(f"{words[:half]}\u2026{words[-half:]}")

    text(_MARGIN, _MARGIN + line // 2, title, across, weight="bold")
    for place, (block, picture) in enumerate(zip(blocks, pictures, strict=True)):
        row, column = divmod(place, columns)
        left, top = _MARGIN + column * (width + _GAP), _MARGIN + line + row * (height + line + _GAP)
        text(left, top + line // 2, block.title, width)
        figure.figimage(picture, left, size[1] - top - line - picture.shape[0], origin="upper")
    figure.legend(handles=patches, loc="lower center", ncols=legend_columns, fontsize=font, frameon=False,
                  borderaxespad=0.5, handlelength=1.4, columnspacing=1.2)  # fmt: skip
    return figure


def load_recipe(source: str) -> Recipe:
    """Returns what training does to photographs, from a YAML file such as those of conf/augment.

    Args:
        source: Its path, or its name without `.yaml` in `CONF`.

    Raises:
        ConfigError: There is no such file, or it holds no list of transforms under `train`, or one that
            cannot be carried out.
    """
    path = next((path for path in (Path(source), CONF / f"{source}.yaml") if path.is_file()), None)
    if path is None:
        raise ConfigError(
            f"--augment {source} is neither a YAML file nor the name of one in {CONF.absolute()}: "
            "give a path, or run in the project's folder"
        )
    content = _load(path)
    if not isinstance(content.get("train"), list):
        raise ConfigError(f"{path} holds no list of transforms under `train`: write one as in conf/augment")
    transforms = build_transforms(content["train"], "augment.train")
    return Recipe(
        Pipeline(transforms, mean=(0, 0, 0), std=(1, 1, 1)), MultiImageAugment.from_dict(content.get("combine") or {})
    )


def _load(path: Path) -> dict[str, Any]:
    """Reads a YAML file over those that its `defaults` name beside it, as Hydra would."""
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except (OmegaConfBaseException, YAMLError, ValueError, OSError) as error:
        raise ConfigError(f"{path} cannot be read ({' '.join(str(error).split())}): mend the YAML") from None
    if not isinstance(content, dict):
        return {}
    base: dict[str, Any] = {}
    for name in content.pop("defaults", []):
        base |= _load(path.with_name(f"{name}.yaml")) if name != "_self_" else {}
    return base | {str(key): value for key, value in content.items()}


def _of_split(pairs: list[ImageMaskPair], split: str, split_dir: Path | None) -> list[ImageMaskPair]:
    if split not in SPLITS:
        raise ConfigError(f"--split {split} is unknown: choose one of {', '.join(SPLITS)}")
    ids = [pair.id for pair in pairs]
    names = {*(random_split(ids) if split_dir is None else read_split(split_dir, ids))[split]}
    if not names:
        raise DataError(f"the {split} split has no photographs: choose another with --split")
    return [pair for pair in pairs if pair.id in names]


def _sized(size: Size, recipe: Recipe | None, side: int) -> Size:
    """The size to read a photograph at: what is drawn, or what would be trained on."""
    return _scaled(size, side / max(size) if recipe is None else math.sqrt(_TRAINED / math.prod(size)))


def _scaled(size: Size, factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _read(pair: ImageMaskPair, labels: MaskEncoding, size: Size) -> Photograph:
    assert pair.mask is not None  # find_pairs gives masks
    image = resize_image(read_image(pair.image, at_least=size), size, "area")
    return image, resize_mask(labels.remap(read_mask(pair.mask, labels)), size)


def _vary(recipe: Recipe, seed: int, photograph: Photograph, others: Sequence[Photograph]) -> Photograph:
    """What training might make of a photograph, and perhaps of others of its size."""
    rng = np.random.default_rng([seed, 1])
    alike = [other for other in others if other[1].shape == photograph[1].shape]
    image, mask = recipe.combine(photograph, lambda: alike[int(rng.integers(len(alike)))], rng)
    varied = recipe.pipeline.augment(seed, image=image, mask=mask)
    return varied["image"], varied["mask"]


def _reduced(photograph: Photograph, side: int) -> Photograph:
    image, mask = photograph
    size = _scaled((mask.shape[0], mask.shape[1]), side / max(mask.shape))
    return resize_image(image, size, "area"), resize_mask(mask, size)


def _picture(block: SheetBlock, table: ClassTable, stacked: bool) -> NDArray[np.uint8]:
    images = [image for image, _ in block.versions]
    laid_over = [figures.overlay(image, mask, table) for image, mask in block.versions]
    cells = [images, laid_over] if stacked else [[*images, *laid_over]]
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    return np.vstack([np.hstack([_framed(image, height, width) for image in row]) for row in cells])


def _framed(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Puts an image amid white of a given size and 2 pixels more on either side."""
    above, left = (height - image.shape[0]) // 2, (width - image.shape[1]) // 2
    framed = np.full((height + 4, width + 4, 3), 255, np.uint8)
    framed[2 + above : 2 + above + image.shape[0], 2 + left : 2 + left + image.shape[1]] = image
    return framed


def _longer_side(pictures: int) -> int:
    """The longer side of every picture, in pixels; two thirds of its square are taken to be filled."""
    return int(np.clip(math.sqrt(_SHEET / pictures / 0.67), *_LONGER_SIDE))


def _columns(blocks: int, width: int, height: int) -> int:
    """The number of columns that brings a sheet of blocks nearest to its shape."""

    def distance(columns: int) -> float:
        return abs(math.log(columns * width / (math.ceil(blocks / columns) * height * _SHAPE)))

    return min(range(1, blocks + 1), key=distance)
