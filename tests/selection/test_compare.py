from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segdrone.inference import Predictor
from segdrone.inference.inputs import find_inputs
from segdrone.runtime.torch_backend import TorchBackend
from segdrone.selection.candidates import Candidates
from segdrone.selection.compare import compare
from segdrone.selection.scores import score_photograph
from tests.helpers.exported import SPEC, small_network
from tests.helpers.picking import predictor, write_pool


@pytest.mark.parametrize("has_encoder", [True, False])
def test_a_labeled_photograph_without_data_is_like_none(tmp_path: Path, has_encoder: bool) -> None:
    model = Predictor(TorchBackend(small_network("fpn_mbv2"), SPEC, device="cpu")) if has_encoder else predictor()
    images = find_inputs([write_pool(tmp_path, range(2))], tmp_path / "out")
    candidates = Candidates.join([(image, score_photograph(model, model.open(image.file))) for image in images])
    empty = tmp_path / "empty.png"
    Image.new("RGBA", (96, 64)).save(empty)
    labeled = [empty, tmp_path / "00.png"]
    features, known = compare(model, candidates, np.arange(2), labeled, progress=False)
    assert len(features) == 2
    np.testing.assert_allclose(known, features[:1], atol=1e-6)
