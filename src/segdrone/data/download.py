"""Render the sample scenes, or download the Semantic Drone Dataset, if the dataset's folder is missing."""

from __future__ import annotations

from pathlib import Path

from segdrone.data.config import DataConfig
from segdrone.errors import DataError
from segdrone.synthetic import write_scenes
from segdrone.utils.atomic import file_lock

KAGGLE_HANDLE = "bulentsiyah/semantic-drone-dataset"

_MISSING = """data.root={root} does not exist; there are three ways to continue:
  data=sample          trains on scenes that segdrone renders, without a download
  data.root=FOLDER     trains on your photographs: a folder with images/ and masks/, or with the dataset's own
                       original_images/ and label_images_semantic/
  data=drone data.download=true
                       downloads the Semantic Drone Dataset (4 GB) from Kaggle into {root}; by hand: download the
                       dataset "{handle}" from kaggle.com and unpack the zip into {root}"""


def ensure_dataset(config: DataConfig) -> None:
    """Makes sure that the dataset's folder exists.

    Raises:
        DataError: The folder is missing and `config` asks for neither rendering nor a download, or the download failed.
    """
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


def _download(root: Path) -> None:
    try:
        import kagglehub
    except ImportError:
        raise DataError("data.download=true needs kagglehub: pip install 'segdrone[download]'") from None
    unpacked = root.with_name(root.name + ".part")
    try:
        kagglehub.dataset_download(KAGGLE_HANDLE, output_dir=str(unpacked), force_download=True)
        unpacked.rename(root)
    except Exception as error:  # kagglehub raises what its HTTP client, its archives and the disk raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"the download of {KAGGLE_HANDLE} failed ({reason}): try again, or unpack the dataset into {root} by hand"
        ) from error
