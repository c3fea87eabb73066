from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.classes import DRONE
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.data.splits.hashes import perceptual_hashes
from segdrone.errors import DataError
from segdrone.inspection.scan import scan_image, scan_mask
from segdrone.raster.decode import read_image
from tests.helpers.small_dataset import photograph


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_reduced_decoding_detects_truncation_anywhere(tmp_path: Path, options: dict[str, object]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 768, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=90, **options)
    content, path = file.getvalue(), tmp_path / "a.jpg"
    path.write_bytes(content)
    assert read_image(path, at_least=(64, 64)).shape == (64, 96, 3)
    assert not scan_image(path).error
    for missing in [2, 3, 16, 200, *range(2000, len(content), len(content) // 12)]:
        path.write_bytes(content[:-missing])
        with pytest.raises(DataError):
            read_image(path)
        scanned = scan_image(path)
        assert str(path) in scanned.error
        assert scanned.hashes is None
        assert not scanned.digest


def test_photograph_has_a_digest_and_perceptual_hashes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(photograph(0)).save(path)
    scanned = scan_image(path)
    assert scanned.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    np.testing.assert_array_equal(scanned.hashes, perceptual_hashes(photograph(0)))


def test_pixels_or_unknown_values_of_a_mask_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[0, 3, 3, 255]], np.uint8)).save(path)
    counts = scan_mask(path, MaskEncoding(DRONE)).counts
    assert counts is not None
    assert {int(i): int(counts[i]) for i in np.flatnonzero(counts)} == {0: 1, 3: 2, 255: 1}
    Image.fromarray(np.array([[0, 90, 99, 99]], np.uint8)).save(path)
    scanned = scan_mask(path, MaskEncoding(DRONE))
    assert (scanned.unknown, scanned.counts, scanned.error) == ({"id 99": 2, "id 90": 1}, None, "")
