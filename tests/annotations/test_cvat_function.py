"""CVAT's own driver maps the shapes to a task's labels, and its own decoder gives the pixels back."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.errors import ConfigError, DataError
from segdrone.inference.predictor import Predictor
from segdrone.runtime.description import Description, Signature
from segdrone.runtime.open_backend import open_backend
from tests.helpers.exported import random_pixels
from tests.helpers.serving import OTHER, TILED, write_model
from tests.helpers.small_graphs import graph, write

pytest.importorskip("cvat_sdk", reason="the extra labels")
CONTEXT = SimpleNamespace(frame_name="a.jpg", conf_threshold=None, conv_mask_to_poly=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "net.onnx", other=True)


@pytest.fixture(scope="module")
def photograph() -> NDArray[np.uint8]:
    return np.asarray(random_pixels(1, 60, 90)[0], np.uint8)


def drawn(shapes: list[Any], size: tuple[int, int]) -> NDArray[np.uint8]:
    from cvat_sdk.masks import decode_mask

    mask = np.full(size, 255, np.uint8)
    for shape in shapes:
        assert str(shape.type) == "mask"
        pixels = decode_mask(shape.points, image_width=size[1], image_height=size[0])
        assert (mask[pixels] == 255).all()
        mask[pixels] = shape.label_id
    return mask


def test_masks_are_the_pixels_of_the_prediction(model: Path, photograph: NDArray[np.uint8]) -> None:
    from segdrone.annotations import cvat_function

    function = cvat_function.create(str(model), device="cpu")
    shapes = function.detect(CONTEXT, Image.fromarray(photograph))
    expected = Predictor(open_backend(model, device="cpu"))(photograph).mask
    assert len(np.unique(expected)) > 1
    assert np.array_equal(drawn(shapes, expected.shape[:2]), expected)
    assert [label.name for label in function.spec.labels] == [*OTHER.classes.names]


def test_transparent_pixels_are_in_no_shape_and_turned_photographs_are_turned(
    model: Path, photograph: NDArray[np.uint8]
) -> None:
    from segdrone.annotations import cvat_function

    function = cvat_function.create(str(model), device="cpu")
    alpha = np.full(photograph.shape[:2], 255, np.uint8)
    alpha[:10] = 0
    mask = drawn(function.detect(CONTEXT, Image.fromarray(np.dstack([photograph, alpha]))), (60, 90))
    assert (mask[:10] == 255).all()
    assert (mask[10:] != 255).all()
    turned = Image.fromarray(np.rot90(photograph).copy())
    turned.getexif()[0x0112] = 6  # is to be turned clockwise
    displayed = drawn(function.detect(CONTEXT, Image.fromarray(photograph)), (60, 90))
    assert np.array_equal(drawn(function.detect(CONTEXT, turned), (60, 90)), displayed)


def test_pixels_are_those_that_the_model_was_trained_on(tmp_path: Path, photograph: NDArray[np.uint8]) -> None:
    from segdrone.annotations import cvat_function

    spec = dataclasses.replace(TILED, bands=(3, 2, 1), interpolation="nearest", scale=0.5)
    model = write(graph(), tmp_path / "net.onnx", Description(spec, Signature("unit", "probabilities")))
    Image.fromarray(photograph).save(tmp_path / "a.png")
    function = cvat_function.create(str(model), device="cpu")
    alpha = np.full(photograph.shape[:2], 255, np.uint8)
    alpha[:10] = 0  # another band, which the model leaves out
    expected = Predictor(open_backend(model, device="cpu"))(tmp_path / "a.png").mask
    for image in (Image.open(tmp_path / "a.png"), Image.fromarray(np.dstack([photograph, alpha]))):
        assert np.array_equal(drawn(function.detect(CONTEXT, image), expected.shape[:2]), expected)


def test_more_than_eight_bits_and_bands_that_are_not_there_are_refused(
    tmp_path: Path, photograph: NDArray[np.uint8]
) -> None:
    from segdrone.annotations import cvat_function

    spec = dataclasses.replace(TILED, bands=(5, 3, 2))
    model = write(graph(), tmp_path / "net.onnx", Description(spec, Signature("unit", "probabilities")))
    function = cvat_function.create(str(model), device="cpu")
    with pytest.raises(DataError, match="a.jpg has three bands, and the model takes the bands 5, 3, 2"):
        function.detect(CONTEXT, Image.fromarray(photograph))
    cv2.imwrite(str(tmp_path / "deep.png"), photograph.astype(np.uint16) * 16)
    for image in (Image.open(tmp_path / "deep.png"), Image.fromarray(photograph[..., 0].astype(np.uint16))):
        with pytest.raises(DataError, match="a.jpg has more than 8 bits per channel"):
            function.detect(CONTEXT, image)


def test_cvats_driver_takes_the_shapes(model: Path, photograph: NDArray[np.uint8]) -> None:
    import cvat_sdk.models as models
    from cvat_sdk.auto_annotation import driver

    from segdrone.annotations import cvat_function

    function = cvat_function.create(str(model), device="cpu")
    names = reversed(OTHER.classes.names)
    labels = [models.Label(name=name, id=100 + i, type="any", attributes=[]) for i, name in enumerate(names)]
    for label in labels:
        label._data_store["sublabels"] = []
    for to_polygons in (False, True):
        mapper = driver._AnnotationMapper(
            logging.getLogger(), function.spec.labels, labels, allow_unmatched_labels=False,
            conv_mask_to_poly=to_polygons,
        )  # fmt: skip
        context = SimpleNamespace(**{**vars(CONTEXT), "conv_mask_to_poly": to_polygons})
        shapes = function.detect(context, Image.fromarray(photograph))
        given = [shape.label_id for shape in shapes]
        mapper.validate_and_remap(shapes, 7)
        assert {shape.frame for shape in shapes} == {7}
        assert [shape.label_id for shape in shapes] == [103 - i for i in given]
        assert {str(shape.type) for shape in shapes} == {"polygon" if to_polygons else "mask"}


def test_a_threshold_of_confidence_is_refused(model: Path, photograph: NDArray[np.uint8]) -> None:
    from segdrone.annotations import cvat_function

    context = SimpleNamespace(**{**vars(CONTEXT), "conf_threshold": 0.5})
    with pytest.raises(ConfigError, match="--conf-threshold"):
        cvat_function.create(str(model)).detect(context, Image.fromarray(photograph))
