"""Find the photographs and their masks under a folder, and pair them by name."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segdrone.errors import DataError
from segdrone.raster.decode import IMAGE_SUFFIXES, check_eight_bit, read_header, read_size
from segdrone.windows import Size

log = logging.getLogger(__name__)


# Folders of photographs and masks below the root, as the public copies of the dataset unpack.
_KAGGLE = ("original_images", "label_images_semantic")
_TU_GRAZ = ("training_set/images", "training_set/gt/semantic/label_images")
_PARENTS = ("", "semantic_drone_dataset/", "dataset/semantic_drone_dataset/")
FOLDER_LAYOUTS = (
    *((parent + images, parent + masks) for images, masks in (_KAGGLE, _TU_GRAZ) for parent in _PARENTS),
    ("images", "masks"),
)


@dataclass(frozen=True)
class ImageMaskPair:
    """One photograph with its mask.

    Attributes:
        id: The file name without its suffix, shared by both files.
        image: The photograph.
        mask: Its mask; None where photographs are only to be predicted.
        size: Height and width in pixels, as displayed (EXIF orientation applied).
    """

    id: str
    image: Path
    mask: Path | None
    size: Size


def find_folders(root: Path, images: str | None = None, masks: str | None = None) -> tuple[Path, Path]:
    """Returns the folders of photographs and of masks.

    Args:
        root: The dataset's folder, in one of `FOLDER_LAYOUTS`.
        images: The folder of photographs by name instead, below `root` or anywhere.
        masks: The folder of masks by name instead.

    Raises:
        DataError: A named folder or the root is missing, or the root has none of the layouts.
    """
    if images is not None and masks is not None:
        return _named(root, images, "data.images"), _named(root, masks, "data.masks")
    if images is not None or masks is not None:
        raise DataError("data.images and data.masks belong together: give both, or neither and a data.root")
    if not root.is_dir():
        raise DataError(f"data.root={root} does not exist: give the folder that holds the photographs and masks")
    for image_folder, mask_folder in FOLDER_LAYOUTS:
        if (root / image_folder).is_dir() and (root / mask_folder).is_dir():
            return root / image_folder, root / mask_folder
    known = ", ".join(
        f"{image_folder} + {mask_folder}" for image_folder, mask_folder in (_KAGGLE, _TU_GRAZ, FOLDER_LAYOUTS[-1])
    )
    raise DataError(
        f"data.root={root} holds no folders of photographs and masks that are known by name ({known}): "
        "name yours with data.images=FOLDER data.masks=FOLDER"
    )


def find_image_folder(root: Path, images: str | None = None) -> Path:
    """Returns the folder of photographs to predict: named, of a known layout, or the root itself.

    Raises:
        DataError: The named folder is missing.
    """
    if images is not None:
        return _named(root, images, "data.images")
    return next((root / folder for folder, _ in FOLDER_LAYOUTS if (root / folder).is_dir()), root)


def find_pairs(images: Path, masks: Path, *, allow_unpaired: bool = False) -> list[ImageMaskPair]:
    """Returns every photograph of `images` with the mask of the same name, sorted by id.

    Args:
        images: Folder of photographs.
        masks: Folder of masks, at the photographs' sizes.
        allow_unpaired: Leave out what has no partner instead of refusing it.

    Raises:
        DataError: A folder holds no images or one name twice, partners are missing, a file is no
            image, or a mask has another size than its photograph.
    """
    photographs, labels = _by_id(images), _by_id(masks)
    paired = sorted(photographs.keys() & labels.keys())
    without_mask = sorted(photographs.keys() - labels.keys())
    without_photograph = sorted(labels.keys() - photographs.keys())
    if (without_mask or without_photograph) and not (allow_unpaired and paired):
        found = [
            f"{len(ids)} {what}: {_some(folder[i].name for i in ids)}"
            for ids, what, folder in (
                (without_mask, f"in {images} without a mask", photographs),
                (without_photograph, f"in {masks} without a photograph", labels),
            )
            if ids
        ]
        remedy = f"add them, or go on with the {len(paired)} pairs: data.allow_unpaired=true"
        raise DataError(f"{'; '.join(found)}; {remedy if paired else 'a mask must be named as its photograph is'}")
    pairs = _checked(paired, lambda name: _pair(name, photographs[name], labels[name]))
    alpha = [pair.image.name for pair in pairs if read_header(pair.image).mode in ("RGBA", "LA", "PA")]
    if alpha:
        log.warning("%d photographs have an alpha channel, which is dropped: %s", len(alpha), _some(alpha, 3))
    return pairs


def find_photographs(images: Path) -> list[ImageMaskPair]:
    """Returns every photograph of a folder, without masks, sorted by id.

    Raises:
        DataError: The folder is missing or holds no images, one name twice, or a file that is none.
    """
    photographs = _by_id(images)
    return _checked(
        sorted(photographs), lambda name: ImageMaskPair(name, photographs[name], None, read_size(photographs[name]))
    )


def stem(path: Path) -> str:
    """Returns what pairs a photograph with its mask: the name without its suffix.

    Accents are joined to their letters, which a Mac writes apart.
    """
    return unicodedata.normalize("NFC", path.stem)


def _named(root: Path, folder: str, key: str) -> Path:
    for path in (root / folder, Path(folder)):
        if path.is_dir():
            return path
    raise DataError(f"{key}={folder} is no folder, neither below data.root={root} nor from here: mend the path")


def _by_id(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: mend the path")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            name = stem(path)
            if name in found:
                raise DataError(f"{found[name]} and {path} have one name: rename or remove one of them")
            found[name] = path
    if not found:
        raise DataError(f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}): give the folder that does")
    return found


def _pair(name: str, image: Path, mask: Path) -> ImageMaskPair:
    header, mask_header = read_header(image), read_header(mask)
    size, mask_size = header.size, mask_header.size
    check_eight_bit(image, header.mode)
    if size == mask_size[::-1] and header.orientation != mask_header.orientation:
        raise DataError(
            f"{image} is turned by its EXIF orientation {header.orientation} and its mask {mask} by "
            f"{mask_header.orientation}: they do not lie on one another; turn the mask, or save the photograph upright"
        )
    if size != mask_size:
        raise DataError(
            f"{mask} is {mask_size[1]} x {mask_size[0]} pixels but its photograph {image.name} is "
            f"{size[1]} x {size[0]}: export the mask again at the photograph's size"
        )
    return ImageMaskPair(name, image, mask, size)


def _checked(names: Sequence[str], build: Callable[[str], ImageMaskPair]) -> list[ImageMaskPair]:
    """Builds every pair, and tells of all that failed rather than of the first."""
    pairs, problems = [], []
    for name in names:
        try:
            pairs.append(build(name))
        except DataError as error:
            problems.append(str(error))
    if problems:
        more = f" (and {len(problems) - 3} more like it)" if len(problems) > 3 else ""
        raise DataError("; ".join(problems[:3]) + more)
    return pairs


def _some(names: Iterable[str], most: int = 10) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
