"""A model file is arrays and text; whatever else it holds, opening it ends in one line."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.classic.model_file import read_model, write_model
from segdrone.errors import CheckpointError, ConfigError
from tests.helpers.classic import fitted, patches, write


@pytest.fixture(params=["mean", "forest", "boosting"])
def classifier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(write(tmp_path / "best.npz", fitted()))


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_model(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def rewrite(path: Path, **changes: Any) -> None:
    """Writes the file again with some of its arrays changed; None leaves one out."""
    with np.load(path) as file:
        arrays = {**{name: file[name] for name in file.files}, **changes}
    np.savez(path, allow_pickle=True, **{name: array for name, array in arrays.items() if array is not None})


def change_text(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    with np.load(path) as file:
        content = json.loads(file["model"].tobytes())
    change(content)
    rewrite(path, model=np.frombuffer(json.dumps(content).encode(), np.uint8))


def test_a_model_is_the_same_after_a_file(classifier: str, tmp_path: Path) -> None:
    model, image = fitted("slic", {"name": classifier}), patches(5)[0]
    found = read_model(write(tmp_path / "best.npz", model))
    assert np.array_equal(found.model(image), model(image))
    assert found.model.options == model.options
    assert len(found.digest) == 64
    assert json.loads(found.description)["spec"]["classes"]["names"] == ["grass", "roof", "road"]
    with zipfile.ZipFile(tmp_path / "best.npz") as archive:
        assert all(info.filename.endswith(".npy") for info in archive.infolist())


def test_a_pickle_is_never_opened(path: Path, tmp_path: Path) -> None:
    class Steal:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "stolen"),)

    rewrite(path, roots=np.array([Steal()], object))
    assert "roots holds values of type object" in refusal(path)
    path.write_bytes(pickle.dumps(Steal()))
    assert "is no classical model of segdrone, or damaged" in refusal(path)
    assert not (tmp_path / "stolen").exists()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: os.truncate(path, 1000), "not a zip file"),
        (lambda path: os.truncate(path, 0), "not a zip file"),
        (lambda path: os.truncate(path, 1 << 30), "it is larger than 256 MiB"),
        (lambda path: rewrite(path, left=None), "There is no item named 'left.npy'"),
        (lambda path: rewrite(path, model=None), "There is no item named 'model.npy'"),
        (lambda path: rewrite(path, feature=np.zeros((2, 2), np.int32)), "feature has the shape (2, 2)"),
        (lambda path: rewrite(path, feature=np.zeros(3)), "feature holds values of type float64"),
        (lambda path: rewrite(path, threshold=np.zeros(3)), "threshold holds values of type float64"),
        (lambda path: rewrite(path, left=np.zeros(3, np.int64)), "left holds values of type int64"),
        (lambda path: rewrite(path, left=np.zeros(3, np.int32)), "arrays of different lengths"),
        (lambda path: rewrite(path, roots=np.zeros(1 << 24, np.int32)), "which is too large"),
        (lambda path: rewrite(path, model=np.zeros(9, np.uint8)), "Expecting value"),
        (lambda path: rewrite(path, model=np.full(9, 255, np.uint8)), "model is no text"),
        (lambda path: rewrite(path, model=np.zeros(9, np.uint16)), "model is no text"),
        (lambda path: change_text(path, lambda text: text.update(version=2)), "of another version of segdrone"),
        (lambda path: change_text(path, lambda text: text.update(classes=2)), "classes that it lacks"),
        (lambda path: change_text(path, lambda text: text.update(classes="x")), "should be a valid integer"),
        (lambda path: change_text(path, lambda text: text.pop("options")), "should be a valid dictionary"),
        (lambda path: change_text(path, lambda text: text["options"].update(name="os")), "the method os is unknown"),
        (lambda path: change_text(path, lambda text: text["options"].update(scales=[1.0])), "features that it lacks"),
        (lambda path: change_text(path, lambda text: text["options"].update(scales=[1e9])), "scales.0: input should"),
        (lambda path: change_text(path, lambda text: text["options"].update(x=1)), "model.x is not an option"),
        (
            lambda path: change_text(path, lambda text: text["options"].update(classifier={"name": "mean"})),
            "There is no item named 'means.npy'",
        ),
    ],
)
def test_a_damaged_file_is_refused(path: Path, damage: Callable[[Path], object], expected: str) -> None:
    damage(path)
    assert expected in refusal(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.npz")


def test_an_archive_that_unpacks_without_end_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("more.npy", "w") as file:
        file.write(bytes(50 << 20))
    read_model(path)  # what nobody reads costs nothing
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (9, )}"
    with np.load(path) as known:
        arrays = {name: known[name] for name in known.files if name not in ("roots", "more")}
    np.savez(path, allow_pickle=False, **arrays)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("roots.npy", "w") as file:
        file.write(header.ljust(127) + b"\n" + bytes(50 << 20))
    assert "roots has 37 bytes, not the 36 of its shape" in refusal(path)


def test_bytes_changed_at_random_are_refused_or_harmless(path: Path) -> None:
    content, rng, image = path.read_bytes(), np.random.default_rng(0), patches(1)[0]
    refused = 0
    for _ in range(60):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), 3):
            changed[place] = int(rng.integers(256))
        path.write_bytes(changed)
        try:
            read_model(path).model(image)
        except CheckpointError:
            refused += 1
    assert refused > 30


def test_what_could_not_be_opened_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted()
    monkeypatch.setattr("segdrone.classic.trees.MAX_NODES", 10)
    with pytest.raises(ConfigError, match="lower model.classifier.trees"):
        write_model(tmp_path / "best.npz", model, "{}")
    assert not [*tmp_path.iterdir()]
    with pytest.raises(ConfigError, match="lower model.classifier.trees"):  # not: fit it again
        fitted()
