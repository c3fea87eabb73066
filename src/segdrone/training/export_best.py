"""Export the best checkpoint at the end of a run."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from omegaconf import ListConfig

from segdrone.errors import CheckpointError, ConfigError, explain_error
from segdrone.export.formats import check_formats

log = logging.getLogger(__name__)

_FOLDER = "exported"


def check_export(formats: Any) -> list[str]:
    """Returns the formats of the config key `export`.

    Raises:
        ConfigError: It is not a list, or a format is unknown.
    """
    if not isinstance(formats, list | ListConfig):
        raise ConfigError(f"export={formats} must be a list of formats, such as export=[onnx,openvino]")
    names = [str(name) for name in formats]
    if names:
        check_formats(names)
    return names


def export_best(formats: list[str], checkpoint: str | None, folder: Path) -> None:
    """Exports a checkpoint into the folder of its run, with the parity report.

    Args:
        formats: Names of formats; none exports nothing.
        checkpoint: The best checkpoint; empty or None if the run kept none.
        folder: The folder of the run.

    Raises:
        CheckpointError: The export failed, for any reason. The run is complete.
    """
    if not formats:
        return
    if not checkpoint:
        log.warning("nothing was exported, as this run kept no checkpoint")
        return
    from segdrone.export.run import export  # imports the exporters, which other runs do without

    out = folder / _FOLDER
    try:
        export(checkpoint, formats, out, parity=True)
    except Exception as error:
        raise CheckpointError(
            f"the run in {folder} is complete, but its export failed ({explain_error(error)}): repeat it by segdrone "
            f"export {checkpoint} --to {','.join(formats)} --out {out}"
        ) from error
    log.info("the exported files are in %s", out)
