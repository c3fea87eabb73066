"""Open models and predict photographs in a worker process, as its messages say."""

from __future__ import annotations

import json
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segdrone.classes import thing_classes
from segdrone.errors import ConfigError, DataError, SegdroneError, explain_error
from segdrone.inference.cleanup import Cleanup, parse_min_area
from segdrone.inference.inputs import InputImage
from segdrone.inference.outputs import Outputs
from segdrone.inference.predict_folder import predict_photograph, read_photograph
from segdrone.inference.predictor import Predictor
from segdrone.runtime.backend import Backend, check_probabilities
from segdrone.runtime.open_backend import open_backend
from segdrone.serve.predict_job import predict_job
from segdrone.serve.tensors import read_request, write_answer
from segdrone.serve.worker import Message, WorkerOptions
from segdrone.utils.memory import keep_freed_memory
from segdrone.utils.openmp import sleep_while_waiting


class _Cancelled(Exception):
    """The task is not wanted any more."""


def prepare_process(options: WorkerOptions) -> None:
    """Sets what holds for the whole process."""
    sleep_while_waiting()
    keep_freed_memory()
    cv2.setNumThreads(options.threads)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # on files that are then decoded, or fail with an error


class Computer:
    """The models that are open, and the task that runs.

    Args:
        connection: To the pool.
        device: As `open_backend` takes it.
    """

    def __init__(self, connection: Connection, device: str) -> None:
        self._connection, self._device = connection, device
        self._models: dict[str, tuple[str, Backend]] = {}  # path and backend by name

    def answer(self, message: Message) -> None:
        """Does what a message says, and sends the answer."""
        actions: dict[str, Callable[[Message], Message | None]] = {
            "open": self._open,
            "segment": self._segment,
            "infer": self._infer,
            "predict": self._predict,
            "cancel": lambda _: None,  # of a task that has ended
        }
        try:
            answer = actions[message["do"]](message)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except _Cancelled:
            answer = {"error": "cancelled", "text": "the request was cancelled"}
        except Exception as error:
            places = {message.get("file", ""): "the photograph", f"{message.get('folder', '')}/": ""}
            answer = _describe_error(error, places)
        if answer is not None:
            self._send(answer)

    def _open(self, message: Message) -> Message:
        """Opens models that are not open yet; only if all can be opened, others are closed."""
        models = {}
        for name, path in message["models"].items():
            known = self._models.get(name)
            if known is None or known[0] != path:
                known = path, _open_backend(path, self._device)
            models[name] = known
        self._models = models
        return {"models": {name: _describe_model(backend) for name, (_, backend) in models.items()}}

    def _segment(self, message: Message) -> Message:
        start, options = time.monotonic(), message["options"]
        predictor, cleanup, objects = self._prepare(message)
        kinds = {kind: kind in options["kinds"] for kind in ("colours", "overlays", "confidence", "regions")}
        outputs = Outputs(Path(message["folder"]), predictor.table, **kinds, objects=objects)
        file = Path(message["file"])
        image = InputImage(file, file.name, file.stem)
        source, pixels = read_photograph(image, predictor.open)
        prediction = predict_photograph(predictor, source, pixels, cleanup, self._progress(message["task"]))
        cells = outputs.write(image, pixels, prediction)
        return {
            "row": dict(zip(outputs.columns, cells, strict=True)),
            "classes": predictor.table.to_dict(),
            "network_size": list(predictor.network_size(source.size)),
            "seconds": time.monotonic() - start,
            "model_digest": _digest(predictor.backend.settings),
        }

    def _infer(self, message: Message) -> Message:
        start, (_, backend) = time.monotonic(), self._models[message["model"]]
        request = read_request(Path(message["file"]), message["header"])
        limit, size = backend.window, request.windows.shape[1:3]
        if limit is not None and (size[0] > limit[0] or size[1] > limit[1]):
            raise DataError(f"windows of this model have at most {limit[0]} x {limit[1]} pixels")
        probabilities = backend(request.windows)
        check_probabilities(backend, request.windows, probabilities)
        classes = probabilities[:, : len(backend.spec.classes)]
        digest = _digest(backend.settings)
        header = write_answer(request, message["model"], digest, classes, Path(message["answer"]))
        megapixels, seconds = request.windows.size / 3e6, time.monotonic() - start
        return {"header": header, "megapixels": megapixels, "seconds": seconds, "model_digest": digest}

    def _predict(self, message: Message) -> Message:
        predictor, cleanup, objects = self._prepare(message)
        answer = predict_job(
            predictor, Path(message["folder"]), cleanup, objects,
            smooth=message["options"]["smooth"], confidence=message["options"]["confidence"],
            regions=message["options"].get("regions", False),  # none in a job that an older version has left
            on_progress=self._progress(message["task"]),
        )  # fmt: skip
        return {**answer, "model_digest": _digest(predictor.backend.settings)}

    def _prepare(self, message: Message) -> tuple[Predictor, Cleanup, list[str]]:
        """Returns what the options of a message ask for, and the classes of objects.

        Raises:
            SegdroneError: They do not fit the model.
        """
        options = message["options"]
        predictor = Predictor(self._models[message["model"]][1], augment=options["augment"])
        min_area = parse_min_area(options["min_area"], "min_area")
        cleanup = Cleanup(min_area, fill_holes=options["fill_holes"], refine=options["refine"])
        cleanup.check(predictor.table)
        objects = thing_classes(predictor.table) if options["objects"] else []
        if options["objects"] and not objects:
            raise ConfigError("no class of the model is an object such as person or car: leave out objects")
        return predictor, cleanup, objects

    def _progress(self, task: int) -> Callable[[int, int], None]:
        def report(done: int, total: int) -> None:
            while self._connection.poll():
                if json.loads(self._connection.recv_bytes()) == {"do": "cancel", "task": task}:
                    raise _Cancelled
            self._send({"progress": [done, total]})

        return report

    def _send(self, message: Message) -> None:
        self._connection.send_bytes(json.dumps(message).encode())


def _open_backend(path: str, device: str) -> Backend:
    """Opens a model, and lets it compute a window: some that can be opened cannot."""
    backend = open_backend(path, device=device)
    window = np.zeros((1, *(backend.window or backend.spec.training_size), 3), np.uint8)
    check_probabilities(backend, window, backend(window))
    return backend


def _describe_model(backend: Backend) -> Message:
    settings, description = backend.settings, getattr(backend, "description", None)
    half = "fp16" if settings.get("half_precision") else "fp32"
    return {
        "digest": _digest(settings),
        "runtime": settings.get("runtime", "torch"),
        "device": backend.device,
        "precision": half if description is None else description.precision,
        "spec": backend.spec.to_dict(),
    }


def _digest(settings: Mapping[str, Any]) -> str:
    return str(settings.get("model") or settings.get("checkpoint") or "")


def _describe_error(error: Exception, places: Mapping[str, str]) -> Message:
    """Returns what went wrong, with other words for places on the disk."""
    kind = type(error).__name__
    if isinstance(error, SegdroneError | MemoryError | OSError):
        text = explain_error(error)
    else:
        traceback.print_exc(file=sys.stderr)
        kind, text = "Exception", explain_error(error)
    for place, word in places.items():
        text = text.replace(place, word) if len(place) > 1 else text
    return {"error": kind, "errno": getattr(error, "errno", None), "text": text}
