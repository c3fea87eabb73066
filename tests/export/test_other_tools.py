"""A file for one window opens in QGIS Deepness, GeoDeep and OpenVINO Model API: read here as their source reads it."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from segdrone.export.other_tools import deepness_metadata, model_api_info, onnx_metadata
from segdrone.export.to_openvino import save_model
from segdrone.inference.ground_scale import ground_scale
from segdrone.reference_statistics import ReferenceStatistics
from segdrone.runtime.openvino_backend import openvino_core
from segdrone.runtime.torch_backend import TorchBackend
from tests.helpers.exported import CLASSES, SPEC, describe, random_pixels, small_network, write_onnx

WINDOW = (64, 64)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(tmp_path_factory.mktemp("window") / "best.onnx", window=WINDOW)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    return random_pixels(1, *WINDOW)


@pytest.fixture(scope="module")
def expected(pixels: NDArray[np.uint8]) -> NDArray[Any]:
    classes: NDArray[Any] = TorchBackend(small_network("fpn_mbv2"), SPEC, device="cpu")(pixels).argmax(1)
    return classes


def test_deepness_predicts_the_same(exported: Path, pixels: NDArray[np.uint8], expected: NDArray[Any]) -> None:
    session = ort.InferenceSession(exported)
    (inputs,), (outputs,) = session.get_inputs(), session.get_outputs()
    values = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()
              if not name.startswith("model_info")}  # fmt: skip
    assert values["model_type"].capitalize() == "Segmentor"
    assert inputs.shape[-3:] == [3, *WINDOW] and isinstance(inputs.shape[0], str)  # a fixed batch disables an option
    assert outputs.shape[-3:] == [len(CLASSES), *WINDOW] and len(outputs.shape) == 4  # it refuses one that is no square
    names = sorted(values["class_names"].items(), key=lambda item: int(item[0]))
    assert [int(number) for number, _ in names] == [*range(len(names))]  # else: "not consecutive"
    assert [name for _, name in names] == [*CLASSES.names]
    assert int(values["tile_size"]) == inputs.shape[-1] == inputs.shape[-2]  # it asserts square tiles
    mean, std = (np.array(values[f"standardization_{part}"], np.float32) for part in ("mean", "std"))
    tiles = (np.float32(pixels * 1.0 / 255.0) - mean) / std
    (result,) = session.run(None, {inputs.name: np.transpose(tiles, (0, 3, 1, 2))})
    result[result < float(values["seg_thresh"])] = 0
    assert (result.argmax(1) == expected).all()


def test_geodeep_predicts_the_same(exported: Path, pixels: NDArray[np.uint8], expected: NDArray[Any]) -> None:
    session = ort.InferenceSession(exported)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata.get("model_type", '"Detector"')) == "Segmentor"
    assert float(metadata.get("tiles_overlap", 5)) == 15 and int(metadata.get("seg_small_segment", 11)) == 0
    assert json.loads(metadata.get("class_names", "{}"))[str(int(np.float32(2.0)))] == "car"
    (inputs,) = session.get_inputs()
    tile = pixels[0].transpose(2, 0, 1)  # as rasterio reads it, of inputs.shape[-1] rows and columns
    assert tile.shape == (3, inputs.shape[-1], inputs.shape[-1])
    images = (tile.astype(np.float32) / 255.0)[None]
    (result,) = session.run(None, {inputs.name: images})
    result[result < float(metadata.get("seg_thresh", 0.5))] = 0
    assert (result.argmax(1) == expected).all()


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
def test_model_api_predicts_the_same(
    exported: Path, pixels: NDArray[np.uint8], expected: NDArray[Any], suffix: str, tmp_path: Path
) -> None:
    model = openvino_core().read_model(exported)
    described = describe(small_network("fpn_mbv2"), WINDOW)
    if suffix == ".xml":
        save_model(model, described, tmp_path / "best.xml")
        model = openvino_core().read_model(tmp_path / "best.xml")
        info = {name: model.get_rt_info(["model_info", name]).astype(str) for name in model_api_info(described)}
    else:  # its adapter splits the names of an ONNX file's metadata at spaces
        properties = {tuple(prop.key.split()): prop.value for prop in onnx.load(str(exported)).metadata_props}
        info = {path[1]: value for path, value in properties.items() if path[0] == "model_info"}
    assert info["model_type"].lower() == "segmentation"
    reverse = info["reverse_input_channels"] in ("YES", "True")
    mean, scale = ([float(part) for part in info[f"{name}_values"].split()] for name in ("mean", "scale"))
    result = _model_api_preprocessing(model, reverse, mean, scale)({0: pixels[..., ::-1].copy()})[0]  # BGR
    assert result.squeeze().ndim == 3
    assert (result.argmax(1) == expected).all()
    labels = info["labels"].split()
    assert [labels[layer - 1] for layer in range(1, result.shape[1])] == ["grass", "car", "tree"]  # as get_contours


def _model_api_preprocessing(model: ov.Model, reverse: bool, mean: list[float], scale: list[float]) -> Any:
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8)
    steps.input().tensor().set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    steps.input().model().set_layout(ov.Layout("NCHW"))
    if reverse:
        steps.input().preprocess().convert_color(ColorFormat.RGB)
    steps.input().preprocess().convert_element_type(ov.Type.f32)
    steps.input().preprocess().mean(mean)
    steps.input().preprocess().scale(scale)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # CPUs with units for bfloat16 would compute in it
    return openvino_core().compile_model(steps.build(), "CPU", exact)


def test_the_resolution_is_that_of_the_network_in_centimeters() -> None:
    described = describe(small_network("fpn_mbv2"), WINDOW)
    assert "resolution" not in deepness_metadata(described)
    whole = replace(SPEC, gsd=(0.01, 0.03))  # photographs of unknown size, resized to 48 x 64 pixels
    assert "resolution" not in deepness_metadata(replace(described, spec=whole))
    megapixels = ReferenceStatistics.from_values({"megapixels": np.full(20, 96 * 128 / 1e6)})
    specs = {
        3**0.5: replace(whole, sampling="tiles"),
        4 * 3**0.5: replace(whole, sampling="crops", scale=0.25),
        2 * 3**0.5: replace(whole, reference_statistics=megapixels),
    }
    for expected, spec in specs.items():
        resolution = json.loads(deepness_metadata(replace(described, spec=spec))["resolution"])
        assert resolution == pytest.approx(expected, rel=2e-3)
        assert resolution == pytest.approx(2 / ground_scale(spec, "map.tif", 0.02, "auto"))  # as segdrone resizes it


def test_labels_hold_no_space() -> None:
    described = describe(small_network("fpn_mbv2"), WINDOW)
    classes = replace(CLASSES, names=("road", "dry  grass", "small car", "tree"))
    described = replace(described, spec=replace(SPEC, classes=classes))
    assert model_api_info(described)["labels"] == "dry_grass small_car tree"
    assert json.loads(deepness_metadata(described)["class_names"])["1"] == "dry  grass"


def test_a_window_that_is_no_square_is_for_model_api_alone(caplog: pytest.LogCaptureFixture) -> None:
    described = describe(small_network("fpn_mbv2"), (64, 96))
    with caplog.at_level(logging.WARNING):
        metadata = onnx_metadata(described)
    assert "open square windows only, not 96x64" in caplog.text
    assert metadata and all(name.startswith("model_info ") for name in metadata)


def test_a_graph_of_any_size_has_no_keys_of_tools_that_cannot_open_it() -> None:
    assert onnx_metadata(describe(small_network("fpn_mbv2"))) == {}
