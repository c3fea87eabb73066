"""Image, truth and prediction side by side."""

from __future__ import annotations

import numpy as np

from segdrone.figures import ImageTruthPrediction, picture_grid, prediction_grid
from tests.helpers.figures import TABLE, render, share_of


def sample(height: int, width: int, truth: int, prediction: int) -> ImageTruthPrediction:
    image = np.full((height, width, 3), (90, 91, 92), np.uint8)
    return ImageTruthPrediction(
        "a", image, np.full((height, width), truth, np.uint8), np.full((height, width), prediction, np.uint8)
    )


def test_samples_of_two_sizes_show_image_truth_and_prediction() -> None:
    figure = prediction_grid([sample(80, 120, 0, 1), sample(90, 60, 2, 255)], TABLE)
    pixels = render(figure)
    assert pixels.shape[1] == 1280
    assert share_of(pixels, (90, 91, 92)) > 0.05
    for color in TABLE.colours:
        assert share_of(pixels, color) > 0.02
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["road", "grass", "roof", "ignored"]


def test_the_legend_names_only_the_classes_that_occur() -> None:
    figure = prediction_grid([sample(20, 30, 1, 1)], TABLE)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["grass"]
    assert share_of(render(figure), TABLE.colours[0]) == 0


def test_rows_beyond_what_matplotlib_can_draw_have_a_lower_resolution() -> None:
    few, many = prediction_grid([sample(90, 60, 0, 1)], TABLE), prediction_grid([sample(600, 4, 0, 1)] * 2, TABLE)
    width, height = few.get_size_inches() * few.dpi
    assert (round(width), height < 2**16) == (1280, True)
    assert many.get_size_inches()[1] * many.dpi < 2**16 < many.get_size_inches()[1] * few.dpi


def test_panels_have_titles() -> None:
    figure = prediction_grid([sample(20, 30, 0, 0)._replace(title="598: 0.41")], TABLE)
    assert [axis.get_title() for axis in figure.axes] == ["598: 0.41", "truth", "prediction"]


def test_large_images_are_downscaled_without_mixing_class_ids() -> None:
    mask = np.zeros((1000, 1800), np.uint8)
    mask[:, 900:] = 2
    small = ImageTruthPrediction("a", np.full((1000, 1800, 3), 7, np.uint8), mask, mask[:, ::-1]).downscale()
    assert small.image is not None
    assert small.image.shape == (500, 900, 3)
    assert small.truth.shape == small.prediction.shape == (500, 900)
    assert set(np.unique(small.truth)) == {0, 2}
    assert (small.truth[:, :450] == 0).all()
    assert (small.prediction[:, :450] == 2).all()


def test_rows_may_have_fewer_pictures() -> None:
    picture = np.full((20, 30, 3), (90, 91, 92), np.uint8)
    figure = picture_grid([[("a", picture), ("b", picture)], [("c", None)]], [0], TABLE)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c", ""]
    assert 0.2 < share_of(render(figure), (90, 91, 92)) < 0.9
