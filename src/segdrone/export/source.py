"""The finished model that is exported, with what a file says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from segdrone.classic import SUFFIX
from segdrone.data import SegmentationDataModule
from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.trained_data import find_split
from segdrone.included import find_model
from segdrone.model.any_size import round_up_to_stride
from segdrone.model.checkpoint import load_model
from segdrone.runtime.description import Description, Precision, Signature
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.utils.digest import digest_of_model
from segdrone.windows import Size

# Options of the training's data that an evaluation of an exported file needs. Others say how and where it was trained.
_NEEDED = (
    "classes", "mask_encoding", "colour_tolerance", "mask_threshold", "unknown", "bands", "stretch", "allow_unpaired",
    "sampling", "scale", "interpolation", "image_size", "test_image_size", "tile_size", "crop_size", "mean", "std",
    "batch_size", "unlabeled",
)  # fmt: skip


class ExportSource:
    """A checkpoint, opened to be exported.

    Args:
        path: The checkpoint.
        window: Height and width that exported graphs take; None if they take any.
        data_root: Folder of the photographs of its training; None is the one that the checkpoint names.
        calibrate: Photographs that int8 is calibrated on; None takes those of the training.
        max_drop: Largest fall of the mIoU by int8, 0 to 1.
        progress: Whether to show progress bars on stderr.

    Attributes:
        path: The checkpoint.
        data_root: The folder that was given.
        calibrate: The folder that was given.
        max_drop: Largest fall of the mIoU by int8, 0 to 1.
        progress: Whether to show progress bars on stderr.
        network: Its network, in evaluation mode, on CPU.
        spec: What it expects and predicts.
        hparams: Hyper-parameters of the checkpoint: `data`, `splits`, ...

    Raises:
        CheckpointError: The checkpoint cannot be opened.
        ConfigError: The network does not take windows of this size, `max_drop` is out of its range, or the file is that
            of a classical model.
    """

    def __init__(
        self,
        path: str | Path,
        window: Size | None = None,
        data_root: str | Path | None = None,
        *,
        calibrate: str | Path | None = None,
        max_drop: float = 0.01,
        progress: bool = False,
    ) -> None:
        if not 0 <= max_drop <= 1:
            raise ConfigError(f"--max-drop {max_drop} must be a share of the mIoU, 0 to 1")
        if Path(path).suffix.lower() == SUFFIX:
            raise ConfigError(f"{path} is a classical model, which is not exported: segdrone predict and serve take it")
        self.path, self.data_root = find_model(path), None if data_root is None else Path(data_root)
        self.calibrate = None if calibrate is None else Path(calibrate)
        self.max_drop, self.progress = max_drop, progress
        with digest_of_model(self.path) as (self._digest,):
            self.network, self.spec, self.hparams = load_model(path)
        if window is not None:  # for programs that know classes only
            self.spec = replace(self.spec, instances=False)
        stride = round_up_to_stride(self.network, 1, 1)
        if window is not None and round_up_to_stride(self.network, *window) != window:
            height, width = round_up_to_stride(self.network, *window)
            raise ConfigError(
                f"--window {window[1]}x{window[0]} is no size of this network: choose multiples of {stride[1]}, "
                f"such as {width}x{height}"
            )
        self.signature = Signature("pixels" if window is None else "unit", "probabilities", stride, window)

    @cached_property
    def backend(self) -> TorchBackend:
        """The checkpoint, run by torch on CPU."""
        return TorchBackend(self.network, self.spec, device="cpu")

    def open_split(self, split: str) -> SegmentationDataModule:
        """Opens the photographs of a split of the training, `train`, `val` or `test`, with their masks.

        Those of `train` have none if they were trained on without masks.

        Raises:
            DataError: They are not there, or the training had none.
        """
        if not self.hparams["splits"].get(split):
            raise DataError(f"{self.path} names no {split} photographs")
        overrides: dict[str, Any] = {} if self.data_root is None else {"root": str(self.data_root)}
        if split == "train" and self.hparams["data"].get("unlabeled"):
            overrides["unlabeled"] = True
        try:
            # The checkpoint lists its photographs: files of the split, which could have changed, are not needed.
            return find_split(self.spec, self.hparams, split, {**overrides, "split_dir": None}, tiled=True)
        except (ConfigError, DataError) as error:
            reason = re.split(": (?:give|say|use) ", str(error))[0]  # options of another command
            raise DataError(
                f"the {split} photographs of {self.path} cannot be opened ({reason}): give their dataset by --data "
                "FOLDER"
            ) from None

    def describe(self, precision: Precision) -> Description:
        """Returns what an exported file of this precision says of itself."""
        return Description(self.spec, self.signature, precision, self._digest, _training(self.hparams))


def _training(hparams: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what an evaluation of the exported file needs to know of the training, without paths."""
    data = {key: hparams["data"][key] for key in _NEEDED if key in hparams["data"]}
    if not isinstance(data.get("classes"), Mapping):  # the path of a table
        data.pop("classes", None)
    split_by, folder = hparams.get("split_by", ""), hparams["data"].get("split_dir")
    if folder:
        split_by = split_by.replace(folder, Path(folder).name)
    training: dict[str, Any] = {"data": data, "splits": hparams["splits"], "split_by": split_by}
    parts = (hparams.get("origin") or {}).get("trained_on", [])
    if names := sorted({name for part in parts for name in part["photographs"]}):
        training["origin"] = {"trained_on": [{"root": None, "photographs": names}]}
    return training
