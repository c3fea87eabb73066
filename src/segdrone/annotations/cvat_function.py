"""A function of CVAT's auto-annotation: a model labels the photographs of a task with masks or polygons.

`cvat-cli task auto-annotate TASK --function-module segdrone.annotations.cvat_function -p model=str:best.onnx` calls
`create`, and then `detect` for each photograph. It runs where cvat-cli runs; the server gets the shapes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from segdrone.annotations.export.encodings import cvat_counts, flat_points
from segdrone.annotations.export.regions import mask_regions, outline_regions
from segdrone.errors import ConfigError, DataError
from segdrone.inference.predictor import Predictor
from segdrone.raster.array import ArraySource
from segdrone.raster.channels import choose_of_three
from segdrone.raster.header import is_deep
from segdrone.runtime.open_backend import open_backend

_MOST_SHAPES = 1000  # of a photograph, as segdrone data export-labels --to cvat writes them


class SegmentationFunction:
    """Predicts photographs, and returns the regions as CVAT's shapes.

    Attributes:
        spec: Names of the classes, which CVAT finds among the labels of the task.

    Args:
        predictor: The model.

    Raises:
        ConfigError: The extra labels is not installed.
    """

    def __init__(self, predictor: Predictor) -> None:
        try:
            from cvat_sdk import auto_annotation
        except ModuleNotFoundError:
            raise ConfigError("CVAT needs cvat-sdk: pip install 'segdrone[labels]'") from None
        self._predictor, self._cvat = predictor, auto_annotation
        labels = [auto_annotation.label_spec(name, i, type="mask") for i, name in enumerate(predictor.table.names)]
        self.spec = auto_annotation.DetectionFunctionSpec(labels=labels)

    def detect(self, context: Any, image: Image.Image) -> list[Any]:
        """Returns the shapes of a photograph: masks, or polygons if `context.conv_mask_to_poly`.

        Args:
            context: A `DetectionFunctionContext`.
            image: The photograph.

        Raises:
            ConfigError: Shapes below a confidence are to be left out, and shapes have none.
            DataError: The photograph has more than 8 bits per channel, or not the bands that the model takes.
        """
        if context.conf_threshold is not None:
            raise ConfigError("shapes of a segmentation have no confidence: leave out --conf-threshold")
        mask, table = self._predictor(self._source(image, context.frame_name)).mask, self._predictor.table
        mask = np.where(mask == table.ignore_index, np.uint8(255), mask)
        if context.conv_mask_to_poly:
            regions = outline_regions(mask, None, len(table), _MOST_SHAPES)
            return [
                self._cvat.polygon(shape.class_id, flat_points(outline))
                for shape in regions.shapes
                for outline in shape.outlines
            ]
        shapes = []
        for shape in mask_regions(mask, None, len(table), _MOST_SHAPES).shapes:
            box, counts = cvat_counts(shape, (mask.shape[0], mask.shape[1]))
            corners = [box.left, box.top, box.left + box.width - 1, box.top + box.height - 1]
            shapes.append(self._cvat.mask(shape.class_id, [*counts.tolist(), *corners]))
        return shapes

    def _source(self, image: Image.Image, name: str) -> ArraySource:
        """Returns the pixels as displayed, as the model was trained on them; transparent ones are no data."""
        spec = self._predictor.backend.spec
        if is_deep(image) or image.mode[0] in "IF":
            raise DataError(
                f"{name} has more than 8 bits per channel, which are not read here: label it by segdrone predict "
                "--labels cvat"
            )
        image = ImageOps.exif_transpose(image)
        valid = None
        if image.has_transparency_data:
            image = image.convert("RGBA")
            valid = np.asarray(image.getchannel("A")) > 0 if spec.bands is None else None
        pixels = choose_of_three(np.asarray(image.convert("RGB")), spec.bands, name)
        return ArraySource(pixels, valid, spec.interpolation)


def create(model: str, device: str = "auto") -> SegmentationFunction:
    """Opens a model for `cvat-cli`, which passes `-p model=str:best.onnx` and `-p device=str:cuda` on.

    Args:
        model: An exported file or a checkpoint.
        device: As of `open_backend`.

    Raises:
        CheckpointError: The model cannot be opened.
        ConfigError: The device is not there.
    """
    return SegmentationFunction(Predictor(open_backend(model, device=device)))
