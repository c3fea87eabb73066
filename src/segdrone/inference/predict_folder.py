"""Predict photographs, each once however often the work is interrupted."""

from __future__ import annotations

import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.inputs import InputImage, find_inputs, is_image
from segdrone.inference.manifest import Manifest
from segdrone.inference.outputs import Outputs
from segdrone.inference.predictor import Prediction, Predictor, Progress
from segdrone.raster.header import IMAGE_SUFFIXES as PHOTOGRAPHS
from segdrone.raster.photograph import open_photograph
from segdrone.utils.atomic import file_lock, writable_dir

_AS_PREDICTED = Cleanup()

Pixels = NDArray[np.uint8]


class PredictSummary(NamedTuple):
    """What became of photographs.

    Attributes:
        predicted: How many were predicted.
        skipped: How many were done already.
        failed: Why the others could not be predicted, by path, one line each.
    """

    predicted: int
    skipped: int
    failed: dict[str, str]


def predict_folder(
    predictor: Predictor,
    inputs: Iterable[str | Path],
    out: str | Path,
    *,
    cleanup: Cleanup = _AS_PREDICTED,
    colours: bool = True,
    overlays: bool = True,
    confidence: bool = False,
    objects: Sequence[str] = (),
    redo: bool = False,
    progress: bool = True,
) -> PredictSummary:
    """Predicts files, folders and patterns, and leaves `Outputs`, `summary.csv` and `predict.json` in a folder.

    Started again after an interruption, however it came, it goes on where it was, and ends with the same
    files, byte by byte. A photograph that cannot be read or predicted leaves nothing, and the rest goes on.

    Args:
        predictor: Predicts each photograph.
        inputs: As `find_inputs` takes them.
        out: Folder to write to; made if need be.
        cleanup: What is done to each mask.
        colours: Write colour masks.
        overlays: Write photographs under their masks.
        confidence: Write the probability of the chosen class.
        objects: Names of the classes whose objects are written and counted.
        redo: Predict again what is done, and replace what was made with other settings.
        progress: Whether to show, on stderr, a bar and each error as it comes.

    Raises:
        DataError: An input is missing or leads to no photograph, or the folder cannot be written to.
        ConfigError: A choice does not fit the classes, two photographs would get one name, the folder holds
            something else or other predictions, or another process writes there.
    """
    out = Path(out)
    sources = find_inputs(inputs, out)
    cleanup.check(predictor.table)
    outputs = Outputs(out, predictor.table, colours, overlays, confidence, objects)
    settings = {
        "segdrone": __version__,
        "predictor": predictor.settings,
        "cleanup": cleanup.to_dict(),
        "outputs": outputs.settings,
    }

    def predict(image: Pixels, tell: Progress | None) -> Prediction:
        prediction = predictor(image, confidence=True, progress=tell)
        return prediction._replace(mask=cleanup(prediction.mask, image, predictor.table))

    with exclusive_dir(out):
        record = Manifest(outputs, settings)
        todo = record.begin(sources, redo=redo)
        failed = _predict_all(todo, len(sources), predict, outputs, record, progress)
    return PredictSummary(len(todo) - len(failed), len(sources) - len(todo), failed)


def _predict_all(
    todo: Sequence[InputImage],
    total: int,
    predict: Callable[[Pixels, Progress | None], Prediction],
    outputs: Outputs,
    record: Manifest,
    progress: bool,
) -> dict[str, str]:
    """Predicts what is left of `total` photographs; returns why some could not be, by path."""
    failed: dict[str, str] = {}
    one = len(todo) == 1  # then the bar is over its windows
    with (
        warnings.catch_warnings(),
        tqdm(total=total, initial=total - len(todo), unit="photo", disable=one or not progress) as photographs,
        tqdm(unit="window", disable=not (one and progress)) as windows,
    ):
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of files that then decode or do not

        def tell(done: int, of: int) -> None:
            windows.total = of
            windows.update(done - windows.n)

        for source, reading in _read_ahead(todo):
            try:
                image = reading.result()
                prediction = predict(image, tell)
            except DataError as error:
                record.drop(source)
                failed[source.path] = _line(source, error)
                if progress:
                    tqdm.write(f"error: {failed[source.path]}", file=sys.stderr)
            else:
                record.add(outputs.write(source, image, prediction))
            photographs.update()
    return failed


def _read_ahead(sources: Iterable[InputImage]) -> Iterator[tuple[InputImage, Future[Pixels]]]:
    """Yields photographs in order; while one is at work, the next one is decoded."""
    with ThreadPoolExecutor(1) as pool:
        begun: deque[tuple[InputImage, Future[Pixels]]] = deque()
        for source in sources:
            begun.append((source, pool.submit(_read, source)))
            if len(begun) == 2:
                yield begun.popleft()
        yield from begun


def _read(source: InputImage) -> Pixels:
    if not is_image(source.file):
        raise DataError(f"{source.file} is no photograph by its name ({', '.join(PHOTOGRAPHS)}): leave it out")
    try:
        return open_photograph(source.file)
    except DataError:
        raise
    except Exception as error:  # what decoders raise on spoilt files has no end, and the rest must go on
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{source.file} cannot be decoded ({reason}): copy it again or remove it") from None


def _line(source: InputImage, error: DataError) -> str:
    text = str(error) if str(source.file) in str(error) else f"{source.file}: {error}"
    return " ".join(text.split())


@contextmanager
def exclusive_dir(folder: Path) -> Iterator[None]:
    """Makes a folder, and makes sure that no other process predicts into it.

    Raises:
        ConfigError: Another one does.
        DataError: The folder cannot be written to, now or in the body.
    """
    with writable_dir(folder):
        try:
            with file_lock(folder / ".predict.lock", wait=False):
                yield
        except filelock.Timeout:  # an OSError too
            raise ConfigError(
                f"another segdrone predict writes to {folder}: wait until it ends, or give another --out"
            ) from None
