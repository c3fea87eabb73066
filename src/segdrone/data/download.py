"""Render the sample scenes, download the Semantic Drone Dataset, or cut maps, if the dataset's folder is missing."""

from __future__ import annotations

import logging
from pathlib import Path

from segdrone.data.config import MAPS, DataConfig
from segdrone.errors import DataError
from segdrone.raster.channels import AS_STORED
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import file_lock
from segdrone.utils.stall import pause_watch

log = logging.getLogger(__name__)

KAGGLE_HANDLE = "bulentsiyah/semantic-drone-dataset"

_MISSING = """data.root={root} does not exist; there are three ways to continue:
  data=sample          trains on scenes that segdrone renders, without a download
  data.root=FOLDER     trains on your photographs: a folder with images/ and masks/, or with the dataset's own
                       original_images/ and label_images_semantic/
  data=drone data.download=true
                       downloads the Semantic Drone Dataset (4 GB) from Kaggle into {root}; by hand: download the
                       dataset "{handle}" from kaggle.com and unpack the zip into {root}"""


def ensure_dataset(config: DataConfig) -> DataConfig:
    """Makes sure that the dataset's folder exists.

    Returns:
        The config of the folder: where maps were cut, that of their tiles, which hold the bands and the classes.

    Raises:
        DataError: The folder is missing and `config` does not say how to get it, or that failed.
        ConfigError: An option of the maps is missing or out of its range.
    """
    if config.rasters is not None:
        return _cut(config)
    root = Path(config.root)
    if config.sample is not None:
        scenes = config.sample
        write_scenes(root, **scenes.model_dump())
    elif config.images is None and not root.exists():
        if not config.download:
            raise DataError(_MISSING.format(root=root, handle=KAGGLE_HANDLE))
        with file_lock(root.with_name(f".{root.name}.lock")):
            if not root.exists():
                _download(root)
    return config


def _cut(config: DataConfig) -> DataConfig:
    from segdrone.data.maps.cut import cut_maps  # needs the extra geo
    from segdrone.data.maps.options import CutOptions

    channels = config.channels
    options = CutOptions(
        rasters=config.rasters or (),
        labels=config.labels or (),
        attribute=config.class_attribute,
        classes=config.classes,
        aoi=config.aoi,
        block=config.block_m,
        tile=config.map_tile,
        gsd=config.map_gsd,
        test_share=config.test_share,
        val_share=config.val_share,
        split_seed=config.split_seed,
        channels=channels,
    )
    summary = cut_maps(options, Path(config.root) if config.root else None)
    log.info("%s", summary)
    if channels != AS_STORED:
        log.info("the tiles hold the bands of the maps that %s chooses, and so does the model read maps", channels)
    return config.replace(root=str(summary.root), classes=None, bands=None, stretch=None, **dict.fromkeys(MAPS))


def _download(root: Path) -> None:
    try:
        import kagglehub
    except ImportError:
        raise DataError("data.download=true needs kagglehub: pip install 'segdrone[download]'") from None
    unpacked = root.with_name(root.name + ".part")
    try:
        with pause_watch():
            kagglehub.dataset_download(KAGGLE_HANDLE, output_dir=str(unpacked), force_download=True)
        unpacked.rename(root)
    except Exception as error:  # kagglehub raises what its HTTP client, its archives and the disk raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"the download of {KAGGLE_HANDLE} failed ({reason}): try again, or unpack the dataset into {root} by hand"
        ) from error
