import io
from base64 import b64decode

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import DRONE
from segdrone.evaluation.html_report.thing_pictures import draw_thing_errors
from segdrone.evaluation.worst_things import MAX_SIDE
from tests.helpers.reports import thing_crop


def decode(uri: str) -> NDArray[np.int64]:
    return np.asarray(Image.open(io.BytesIO(b64decode(uri.split(",")[1])))).astype(int)


def colored(picture: NDArray[np.int64]) -> int:
    return int((np.ptp(picture, axis=2) > 100).sum())


@pytest.mark.parametrize("image", [True, False])
def test_truth_and_prediction_have_their_own_outlines(image: bool) -> None:
    crop = thing_crop("a.jpg", "merged", DRONE.names.index("car"))
    (picture,) = draw_thing_errors([crop if image else crop._replace(image=None)], DRONE)
    truth, prediction = decode(picture.truth), decode(picture.prediction)
    assert truth.shape == prediction.shape == (MAX_SIDE // 2, MAX_SIDE, 3) == (picture.height, picture.width, 3)
    line = slice(90, 110), slice(240, 260)  # where the two true cars touch
    assert colored(truth[line]) > 20 and colored(prediction[line]) == 0
    assert (picture.class_name, picture.area, picture.areas, picture.several) == ("car", 300, (200, 100), 2)


def test_only_the_largest_of_many_are_listed() -> None:
    crop = thing_crop("a.jpg", "split", 0)
    many = crop.error._replace(several=tuple(range(1, 31)), areas=tuple(range(300, 0, -10)))
    (picture,) = draw_thing_errors([crop._replace(error=many)], DRONE)
    assert picture.several == 30 and picture.areas == tuple(range(300, 220, -10))
