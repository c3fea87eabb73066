"""Windows that are computed, and those that are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segdrone.inference import Predictor
from segdrone.raster import ArraySource
from segdrone.runtime.torch_backend import TorchBackend
from tests.helpers.image_files import random_image
from tests.helpers.local_network import TABLE, local_backend


class CountingBackend:
    """A backend that counts the windows that it computes."""

    def __init__(self, backend: TorchBackend) -> None:
        self._backend, self.windows = backend, 0
        self.spec, self.stride, self.device = backend.spec, backend.stride, backend.device
        self.batch_size, self.window, self.settings = backend.batch_size, backend.window, backend.settings

    def __call__(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.windows += len(windows)
        return self._backend(windows)


def test_windows_without_data_are_not_computed() -> None:
    valid = np.zeros((120, 120), np.bool_)
    valid[:20, :20] = valid[60, 60] = True
    image = np.where(valid[..., None], random_image(120, 120), 0).astype(np.uint8)
    backend = CountingBackend(local_backend(1, sampling="tiles"))
    predictor = Predictor(backend, scale=1, window=(32, 32), batch_size=1)
    mask = predictor(ArraySource(image, valid)).mask
    assert ((mask != TABLE.ignore_index) == valid).all()
    assert 0 < backend.windows < len(predictor.windows((120, 120))) / 2
    np.testing.assert_array_equal(mask[valid], predictor(image).mask[valid])
