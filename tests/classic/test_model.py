import numpy as np
import pytest

from segdrone.classic import model as module
from segdrone.classic.model import ClassicOptions
from segdrone.errors import ConfigError
from tests.helpers.classic import fitted, patches


@pytest.mark.parametrize("name", ["pixels", "slic", "threshold"])
def test_probabilities_are_of_each_pixel(name: str) -> None:
    image, truth = patches(8, 60, 90)
    found = fitted(name)(image)
    assert (found.dtype.name, found.shape, found.flags.c_contiguous) == ("float32", (3, 60, 90), True)
    assert found.sum(0) == pytest.approx(1, abs=1e-5)
    assert (found.argmax(0) == truth).mean() > 0.85


def test_strips_of_pixels_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image, model = patches(8, 200, 90)[0], fitted()
    whole = model(image)
    monkeypatch.setattr(module, "_STRIP", 90)  # strips of 64 rows
    assert np.array_equal(model(image), whole)


def test_pixels_of_a_segment_are_alike() -> None:
    image, model = patches(8)[0], fitted("slic")
    assert model.options.segmenter is not None
    labels, found = model.options.segmenter(image), model(image)
    for number in range(labels.max() + 1):
        assert len(np.unique(found[:, labels == number], axis=1).T) == 1


def test_options_are_plain_data_and_back() -> None:
    options = ClassicOptions.from_dict(
        {"name": "threshold", "thresholds": [10, 90], "classifier": {"name": "boosting", "leaves": 7}, "samples": 99}
    )
    assert ClassicOptions.from_dict(options.to_dict()) == options
    assert options.to_dict()["thresholds"] == [10.0, 90.0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"name": "pixels", "spacing": 3, "classifier": {"name": "mean"}}, "model.spacing is not an option of pixels"),
        (
            {"name": "slic", "size": 3, "classifier": {"name": "mean"}},
            "options of slic: size: unexpected keyword",
        ),
        ({"name": "slic"}, "model.classifier.name= is unknown: choose one of mean, forest, boosting"),
        ({"name": "slic", "classifier": {"name": "mean", "trees": 3}}, "options of model.classifier mean: trees"),
        ({"name": "slic", "classifier": {"name": "forest", "trees": 0}}, "greater than or equal to 1"),
        ({"name": "slic", "classifier": {"name": "mean"}, "scales": [900]}, "scales.0: input should be less than"),
        ({"name": "slic", "classifier": {"name": "mean"}, "samples": 1}, "samples: input should be greater"),
        ({"name": "unet", "classifier": {"name": "mean"}}, "the method unet is unknown"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        ClassicOptions.from_dict(options)
