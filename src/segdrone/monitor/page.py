"""Write what monitoring found as one HTML file, in the form of the evaluation's report."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.evaluation.html_report import write_page
from segdrone.evaluation.provenance import describe_run
from segdrone.inference.inputs import SETTINGS
from segdrone.inference.outputs import SUFFIXES
from segdrone.monitor.report import describe_truth, verdict
from segdrone.monitor.run import Monitoring
from segdrone.raster.decode import open_upright
from segdrone.utils.atomic import writable_dir, write_json
from segdrone.utils.output_dir import exclusive_dir, staged_results

RESULTS = ("monitor.html", "monitor.json")

_THUMBNAIL = 480  # pixels of the longer side


def write_monitor_files(found: Monitoring, report: Mapping[str, Any], folder: Path) -> None:
    """Writes `monitor.html` and `monitor.json` to a folder, together or not at all.

    Raises:
        ConfigError: The folder is one of predictions.
        DataError: The folder cannot be written to.
    """
    if (folder / SETTINGS).exists():
        raise ConfigError(f"{folder} holds predictions: give another --out")
    with writable_dir(folder), exclusive_dir(folder), staged_results(folder, RESULTS) as results:
        _write_page(found, report, results.path / RESULTS[0])
        write_json(dict(report), results.path / RESULTS[1])
        results.commit()


def _write_page(found: Monitoring, report: Mapping[str, Any], path: Path) -> None:
    """Writes the page.

    Args:
        found: What was found; its folder may have overlays, of which the page shows the strangest.
        report: The content of `monitor.json`.
        path: The file.
    """
    provenance = describe_run([], torch.device("cpu"), reference=report["reference"])
    del provenance["data_fingerprint"]
    names = {f"{kind}_{name}": name for kind in ("share", "confidence") for name in found.photographs.table.names}
    photographs = [
        {**row, "thumbnail": _thumbnail(found, photograph.row)}
        for row, photograph in zip(report["strangest"], found.strange, strict=True)
    ]
    write_page(
        path, "monitor.html", "monitoring", str(report["source"]), found.photographs.table, provenance,
        report=report,
        verdict=verdict(report),
        class_of=names,
        truth_sentence=describe_truth(report["truth"]) if report.get("truth") else None,
        photographs=photographs,
        inference=None,
    )  # fmt: skip


def _thumbnail(found: Monitoring, row: int) -> str | None:
    """Returns an overlay as a small data URI; None if the folder has none."""
    name = found.photographs.masks[row].removeprefix("masks/").removesuffix(SUFFIXES["masks"])
    file = found.photographs.folder / "overlays" / (name + SUFFIXES["overlays"])
    if not name or not file.is_file():  # frames of videos have no name
        return None
    try:
        with open_upright(file) as image:
            image.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
            encoded = io.BytesIO()
            image.convert("RGB").save(encoded, "JPEG", quality=80)
    except DataError:
        return None
    return f"data:image/jpeg;base64,{b64encode(encoded.getvalue()).decode()}"
