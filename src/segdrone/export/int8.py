"""Export a checkpoint in int8, and judge what that costs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segdrone.errors import CheckpointError
from segdrone.evaluation.counts import Counts
from segdrone.evaluation.scores import Scores, score
from segdrone.export import to_onnx, to_openvino
from segdrone.export.calibration import LabeledWindow, calibration_windows, validation_windows
from segdrone.export.quantize import early_convolutions, infer, is_quantized, load, quantize
from segdrone.export.source import ExportSource
from segdrone.inference import Predictor
from segdrone.raster.pixels import joint_histogram
from segdrone.runtime.adapter import Adapter
from segdrone.runtime.backend import Backend
from segdrone.runtime.description import Description
from segdrone.runtime.open_backend import open_backend
from segdrone.utils.progress import progress_bar

log = logging.getLogger(__name__)

_WORTH_NAMING = 0.02  # of a class's IoU
_SIZE = (256, 256)  # to see at which resolution layers compute

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def to_int8(source: ExportSource, description: Description, path: Path) -> None:
    """Writes a checkpoint's network in int8, for ONNX Runtime or OpenVINO, by the suffix of `path`.

    Activations are calibrated on training photographs. The mIoU on validation photographs, in windows at the
    network's scale, decides which layers stay in float32. The first convolutions always do: they have the fewest
    channels. Measured with FPN on MobileNetV2 (256 x 384, 54 photographs of the Semantic Drone Dataset, AVX2): all in
    int8 lost 3.7 points of mIoU and 8 % of the classes, 0.2 and 1.2 % with the first five convolutions in float32;
    the time was the same. The decoder, the head and the softmax, in float32 too, changed nothing.

    Raises:
        DataError: There are no photographs to calibrate on, or one cannot be read.
        CheckpointError: The network cannot be quantized, or its mIoU falls by more than `source.max_drop`.
    """
    onnx = path.suffix == ".onnx"
    with TemporaryDirectory() as folder:
        exact = Path(folder) / f"exact{path.suffix}"
        in_float = replace(description, precision="fp32")
        (to_onnx.to_onnx if onnx else to_openvino.to_openvino)(source.network, in_float, exact)
        backend = open_backend(exact, device="cpu")
        predictor = Predictor(backend)
        calibration = calibration_windows(source, predictor)
        validation = validation_windows(source, predictor)
        _warn_of_absent_classes(backend, calibration)
        adapter = Adapter(description)
        keep = early_convolutions(exact, adapter.to_input(np.zeros((1, *(backend.window or _SIZE), 3), np.uint8)))
        classes, scores = len(source.spec.classes), []
        with progress_bar(desc="int8", unit=" windows", disable=not source.progress, leave=False) as bar:

            def validate(model: Any, windows: Sequence[LabeledWindow]) -> tuple[float, list[float]]:
                result = _score(_predictor_of(model, adapter), windows, classes, bar.update)
                if len(result.images["miou"]) == len(validation):
                    scores.append(result)
                return result.overall["miou"], list(np.nan_to_num(result.images["miou"]))

            inputs = [adapter.to_input(pixels[None]) for pixels in calibration]
            try:
                model = quantize(load(exact), inputs, keep, validation, validate, source.max_drop, bar.update)
            except Exception as error:  # of somebody's network, in any way
                reason = " ".join(str(error).split())[:200] or type(error).__name__
                raise CheckpointError(f"{source.path} cannot be quantized ({reason}): give another format") from error
            (to_onnx.save_model if onnx else to_openvino.save_model)(model, description, path)
            written = open_backend(path, device="cpu")
            if not validation:
                _warn_of_disagreement(backend, written, calibration)
                return
            final = (
                _score(written, validation, classes, bar.update)
                if is_quantized(model)
                else min(scores, key=lambda result: result.overall["miou"])
            )
        _judge(source, scores[0], final)


def _predictor_of(model: Any, adapter: Adapter) -> Predict:
    call = infer(model)

    def predict(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        return adapter.to_probabilities(call(adapter.to_input(windows)), *windows.shape[1:3])

    return predict


def _score(predict: Predict, windows: Sequence[LabeledWindow], classes: int, step: Callable[[], object]) -> Scores:
    """Scores a model on windows, each as an image; without boundaries, confidence and planes of an instance head."""
    confusions = []
    for window in windows:
        prediction = predict(window.pixels[None])[0, :classes].argmax(0).astype(np.uint8)
        confusions.append(joint_histogram(window.truth, prediction)[:classes, :classes])
        step()
    unknown = [np.zeros((len(confusions), *shape), np.int64) for shape in ((3, classes), (2, 256))]
    return score(Counts(np.stack(confusions), *unknown))


def _judge(source: ExportSource, exact: Scores, int8: Scores) -> None:
    """Compares scores: warns of classes that lose much.

    Raises:
        CheckpointError: The mIoU falls by more than `source.max_drop`.
    """
    names = source.spec.classes.names
    losses = np.nan_to_num(exact.classes["iou"] - int8.classes["iou"])
    first, second = exact.overall["miou"], int8.overall["miou"]
    worst = int(losses.argmax())
    if not first - second <= source.max_drop:
        raise CheckpointError(
            f"int8 costs {100 * (first - second):.2f} points of mIoU ({first:.4f} to {second:.4f}), more than "
            f"--max-drop {source.max_drop:g}; {names[worst]} loses most ({100 * losses[worst]:.1f} points): calibrate "
            "on photographs that show it (--calibrate FOLDER), give a larger --max-drop, or another format"
        )
    lost = [f"{names[i]} {100 * losses[i]:.1f}" for i in losses.argsort()[::-1] if losses[i] > _WORTH_NAMING]
    if lost:
        log.warning(
            "int8 costs these classes more than 2 points of IoU on the validation photographs: %s", ", ".join(lost)
        )


def _warn_of_absent_classes(backend: Backend, calibration: Sequence[NDArray[np.uint8]]) -> None:
    names = backend.spec.classes.names
    found = {int(i) for pixels in calibration for i in np.unique(backend(pixels[None])[0, : len(names)].argmax(0))}
    absent = [name for i, name in enumerate(names) if i not in found]
    if absent:
        log.warning(
            "int8 can lose these classes, since the model finds them nowhere in the calibration photographs: %s; give "
            "photographs that show them by --calibrate FOLDER",
            ", ".join(absent),
        )


def _warn_of_disagreement(exact: Backend, int8: Backend, calibration: Sequence[NDArray[np.uint8]]) -> None:
    classes = len(exact.spec.classes)
    same = [
        np.equal(*(model(pixels[None])[:, :classes].argmax(1) for model in (exact, int8))) for pixels in calibration
    ]
    share = sum(int(part.sum()) for part in same) / sum(part.size for part in same)
    log.warning("on the calibration photographs, int8 and float32 agree at %.1f %% of the pixels", 100 * share)
