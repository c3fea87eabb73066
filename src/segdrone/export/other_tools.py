"""Metadata by which other programs open an exported file: QGIS Deepness, GeoDeep, OpenVINO Model API."""

from __future__ import annotations

import json
from typing import Any

from segdrone.runtime.description import Description

_OVERLAP = 15  # percent of a tile


def deepness_metadata(description: Description) -> dict[str, str]:
    """Returns the ONNX metadata that QGIS Deepness reads; its values are JSON.

    Deepness divides pixels by 255 itself, and takes mean 0 and std 1 where they are not given otherwise. It sets
    outputs below `seg_thresh` to zero. GeoDeep reads `class_names` and takes the tile from the shape of the input.
    """
    spec, window = description.spec, description.signature.window
    assert window is not None
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
    if spec.gsd is not None:
        values["resolution"] = 100 * sum(spec.gsd) / 2  # cm per pixel
    return {name: json.dumps(value) for name, value in values.items()}
