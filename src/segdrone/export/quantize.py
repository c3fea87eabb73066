"""Quantize ONNX and OpenVINO models to int8 with NNCF, quietly."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import openvino as ov
from numpy.typing import NDArray

from segdrone.export.to_onnx import OUTPUT
from segdrone.runtime.onnx_backend import open_session
from segdrone.runtime.openvino_backend import openvino_core
from segdrone.utils.signal_stack import keep_signal_stack

Item = TypeVar("Item")
Infer = Callable[[NDArray[Any]], NDArray[np.float32]]
Validate = Callable[[Any, Sequence[Item]], tuple[float, list[float]]]

_OUTSIDE = rf"^(/[A-Z][A-Za-z]*(_\d+)?|{OUTPUT})$"
"""Names of normalization and softmax, which `InferenceGraph` has around the network: they stay in float32.

OpenVINO calls the last operation as the graph's output.
"""

_BETWEEN = r"^/network/(changes\..*|[A-Z][A-Za-z]*(_\d+)?)$"
"""Names of what an `Ensemble` has around its networks, normalization and mean probability: it stays in float32 too."""

_MEMBER = re.compile(r"/network/members\.\d+/")  # of an `Ensemble`, at the start of a name

_RANKING_WINDOWS = 16  # on which layers are compared with one another: those that differ most
_MAX_RESTORED = 12  # layers: a network that needs more is not for int8, and each takes a validation


def load(path: Path) -> Any:
    """Loads a model file: an `onnx.ModelProto` or an `openvino.Model`, by its suffix."""
    return onnx.load(str(path)) if path.suffix == ".onnx" else openvino_core().read_model(path)


def infer(model: Any) -> Infer:
    """Returns a call of a model that NNCF validates: an `onnx.ModelProto` or an `openvino.CompiledModel`."""
    if isinstance(model, onnx.ModelProto):
        session = open_session(model.SerializeToString(), Path("model.onnx"), "cpu")[0]
        name = session.get_inputs()[0].name
        return lambda pixels: session.run(None, {name: pixels})[0]
    return lambda pixels: model(pixels)[0]


def is_quantized(model: Any) -> bool:
    """Whether a model computes anything in int8."""
    if isinstance(model, onnx.ModelProto):
        return any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    return any(operation.get_type_name() == "FakeQuantize" for operation in model.get_ops())


def quantize(
    model: Any,
    calibration: Sequence[NDArray[Any]],
    keep: Sequence[str],
    validation: Sequence[Item],
    validate: Validate[Item],
    max_drop: float,
    step: Callable[[], object],
) -> Any:
    """Returns a model in int8: static, weights per channel.

    Weights have 7 bits (`OverflowFix.ENABLE`). CPUs without VNNI add pairs of products in 16 bits, where those of
    8 bits are cut off; a file does not know on which CPU it will run.

    Args:
        model: An `onnx.ModelProto` or an `openvino.Model` that computes in float32.
        calibration: Inputs of the graph from which the ranges of activations are taken.
        keep: Names of operations that stay in float32.
        validation: What `validate` scores a model on; if empty, no layer is restored.
        validate: Returns the score of a model, as `infer` takes it, on some items, and that of each item.
        max_drop: Layers are brought back to float32, those that cost most first, until the score has fallen by no more
            than this.
        step: Called for each use of an input.
    """
    with _quiet(), keep_signal_stack():  # NNCF makes cores of its own
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedAccuracyRestorerParameters, OverflowFix

        name = model.graph.input[0].name if isinstance(model, onnx.ModelProto) else None

        def feed(pixels: NDArray[Any]) -> Any:
            step()
            return pixels if name is None else {name: pixels}

        outside = [_OUTSIDE, *([_BETWEEN] if any(map(_MEMBER.match, _names(model))) else [])]
        settings: dict[str, Any] = {
            "preset": nncf.QuantizationPreset.MIXED,
            "subset_size": len(calibration),
            "ignored_scope": nncf.IgnoredScope(names=[*keep], patterns=outside, validate=False),
        }
        advanced = nncf.AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE)
        dataset = nncf.Dataset(calibration, feed)
        if not validation:
            return nncf.quantize(model, dataset, advanced_parameters=advanced, **settings)
        restorer = AdvancedAccuracyRestorerParameters(
            max_num_iterations=_MAX_RESTORED, ranking_subset_size=_RANKING_WINDOWS, num_ranking_workers=1
        )
        return nncf.quantize_with_accuracy_control(
            model, dataset, nncf.Dataset(validation), validate, max_drop=max_drop,
            advanced_quantization_parameters=advanced, advanced_accuracy_restorer_parameters=restorer, **settings,
        )  # fmt: skip


def early_convolutions(path: Path, example: NDArray[Any]) -> list[str]:
    """Returns the names of the convolutions at the start of a network that see at least half of the image's height.

    Of an ensemble, those of each of its networks.

    Args:
        path: The model file.
        example: An input of the graph.
    """
    model = openvino_core().read_model(path)
    model.reshape(ov.PartialShape(list(example.shape)))
    height = max(example.shape[1:3]) if example.shape[-1] == 3 else max(example.shape[2:])
    operations = [op for op in model.get_ordered_ops() if op.get_type_name() in ("Convolution", "GroupConvolution")]
    networks: dict[str, list[Any]] = defaultdict(list)
    for operation in operations:
        member = _MEMBER.match(operation.get_friendly_name())
        networks[member[0] if member else ""].append(operation)
    names = [
        operation.get_friendly_name()
        for network in networks.values()
        for operation in takewhile(lambda operation: 2 * max(operation.get_input_shape(0)[2:]) >= height, network)
    ]
    return [name.removesuffix("/WithoutBiases") for name in names] if path.suffix == ".onnx" else names


def _names(model: Any) -> list[str]:
    """Returns the names of the operations of an `onnx.ModelProto` or an `openvino.Model`."""
    if isinstance(model, onnx.ModelProto):
        return [node.name for node in model.graph.node]
    return [operation.get_friendly_name() for operation in model.get_ops()]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what NNCF prints, logs and changes in logging from the user."""
    torch_log = logging.getLogger("torch.utils.cpp_extension")  # warns of a missing GPU when NNCF imports it
    logger_class, level = logging.getLoggerClass(), torch_log.level
    torch_log.setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            import nncf

            logging.getLogger(nncf.__name__).setLevel(logging.CRITICAL)
            yield
        finally:
            logging.setLoggerClass(logger_class)
            torch_log.setLevel(level)
