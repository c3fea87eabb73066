"""A classical model behind the interface of networks: windows, spec, and files that do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segdrone.classes import ClassTable
from segdrone.classic.features import reach
from segdrone.errors import CheckpointError, ConfigError
from segdrone.inference import Predictor
from segdrone.runtime.backend import check_probabilities
from segdrone.runtime.classic_backend import ClassicBackend
from segdrone.runtime.open_backend import open_backend
from tests.helpers.classic import TABLE, description, fitted, patches, write
from tests.helpers.refused_models import refusal, replace_by_pipe


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(write(tmp_path / "best.npz", fitted()))


def test_it_is_opened_by_its_suffix(path: Path) -> None:
    backend = open_backend(path)
    assert isinstance(backend, ClassicBackend)
    windows = np.stack([patches(seed)[0] for seed in range(2)])
    probabilities = backend(windows)
    check_probabilities(backend, windows, probabilities)
    assert np.array_equal(probabilities[1], fitted()(windows[1]))
    assert backend.spec.classes == TABLE
    assert set(backend.settings) == {"model", "runtime"}


@pytest.mark.parametrize("window", [None, (64, 96), (70, 70)])
def test_pixels_in_windows_are_those_of_the_whole(path: Path, window: tuple[int, int] | None) -> None:
    """Where windows overlap by 8/3 of what the features reach."""
    image, overlap = patches(2, 150, 210)[0], 0.25
    assert reach((1.0, 2.0)) <= 3 / 8 * overlap * 64 + 1
    backend = open_backend(path)
    backend.spec = replace(backend.spec, sampling="crops")  # at the photograph's own size
    whole = backend(image[None])[0].argmax(0)
    mask = Predictor(backend, window=window or (150, 210), overlap=0.3)(image).mask
    assert np.array_equal(mask, whole)


def test_segments_in_windows_are_nearly_those_of_the_whole(tmp_path: Path) -> None:
    """Where the method looks at near pixels, and segments are smaller than the overlap."""
    model = fitted("threshold", thresholds=[100.0, 160.0], smoothing=1.0, min_size=1, scales=[1.0])
    backend = open_backend(write(tmp_path / "best.npz", model))
    backend.spec = replace(backend.spec, sampling="crops")
    rng = np.random.default_rng(0)
    image = np.full((160, 240, 3), 190, np.uint8)
    for top, left in [(top, left) for top in range(8, 150, 24) for left in range(8, 230, 24)]:
        image[top : top + 8, left : left + 8] = [(40, 90, 30), (180, 110, 90)][rng.integers(2)]
    whole = backend(image[None])[0].argmax(0)
    assert len(np.unique(whole)) > 1
    mask = Predictor(backend, window=(100, 140), overlap=0.5)(image).mask
    assert (mask == whole).mean() > 0.999


@pytest.mark.parametrize("name", ["pixels", "slic"])
def test_a_photograph_of_another_size_is_predicted_at_the_scale_of_training(tmp_path: Path, name: str) -> None:
    predictor = Predictor.from_file(write(tmp_path / "best.npz", fitted(name)))
    image, truth = patches(4, 48, 72)
    large = np.kron(image, np.ones((3, 3, 1), np.uint8))
    mask = predictor(large).mask
    assert predictor.network_size((144, 216)) == (48, 72)
    assert len(predictor.windows((144, 216))) == 1
    assert (mask == np.kron(truth, np.ones((3, 3), np.uint8))).mean() > 0.85


def test_it_runs_on_the_cpu_only(path: Path) -> None:
    with pytest.raises(ConfigError, match="device=cuda: a classical model runs on the CPU"):
        open_backend(path, device="cuda")


def test_classes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    two = ClassTable(("a", "b"), ((0, 0, 0), (1, 1, 1)))
    assert "names 2 classes and classifies 3" in refusal(write(tmp_path / "best.npz", fitted(), two))


def test_what_is_no_file_or_no_description_is_refused(path: Path, tmp_path: Path) -> None:
    from segdrone.classic.model_file import write_model

    assert "does not exist" in refusal(tmp_path / "none.npz")
    write_model(path, fitted(), "{}")
    assert "its description has version no number" in refusal(path)
    (tmp_path / "spec.json").write_text(description().to_json())
    with pytest.raises(CheckpointError, match=r"is no \.onnx or \.xml file"):
        open_backend(path, spec=tmp_path / "spec.json")
    replace_by_pipe(path)
    assert "is not a file" in refusal(path)
