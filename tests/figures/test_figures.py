from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from segdrone.classes import ClassTable
from segdrone.figures import (
    ImageTruthPrediction,
    colorize,
    overlay,
    plot_class_shares,
    plot_confusion,
    plot_cooccurrence,
    plot_curves,
    plot_sweep,
    prediction_grid,
    save,
)

TABLE = ClassTable(("road", "grass", "roof"), ((200, 10, 40), (10, 180, 60), (20, 60, 220)))


def drawn(figure: Figure) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    pixels = cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    np.testing.assert_allclose(pixels.shape[1::-1], figure.get_size_inches() * figure.dpi, atol=1)
    return np.asarray(pixels, np.uint8)


def share_of(pixels: NDArray[np.uint8], colour: tuple[int, ...]) -> float:
    return float((pixels == colour).all(-1).mean())


def triple(height: int, width: int, truth: int, prediction: int) -> ImageTruthPrediction:
    image = np.full((height, width, 3), (90, 91, 92), np.uint8)
    return ImageTruthPrediction(
        "a", image, np.full((height, width), truth, np.uint8), np.full((height, width), prediction, np.uint8)
    )


def test_colourise_gives_the_tables_colours_and_white() -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    colours = colorize(mask, TABLE)
    assert colours.dtype == np.uint8
    assert colours.tolist() == [[[200, 10, 40], [10, 180, 60]], [[20, 60, 220], [255, 255, 255]]]


def test_overlay_blends_within_a_region_and_draws_its_border_in_full() -> None:
    mask = np.zeros((9, 12), np.uint8)
    mask[:, 6:] = 1
    laid_over = overlay(np.full((9, 12, 3), 100, np.uint8), mask, TABLE, opacity=0.5)
    for column, class_id in ((2, 0), (9, 1)):
        expected = [(100 + channel) / 2 for channel in TABLE.colours[class_id]]
        np.testing.assert_allclose(laid_over[:, column].astype(int), [expected] * 9, atol=0.5)
    assert (laid_over[:, 5] == TABLE.colours[0]).all()
    assert (laid_over[:, 6] == TABLE.colours[1]).all()


def test_overlay_hatches_ignored_pixels() -> None:
    laid_over = overlay(np.full((64, 64, 3), 100, np.uint8), np.full((64, 64), 255, np.uint8), TABLE)
    assert share_of(laid_over, (255, 255, 255)) == 3 / 8
    assert share_of(laid_over, (100, 100, 100)) == 5 / 8


def test_triples_of_two_sizes_show_photograph_truth_and_prediction() -> None:
    figure = prediction_grid([triple(80, 120, 0, 1), triple(90, 60, 2, 255)], TABLE)
    pixels = drawn(figure)
    assert pixels.shape[1] == 1280
    assert share_of(pixels, (90, 91, 92)) > 0.05
    for colour in TABLE.colours:
        assert share_of(pixels, colour) > 0.02
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["road", "grass", "roof", "ignored"]


def test_triples_name_only_the_classes_that_occur() -> None:
    figure = prediction_grid([triple(20, 30, 1, 1)], TABLE)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["grass"]
    assert share_of(drawn(figure), TABLE.colours[0]) == 0


def test_triples_have_titles() -> None:
    figure = prediction_grid([triple(20, 30, 0, 0)._replace(title="598: 0.41")], TABLE)
    assert [axis.get_title() for axis in figure.axes] == ["598: 0.41", "truth", "prediction"]


def test_large_photographs_are_reduced_without_mixing_ids() -> None:
    mask = np.zeros((1000, 1800), np.uint8)
    mask[:, 900:] = 2
    small = ImageTruthPrediction("a", np.full((1000, 1800, 3), 7, np.uint8), mask, mask[:, ::-1]).downscale()
    assert small.image.shape == (500, 900, 3)
    assert small.truth.shape == small.prediction.shape == (500, 900)
    assert set(np.unique(small.truth)) == {0, 2}
    assert (small.truth[:, :450] == 0).all()
    assert (small.prediction[:, :450] == 2).all()


def test_confusion_shows_shares_of_each_true_class() -> None:
    counts = np.array([[30, 10, 0], [0, 5, 0], [0, 0, 0]], np.int64)
    figure = plot_confusion(counts, TABLE)
    axis = figure.axes[0]
    shown = np.ma.filled(axis.images[0].get_array().astype(float), np.nan)
    np.testing.assert_allclose(shown, [[0.75, 0.25, 0], [0, 1, 0], [np.nan] * 3])
    assert {text.get_position(): text.get_text() for text in axis.texts} == {
        (0, 0): ".75",
        (1, 0): ".25",
        (1, 1): "1.00",
    }
    assert [label.get_text() for label in axis.get_yticklabels()] == list(TABLE.names)
    assert share_of(drawn(figure), (255, 255, 255)) < 1


def test_cooccurrence_shows_shares_of_the_rows_photographs() -> None:
    figure = plot_cooccurrence(np.array([[4, 1, 0], [1, 2, 0], [0, 0, 0]], np.int64), TABLE)
    shown = np.ma.filled(figure.axes[0].images[0].get_array().astype(float), np.nan)
    np.testing.assert_allclose(shown, [[1, 0.25, 0], [0.5, 1, 0], [np.nan] * 3])


def test_class_shares_are_bars_in_class_colours_the_largest_first() -> None:
    figure = plot_class_shares(np.array([10, 0, 990]), {"photographs": np.array([3, 0, 1200])}, TABLE, "Classes")
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["roof", "road", "grass"]
    bars = [patch for patch in axis.patches if patch.get_width() > 0]
    np.testing.assert_allclose([bar.get_width() for bar in bars], [99, 1])
    assert axis.get_xscale() == "log"
    texts = [text.get_text() for text in axis.texts]
    assert texts == ["pixels", "99.000 %", "1.000 %", "absent", "photographs", "1,200", "3", "0"]
    pixels = drawn(figure)
    assert share_of(pixels, TABLE.colours[2]) > 5 * share_of(pixels, TABLE.colours[0]) / 2 > 0
    for text in axis.texts:
        box = text.get_window_extent()
        assert axis.bbox.x1 < box.x0 < box.x1 <= figure.bbox.x1


def test_classes_that_never_occur_can_be_drawn() -> None:
    figure = plot_class_shares(np.zeros(3, np.int64), {}, TABLE, "nothing")
    assert [text.get_text() for text in figure.axes[0].texts] == ["pixels", "absent", "absent", "absent"]
    assert drawn(figure).shape[0] > 100


def test_curves_count_epochs_from_one_and_skip_what_is_absent() -> None:
    history = [{"epoch": 0, "train/loss": 2.0}, {"epoch": 1, "train/loss": 1.5, "val/loss": 1.75}]
    figure = plot_curves(history, {"train/loss": "train", "val/loss": "val", "test/loss": "test"}, "Loss", "nats")
    axis = figure.axes[0]
    lines = {str(line.get_label()): line for line in axis.lines}
    assert set(lines) == {"train", "val"}
    np.testing.assert_array_equal(lines["train"].get_xydata(), [[1, 2.0], [2, 1.5]])
    np.testing.assert_array_equal(lines["val"].get_xydata(), [[2, 1.75]])
    assert (axis.get_title(), axis.get_xlabel(), axis.get_ylabel()) == ("Loss", "epoch", "nats")
    assert drawn(figure).shape == (450, 700, 3)


def test_save_writes_a_png_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "figures" / "curves.png"
    save(plot_curves([{"epoch": 0, "a": 1.0}], {"a": "val"}, "t", "u"), path)
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (700, 450))
    assert list(path.parent.iterdir()) == [path]


class Undrawable(Figure):
    def savefig(self, fname: Path, **options: object) -> None:
        Path(fname).write_bytes(b"half")
        raise OSError("no space left on device")


def test_save_that_fails_keeps_the_earlier_figure(tmp_path: Path) -> None:
    path = tmp_path / "curves.png"
    path.write_bytes(b"earlier")
    with pytest.raises(OSError, match="no space"):
        save(Undrawable(), path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_scores_stand_against_each_choice() -> None:
    choices = {
        "lr": [1e-4, 1e-3, 1e-2, 3e-3],
        "batch": [2, 4, 8, 8],
        "loss": ["dice", "ce", "dice", "ce"],
        "size": [64, "none", 64, 128],
    }
    figure = plot_sweep(choices, [0.25, 0.5, float("nan"), 0.75], best=3, label="val/miou")
    lr, batch, loss, size = figure.axes
    assert [axis.get_xlabel() for axis in figure.axes] == list(choices)
    assert (lr.get_ylabel(), lr.get_xscale(), batch.get_xscale()) == ("val/miou", "log", "linear")
    assert [label.get_text() for label in loss.get_xticklabels()] == ["dice", "ce"]
    assert [label.get_text() for label in size.get_xticklabels()] == ["64", "none", "128"]
    assert list(batch.get_xticks()) == [2, 4, 8]
    places = {"lr": [1e-4, 1e-3, 1e-2, 3e-3], "batch": [2, 4, 8, 8], "loss": [0, 1, 0, 1], "size": [0, 1, 0, 2]}
    for axis in figure.axes:
        runs, best, without = axis.lines
        first, second, failed, fourth = places[axis.get_xlabel()]
        np.testing.assert_array_equal(runs.get_xydata(), [[first, 0.25], [second, 0.5], [fourth, 0.75]])
        np.testing.assert_array_equal(best.get_xydata(), [[fourth, 0.75]])
        np.testing.assert_array_equal(without.get_xdata(), [failed])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a run", "the best", "without a score"]
    pixels = drawn(figure)
    crosses = np.argwhere((pixels == (214, 39, 40)).all(-1))  # tab:red
    assert len(crosses) > 40
    for axis in (lr, batch):  # at the foot of its panel, below every score
        lowest = pixels.shape[0] - axis.transData.transform((axis.get_xlim()[0], 0.25))[1]
        foot = pixels.shape[0] - axis.bbox.y0
        inside = crosses[(crosses[:, 0] < foot) & (crosses[:, 0] > pixels.shape[0] - axis.bbox.y1)]
        assert (inside[:, 0] > lowest + 4).all() and len(inside)


def test_scores_of_runs_that_all_succeeded_have_no_crosses() -> None:
    figure = plot_sweep({"seed": [0, 1], "lr": [0.0, 10.0]}, [0.5, 0.25], best=0, label="val/miou")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a run", "the best"]
    assert [axis.get_xscale() for axis in figure.axes] == ["linear", "linear"]
    drawn(figure)
