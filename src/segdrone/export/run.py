"""Export a checkpoint to files, as `segdrone export` does."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segdrone.data import SegmentationDataModule
from segdrone.errors import ConfigError, DataError
from segdrone.export.formats import FORMATS, check_formats
from segdrone.export.parity import SPLIT, ExportedFile
from segdrone.export.parity_report import PARITY_FILES, print_parity, write_parity
from segdrone.export.source import ExportSource
from segdrone.export.trial import check_difference, trial_windows
from segdrone.runtime.backend import check_probabilities
from segdrone.runtime.open_backend import open_backend
from segdrone.utils.atomic import writable_dir
from segdrone.utils.output_dir import exclusive_dir, staged_results
from segdrone.utils.progress import progress_bar
from segdrone.utils.warnings import collect_warnings
from segdrone.windows import Size

log = logging.getLogger(__name__)


def export(
    checkpoint: str | Path,
    formats: Sequence[str],
    out: str | Path,
    *,
    window: Size | None = None,
    data_root: str | Path | None = None,
    calibrate: str | Path | None = None,
    max_drop: float = 0.01,
    parity: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Exports a checkpoint to a folder. Files of earlier exports are replaced when all new ones are written.

    Args:
        checkpoint: A checkpoint that `train.py` wrote.
        formats: Names of `FORMATS`.
        out: Output folder; created if needed. The files get the checkpoint's stem.
        window: Height and width that the exported graphs take, as tools such as QGIS need; None: any size.
        data_root: Folder of the photographs of the training; None is the one that the checkpoint names.
        calibrate: Photographs that int8 is calibrated on; None takes those of the training.
        max_drop: Largest fall of the mIoU by int8, 0 to 1.
        parity: Whether to compare the files with the checkpoint, on its validation photographs if they are there, and
            to write the report: `parity.json` and `parity.html`.
        progress: Whether to show progress bars on stderr, and the report on stdout.

    Returns:
        The files, in the order of `formats`.

    Raises:
        ConfigError: A format is unknown, none is calibrated, the network does not take the window, or another command
            writes to the folder.
        CheckpointError: The checkpoint cannot be opened or exported, or a file does not compute what it does.
        DataError: The folder cannot be written to, or `data_root` does not hold the photographs.
    """
    check_formats([*formats])
    out, names = Path(out), [*dict.fromkeys(formats)]
    if calibrate is not None and all(FORMATS[name].precision != "int8" for name in names):
        raise ConfigError(
            f"--calibrate is for int8, which {', '.join(names)} is not: give --to onnx-int8 or openvino-int8 too, or "
            "leave it out"
        )
    source = ExportSource(checkpoint, window, data_root, calibrate=calibrate, max_drop=max_drop, progress=progress)
    with (
        collect_warnings() as warnings,
        writable_dir(out),
        exclusive_dir(out),
        staged_results(out, PARITY_FILES) as results,
    ):
        photographs = _find_photographs(source) if parity else None
        files = []
        for name in progress_bar(names, "exporting", disable=not progress):
            before = {*results.path.rglob("*")}
            path = results.path / (source.path.stem + FORMATS[name].suffix)
            description = source.describe(FORMATS[name].precision)
            FORMATS[name].write(source, description, path)
            if FORMATS[name].runs_here:
                _check(source, path, exact=FORMATS[name].precision == "fp32")
            written = (file for file in {*results.path.rglob("*")} - before if file.is_file())
            size = sum(file.stat().st_size for file in written)
            files.append(ExportedFile(name, path, size, FORMATS[name].runs_here))
        if parity:
            content = write_parity(source, files, photographs, warnings, results.path, progress=progress)
        results.commit()
    if parity and progress:
        print_parity(content)
    return [out / file.path.name for file in files]


def _find_photographs(source: ExportSource) -> SegmentationDataModule | None:
    """Opens the validation photographs; None, with a warning, if they are not there and no folder was given.

    Raises:
        DataError: They are not in the folder that was given.
    """
    try:
        return source.open_split(SPLIT)
    except DataError as error:
        if source.data_root is not None and source.hparams["splits"].get(SPLIT):
            raise
        log.warning("nothing is compared on photographs: %s", error)
        return None


def _check(source: ExportSource, path: Path, *, exact: bool) -> None:
    """Compares the probabilities of an exported file with those of the network, on noise.

    Raises:
        CheckpointError: They differ by more than rounding.
    """
    exported = open_backend(path, device="cpu")
    for pixels in trial_windows(source.signature):
        probabilities = exported(pixels)
        check_probabilities(exported, pixels, probabilities)
        if exact:
            check_difference(path, source.path, float(np.abs(probabilities - source.backend(pixels)).max()))
