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
from segdrone.figures import Triple, colourise, confusion, curves, save, triples

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


def triple(height: int, width: int, truth: int, prediction: int) -> Triple:
    image = np.full((height, width, 3), (90, 91, 92), np.uint8)
    return Triple("a", image, np.full((height, width), truth, np.uint8), np.full((height, width), prediction, np.uint8))


def test_colourise_gives_the_tables_colours_and_white() -> None:
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    colours = colourise(mask, TABLE)
    assert colours.dtype == np.uint8
    assert colours.tolist() == [[[200, 10, 40], [10, 180, 60]], [[20, 60, 220], [255, 255, 255]]]


def test_triples_of_two_sizes_show_photograph_truth_and_prediction() -> None:
    figure = triples([triple(80, 120, 0, 1), triple(90, 60, 2, 255)], TABLE)
    pixels = drawn(figure)
    assert pixels.shape[1] == 1280
    assert share_of(pixels, (90, 91, 92)) > 0.05
    for colour in TABLE.colours:
        assert share_of(pixels, colour) > 0.02
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["road", "grass", "roof", "ignored"]


def test_triples_name_only_the_classes_that_occur() -> None:
    figure = triples([triple(20, 30, 1, 1)], TABLE)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["grass"]
    assert share_of(drawn(figure), TABLE.colours[0]) == 0


def test_triples_have_titles() -> None:
    figure = triples([triple(20, 30, 0, 0)._replace(title="598: 0.41")], TABLE)
    assert [axis.get_title() for axis in figure.axes] == ["598: 0.41", "truth", "prediction"]


def test_large_photographs_are_reduced_without_mixing_ids() -> None:
    mask = np.zeros((1000, 1800), np.uint8)
    mask[:, 900:] = 2
    small = Triple("a", np.full((1000, 1800, 3), 7, np.uint8), mask, mask[:, ::-1]).reduced()
    assert small.image.shape == (500, 900, 3)
    assert small.truth.shape == small.prediction.shape == (500, 900)
    assert set(np.unique(small.truth)) == {0, 2}
    assert (small.truth[:, :450] == 0).all()
    assert (small.prediction[:, :450] == 2).all()


def test_confusion_shows_shares_of_each_true_class() -> None:
    counts = np.array([[30, 10, 0], [0, 5, 0], [0, 0, 0]], np.int64)
    figure = confusion(counts, TABLE)
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


def test_curves_count_epochs_from_one_and_skip_what_is_absent() -> None:
    history = [{"epoch": 0, "train/loss": 2.0}, {"epoch": 1, "train/loss": 1.5, "val/loss": 1.75}]
    figure = curves(history, {"train/loss": "train", "val/loss": "val", "test/loss": "test"}, "Loss", "nats")
    axis = figure.axes[0]
    lines = {str(line.get_label()): line for line in axis.lines}
    assert set(lines) == {"train", "val"}
    np.testing.assert_array_equal(lines["train"].get_xydata(), [[1, 2.0], [2, 1.5]])
    np.testing.assert_array_equal(lines["val"].get_xydata(), [[2, 1.75]])
    assert (axis.get_title(), axis.get_xlabel(), axis.get_ylabel()) == ("Loss", "epoch", "nats")
    assert drawn(figure).shape == (450, 700, 3)


def test_save_writes_a_png_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "figures" / "curves.png"
    save(curves([{"epoch": 0, "a": 1.0}], {"a": "val"}, "t", "u"), path)
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
