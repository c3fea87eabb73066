"""Model files that are broken, missing or no files: one line each, nothing printed by a runtime."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from segdrone.errors import CheckpointError
from segdrone.runtime.backend import OutOfMemory, check_probabilities
from segdrone.runtime.open_backend import open_backend
from tests.helpers.refused_models import BOTH, WINDOWS, refusal
from tests.helpers.small_graphs import graph, write

pytestmark = pytest.mark.usefixtures("nothing_is_printed")


@BOTH
def test_the_small_graph_is_a_good_model(tmp_path: Path, suffix: str) -> None:
    backend = open_backend(write(graph(), tmp_path / f"a{suffix}"), device="cpu")
    check_probabilities(backend, WINDOWS, backend(WINDOWS))


@BOTH
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write(graph(), tmp_path / f"a{suffix}")
    content = path.read_bytes()
    for length in [0, 1, 2, 7, *range(10, len(content) - 8, len(content) // 40)]:
        path.write_bytes(content[:length])
        assert str(path) in refusal(path)


@BOTH
@pytest.mark.parametrize("content", [b"\0" * 4096, b"PK\3\4" * 50, b"hello", bytes(range(256)) * 9])
def test_other_content_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    path.with_suffix(".bin").write_bytes(content)
    assert "is truncated or not an" in refusal(path)


def test_flipped_bytes_never_end_in_another_error(tmp_path: Path) -> None:
    path = write(graph(), tmp_path / "a.onnx")
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            backend = open_backend(path, device="cpu")
            check_probabilities(backend, WINDOWS, backend(WINDOWS))
        except (CheckpointError, OutOfMemory):
            pass


class TestFiles:
    @BOTH
    def test_one_that_is_missing(self, tmp_path: Path, suffix: str) -> None:
        assert "does not exist" in refusal(tmp_path / f"a{suffix}")

    @BOTH
    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
    def test_what_is_not_a_file(self, tmp_path: Path, suffix: str, make: Callable[[Path], None]) -> None:
        make(tmp_path / f"a{suffix}")
        assert "is not a file" in refusal(tmp_path / f"a{suffix}")

    @BOTH
    @pytest.mark.parametrize("device", ["warp", "cuda:9", "tensorrt", "azure", "GPU.7", "", "cpu:x"])
    def test_a_device_that_is_not_there(self, tmp_path: Path, suffix: str, device: str) -> None:
        path = write(graph(), tmp_path / f"a{suffix}")
        assert f"device={device} is not there" in refusal(path, device=device)

    @pytest.mark.filterwarnings("ignore:Specified provider")
    def test_a_build_for_gpus_computes_on_the_cpu_where_there_is_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
        path = write(graph(), tmp_path / "a.onnx")
        assert open_backend(path).device == "cpu"
        assert "cuda" in refusal(path, device="cuda").lower()
