"""Metadata by which other programs open an exported file: QGIS Deepness, GeoDeep (WebODM), OpenVINO Model API."""

from __future__ import annotations

import json
import logging
from typing import Any

from segdrone.errors import ConfigError
from segdrone.inference.ground_scale import geometric_mean, training_scale
from segdrone.runtime.description import Description
from segdrone.spec import ModelSpec

log = logging.getLogger(__name__)

_OVERLAP = 15  # percent of a tile


def onnx_metadata(description: Description) -> dict[str, str]:
    """Returns the ONNX metadata that other programs read; none for a graph of any size, which none of them opens."""
    if description.signature.window is None:
        return {}
    # Model API reads an ONNX file's metadata as it reads rt_info: the path of a value, joined by spaces.
    model_api = {f"model_info {name}": value for name, value in model_api_info(description).items()}
    return {**model_api, **deepness_metadata(description)}


def deepness_metadata(description: Description) -> dict[str, str]:
    """Returns the ONNX metadata that QGIS Deepness reads; its values are JSON. It is empty if the window is no square.

    Deepness divides pixels by 255, and takes the class of the largest output. It sets outputs below `seg_thresh` to
    zero first. GeoDeep reads the same names, except of the size and the standardization: its tile is as wide as the
    input, and always a square.
    """
    spec, window = description.spec, description.signature.window
    assert window is not None
    if window[0] != window[1]:
        log.warning(
            "QGIS Deepness and GeoDeep open square windows only, not %dx%d: give another --window to use them",
            *window[::-1],
        )
        return {}
    values: dict[str, Any] = {
        "model_type": "Segmentor",
        "class_names": {str(i): name for i, name in enumerate(spec.classes.names)},
        "tile_size": window[1],
        "tiles_size": window[1],  # the name in its documents
        "tiles_overlap": _OVERLAP,
        "standardization_mean": [0.0, 0.0, 0.0],  # the graph normalizes
        "standardization_std": [1.0, 1.0, 1.0],
        "seg_thresh": 0.0,
        "seg_small_segment": 0,
    }
    if (resolution := _resolution(spec)) is not None:
        values["resolution"] = resolution
    return {name: json.dumps(value) for name, value in values.items()}


def _resolution(spec: ModelSpec) -> float | None:
    """Returns the centimeters of ground that a pixel of the network covered in training; None if unknown.

    Both programs resize a map to this resolution before they cut it into windows, as `--gsd auto` does.
    """
    if spec.gsd is None:
        return None
    try:
        return 100 * geometric_mean(spec.gsd) / training_scale(spec)  # of the photographs at their own size
    except ConfigError:
        return None


def model_api_info(description: Description) -> dict[str, str]:
    """Returns what OpenVINO Model API reads: the graph normalizes, so that mean and scale only undo 0..255.

    Model API takes class 0 for the background: it outlines the others, and calls class i `labels[i - 1]`. It splits
    labels at spaces. It resizes an image to the window, and its classes back.
    """
    scale = "255" if description.signature.input == "unit" else "1"
    return {
        "model_type": "Segmentation",
        "labels": " ".join("_".join(name.split()) for name in description.spec.classes.names[1:]),
        "mean_values": "0 0 0",
        "scale_values": f"{scale} {scale} {scale}",
        "reverse_input_channels": "True",  # it reads BGR
    }
