"""Predict many photographs; after an interruption, continue without repeating finished ones."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.ground_scale import ground_scale
from segdrone.inference.grouping import tell_apart
from segdrone.inference.inputs import InputImage, is_image
from segdrone.inference.instances import check_classes
from segdrone.inference.manifest import Manifest
from segdrone.inference.outputs import Outputs
from segdrone.inference.prediction import Prediction
from segdrone.inference.predictor import Predictor, Progress
from segdrone.inference.threads import submit_ahead
from segdrone.raster import ImageSource, PhotographSource
from segdrone.raster.capture import read_capture
from segdrone.raster.file_kind import describe_others
from segdrone.raster.ground_view import view_ground
from segdrone.raster.header import IMAGE_SUFFIXES, without_training_options
from segdrone.utils.atomic import writable_dir
from segdrone.utils.console import one_line
from segdrone.utils.output_dir import exclusive_dir
from segdrone.utils.progress import progress_bar
from segdrone.windows import Window

log = logging.getLogger(__name__)

_NO_CLEANUP = Cleanup()

Pixels = NDArray[np.uint8]
Predict = Callable[[ImageSource, Pixels, Progress], Prediction]


def read_photograph(image: InputImage, open_source: Callable[[Path], ImageSource]) -> tuple[ImageSource, Pixels]:
    """Opens and decodes a photograph.

    Args:
        image: The photograph.
        open_source: `Predictor.open`.

    Returns:
        Its source and a view of its pixels, uint8 `[H, W, 3]`.

    Raises:
        DataError: It cannot be read.
    """
    try:
        _ = image.digest  # before the pixels: what changes meanwhile is predicted again by the next command
        source = open_source(image.file)
        return source, source.read(Window(0, 0, *source.size))
    except DataError as error:
        raise type(error)(without_training_options(str(error))) from None
    except Exception as error:  # decoders raise errors of many types on damaged files, and the others must go on
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{image.file} cannot be decoded ({reason}): copy it again or remove it") from None


def predict_photograph(
    predictor: Predictor,
    source: ImageSource,
    pixels: Pixels,
    cleanup: Cleanup,
    progress: Progress | None = None,
    things: Sequence[str] = (),
) -> Prediction:
    """Predicts a photograph that `read_photograph` returned; the mask is cleaned, the confidence is that before.

    Args:
        predictor: The model.
        source: The photograph.
        pixels: Its pixels, uint8 `[H, W, 3]`.
        cleanup: Clean-up of the mask.
        progress: As `Predictor` takes it.
        things: Classes whose things are told apart: by the model's instance head, or else by connected components.

    Raises:
        DataError: It cannot be read.
        ConfigError: `cleanup` does not fit the classes, or the device's memory is too small for a single window.
    """
    prediction = predictor(source, confidence=True, instances=bool(things), progress=progress)
    mask = cleanup(prediction.mask, pixels, predictor.table)
    if not things:
        return prediction._replace(mask=mask)
    told = tell_apart(mask, prediction.planes, things, predictor.table)
    return prediction._replace(mask=told.mask, numbers=told.numbers, planes=None)


class PredictSummary(NamedTuple):
    """Result of predicting many files.

    Attributes:
        predicted: Number of files that were predicted.
        skipped: Number of files that had been predicted before.
        failed: Reason for each of the others, by path, one line each.
    """

    predicted: int
    skipped: int
    failed: dict[str, str]


def predict_folder(
    predictor: Predictor,
    images: Sequence[InputImage],
    out: str | Path,
    *,
    cleanup: Cleanup = _NO_CLEANUP,
    colours: bool = True,
    overlays: bool = True,
    confidence: bool = False,
    regions: bool = False,
    objects: Sequence[str] = (),
    panoptic: bool = False,
    places: bool = False,
    gsd: str | None = None,
    redo: bool = False,
    progress: bool = True,
    on_progress: Progress | None = None,
) -> PredictSummary:
    """Predicts photographs, and writes `Outputs`, `summary.csv`, `totals.csv` and `predict.json` to a folder.

    After an interruption of any kind, the same call continues and ends with the same files, byte by byte. A photograph
    that cannot be read leaves no files, and the others are predicted.

        predict_folder(predictor, find_inputs(["flight/"], "predicted"), "predicted")

    Args:
        predictor: The model.
        images: The photographs, as `find_inputs` returns them.
        out: Output folder; created if needed.
        cleanup: Clean-up of each mask.
        colours: Write color masks.
        overlays: Write photographs under their masks.
        confidence: Write the probability of the class.
        regions: Write the regions as polygons, in GeoJSON.
        objects: Names of the classes whose instances are written and counted.
        panoptic: Tell the things of `objects` apart, and write them as instance maps and in COCO's panoptic form.
        places: Keep the positions and world files of photographs with their masks.
        gsd: `auto` resizes each photograph so that a pixel covers as much ground as in training; a number is that of
            the training in centimeters. None takes the scale of the predictor.
        redo: Predict finished photographs again, and replace predictions with other settings.
        progress: Whether to show a progress bar and errors on stderr.
        on_progress: Called after each window with the number of finished photographs, and of all; of a single
            photograph, with those of its windows. An error that it raises ends the prediction.

    Raises:
        DataError: The folder cannot be written to.
        ConfigError: An option does not fit the classes, the folder contains other files or other predictions, or
            another process predicts into it.
    """
    out, objects = Path(out), [*dict.fromkeys(objects)]  # a class has one column, however often it is named
    cleanup.check(predictor.table)
    check_things(predictor, objects, panoptic=panoptic)
    outputs = Outputs(out, predictor.table, colours, overlays, confidence, regions, objects, panoptic, places)
    settings = {
        "segdrone": __version__,
        "classes": predictor.table.to_dict(),
        "class_groups": predictor.backend.spec.class_groups,
        "predictor": predictor.settings,
        "cleanup": cleanup.to_dict(),
        "outputs": outputs.settings,
        **({} if gsd is None else {"gsd": gsd}),
    }

    def predict(source: ImageSource, pixels: Pixels, update: Progress) -> Prediction:
        model = predictor if gsd is None else _at_ground_scale(predictor, source, gsd)
        return predict_photograph(model, source, pixels, cleanup, update, objects if panoptic else ())

    def read(image: InputImage) -> tuple[ImageSource, Pixels]:
        return _read(image, predictor.open)

    too_long = {image.path: reason for image in images if (reason := _name_error(image, outputs))}
    named = [image for image in images if image.path not in too_long]
    with writable_dir(out), exclusive_dir(out):
        manifest = Manifest(outputs, settings)
        todo = manifest.begin(named, redo=redo, progress=progress)
        for image in {*named} - {*todo} if places else ():  # world files are no part of the digests
            outputs.keep_place(image)
        failed = _predict_all(todo, len(named), read, predict, outputs, manifest, progress, on_progress)
        manifest.finish()
    for reason in too_long.values() if progress else ():
        print(f"error: {one_line(reason)}", file=sys.stderr)
    return PredictSummary(len(todo) - len(failed), len(named) - len(todo), failed | too_long)


def _at_ground_scale(predictor: Predictor, source: ImageSource, gsd: str) -> Predictor:
    """Returns the predictor at the scale at which things of a photograph have the size that they had in training."""
    assert isinstance(source, PhotographSource)
    distance = view_ground(read_capture(source.path)).gsd
    return predictor.at_scale(ground_scale(predictor.backend.spec, str(source.path), distance, gsd))


def check_things(predictor: Predictor, things: Sequence[str], *, panoptic: bool) -> None:
    """Checks that a model can tell the things of classes apart; says so if they will be connected components.

    Raises:
        ConfigError: There is no such class, or the model has not learned to tell its things apart.
    """
    if not panoptic:
        return
    if not things:
        raise ConfigError("no class of the model is a thing such as person or car: name one with --object-class")
    check_classes(things, predictor.table)
    if not predictor.backend.spec.instances:
        log.warning(
            "the model does not tell things apart (train it with model.instances=true): each connected component "
            "counts as one thing"
        )
        return
    learned = predictor.table.things or ()
    if unknown := [name for name in things if name not in learned]:
        raise ConfigError(f"the model does not tell {unknown[0]} apart: choose from {', '.join(learned)}")


def _predict_all(
    todo: Sequence[InputImage],
    total: int,
    read: Callable[[InputImage], tuple[ImageSource, Pixels]],
    predict: Predict,
    outputs: Outputs,
    manifest: Manifest,
    progress: bool,
    on_progress: Progress | None,
) -> dict[str, str]:
    """Predicts those of `total` photographs that are not done; returns the reasons for failures, by path."""
    failed: dict[str, str] = {}
    finished = total - len(todo)
    single = len(todo) == 1  # the progress bar then counts its windows
    with (
        warnings.catch_warnings(),
        progress_bar(total=total, initial=finished, unit="photograph", disable=single or not progress) as photo_bar,
        progress_bar(unit="window", disable=not (single and progress)) as window_bar,
    ):
        warnings.filterwarnings("ignore", module=r"PIL\.")  # on files that are then decoded, or fail with an error

        def update(done: int, windows: int) -> None:
            window_bar.total = windows
            window_bar.update(done - window_bar.n)
            if on_progress is not None:
                on_progress(*((done, windows) if single else (finished, total)))

        for image, reading in _read_ahead(todo, read):
            try:
                source, pixels = reading.result()
                cells = outputs.write(image, pixels, predict(source, pixels, update))
            except DataError as error:
                manifest.drop(image)
                failed[image.path] = _error_line(image, error)
                if progress:
                    tqdm.write(f"error: {one_line(failed[image.path])}", file=sys.stderr)
            else:
                manifest.add(image, cells)
            finished += 1
            photo_bar.update()
    return failed


def _read_ahead(
    images: Iterable[InputImage], read: Callable[[InputImage], tuple[ImageSource, Pixels]]
) -> Iterator[tuple[InputImage, Future[tuple[ImageSource, Pixels]]]]:
    """Yields photographs in order; the next one is decoded while one is predicted."""
    with ThreadPoolExecutor(1) as pool:
        yield from submit_ahead(pool, read, images, ahead=1)


def _read(image: InputImage, open_source: Callable[[Path], ImageSource]) -> tuple[ImageSource, Pixels]:
    """Reads a photograph as `read_photograph`, unless its suffix is that of another file."""
    if not is_image(image.file):
        suffixes = ", ".join(IMAGE_SUFFIXES)
        known = "; ".join(describe_others([image.file])) or "leave it out"
        raise DataError(f"{image.file} does not have the suffix of a photograph ({suffixes}): {known}")
    return read_photograph(image, open_source)


def _name_error(image: InputImage, outputs: Outputs) -> str:
    """Returns why the files of a photograph cannot be written under its name; empty if they can."""
    file = outputs.too_long(image.name)
    kind = "" if file is None else file.relative_to(outputs.folder).parts[0]
    return f"{image.file}: the name of its file in {kind}/ would be too long: rename the photograph" if kind else ""


def _error_line(image: InputImage, error: DataError) -> str:
    text = str(error) if str(image.file) in str(error) else f"{image.file}: {error}"
    return " ".join(text.split())
