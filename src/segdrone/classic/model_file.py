"""Write and read a classical model: one `.npz` file of arrays and JSON text, without pickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segdrone.classic.model import ClassicModel, ClassicOptions
from segdrone.classic.trees import MAX_NODES, check_size
from segdrone.errors import CheckpointError, ConfigError
from segdrone.utils.arrays_file import ArraysFile
from segdrone.utils.atomic import atomic_write
from segdrone.utils.bounded import UnreadableError, parse_json, to_plain, validate
from segdrone.utils.digest import digest_of_model

VERSION = 1
"""Version of the form. Another one is refused, since features may mean something else."""

_MAX_TEXT = 1 << 25  # bytes of JSON
_FORMS: dict[str, dict[str, tuple[str, tuple[None, ...], Any]]] = {  # kind, shape and type of each array
    "mean": {
        "means": ("f", (None, None), np.float32),
        "scale": ("f", (None,), np.float32),
        "known": ("u", (None,), np.uint8),
    },
    "trees": {
        **{name: ("i", (None,), np.int32) for name in ("roots", "feature", "left", "right", "leaf", "leaf_class")},
        **{name: ("f", (None,), np.float32) for name in ("threshold", "weight", "base")},
    },
}


class ClassicFile(NamedTuple):
    """A model file that was checked.

    Attributes:
        model: The model.
        description: What the file says of itself, as JSON text: the form of `segdrone.runtime.description`.
        digest: SHA-256 of the file.
    """

    model: ClassicModel
    description: str
    digest: str


def write_model(path: Path, model: ClassicModel, description: str) -> None:
    """Writes a model atomically.

    Args:
        path: The file.
        model: The model.
        description: What the file says of itself, as JSON text.

    Raises:
        ConfigError: It is too large to be opened again.
    """
    arrays = model.fitted.to_arrays()
    check_size(arrays)
    content = {"version": VERSION, "options": model.options.to_dict(), "classes": model.classes}
    texts = {"model": json.dumps(content, allow_nan=False), "description": description}
    contents: dict[str, Any] = {name: np.frombuffer(text.encode(), np.uint8) for name, text in texts.items()} | arrays
    with atomic_write(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **contents)


def read_model(path: Path) -> ClassicFile:
    """Reads and checks a model file.

    Raises:
        CheckpointError: The file is missing, broken, too large, of another version, or no such model.
    """
    try:
        with digest_of_model(path) as (digest,), ArraysFile(path) as file:
            content = validate(dict[str, Any], to_plain(parse_json(_text(file, "model"))))
            if content.get("version") != VERSION:
                raise CheckpointError(f"{path} is of another version of segdrone: update segdrone, or fit it again")
            options = ClassicOptions.from_dict(validate(dict[str, Any], content.get("options")))
            classes = validate(int, content.get("classes"))
            form = _FORMS["mean" if options.classifier_name == "mean" else "trees"]
            arrays = {name: _array(file, name, *kind) for name, kind in form.items()}
            description = _text(file, "description")
        model = ClassicModel(options, options.classifier.restore(arrays), classes)
        model.check()
        return ClassicFile(model, description, digest)
    except (UnreadableError, ConfigError) as error:
        raise CheckpointError(f"{path} is no classical model of segdrone, or damaged ({error}): fit it again") from None
    except CheckpointError as error:
        text = str(error)
        raise CheckpointError(text if str(path) in text else f"{path}: {text}") from None


def _array(file: ArraysFile, name: str, kind: str, shape: tuple[None, ...], dtype: Any) -> NDArray[Any]:
    array = file.read(name, kinds=kind, shape=shape, most=MAX_NODES)
    if array.dtype.itemsize > np.dtype(dtype).itemsize:
        raise UnreadableError(f"{name} holds values of type {array.dtype}")
    return array.astype(dtype)


def _text(file: ArraysFile, name: str) -> str:
    content = file.read(name, kinds="u", shape=(None,), most=_MAX_TEXT)
    if content.dtype != np.uint8:
        raise UnreadableError(f"{name} is no text")
    try:
        return content.tobytes().decode()
    except UnicodeDecodeError:
        raise UnreadableError(f"{name} is no text") from None
