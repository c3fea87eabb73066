import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from segdrone.classes import ClassTable
from segdrone.data.masks.instance_maps import InstanceMaps
from segdrone.evaluation.counts import stack_counts
from segdrone.evaluation.evaluator import EvalSample, Evaluator
from segdrone.evaluation.scores import score
from segdrone.inference.grouping import Things

TABLE = ClassTable(names=("land", "water"), colours=((0, 0, 0), (0, 0, 255)))


def sample(name: str, wrong: int) -> EvalSample:
    """An image of 10 x 10 pixels with this many wrong ones."""
    truth = np.zeros((10, 10), np.uint8)
    truth[5:] = 1
    prediction = truth.copy()
    prediction.flat[:wrong] ^= 1
    return EvalSample(name, truth, prediction, None, lambda: np.full((10, 10, 3), wrong, np.uint8))


@pytest.mark.parametrize("count", range(8))
def test_the_best_and_worst_images_are_kept_once_each_in_any_order(count: int) -> None:
    order = np.random.default_rng(count).permutation(count)
    evaluator = Evaluator(TABLE, pictures=2)
    for number in order:
        evaluator.update(sample(f"p{number}", wrong=int(number)))  # p0 is the best
        assert len(evaluator._kept) <= 4
    evaluator.sync()
    best, worst = ([picture.title for picture in shown] for shown in evaluator.best_and_worst())
    names = [f"p{number}" for number in range(count)]
    assert best == names[: min(2, math.ceil(count / 2))]
    assert worst == names[::-1][: min(2, count - len(best))]
    assert [*evaluator.counts] == names


def test_only_images_that_are_kept_are_read() -> None:
    evaluator = Evaluator(TABLE, pictures=1)
    evaluator.update(sample("best", 0))
    evaluator.update(sample("worst", 50))
    middle = sample("between", 10)._replace(read_image=lambda: pytest.fail("was read"))
    evaluator.update(middle)
    best, worst = evaluator.best_and_worst()
    assert best[0].image is not None and worst[0].image is not None
    assert (best[0].image.max(), worst[0].image.max()) == (0, 50)


def test_without_pictures_no_image_is_read() -> None:
    evaluator = Evaluator(TABLE, pictures=0)
    evaluator.update(sample("a", 3)._replace(read_image=lambda: pytest.fail("was read")))
    assert evaluator.best_and_worst() == ([], [])


def test_predictions_at_ignored_pixels_do_not_count() -> None:
    evaluator = Evaluator(TABLE, pictures=1)
    truth = np.zeros((40, 40), np.uint8)
    truth[20:] = 255
    prediction = truth.copy()
    prediction[20:] = np.random.default_rng(0).integers(0, 2, (20, 40))  # boundaries there must not count
    evaluator.update(EvalSample("a", truth, prediction, None, None))
    scores = score(stack_counts([*evaluator.counts.values()]))
    assert scores.overall["miou"] == scores.overall["boundary_miou"] == scores.overall["accuracy"] == 1
    assert evaluator.best_and_worst()[0][0].image is None


def test_an_image_without_labels_is_counted_but_not_kept() -> None:
    evaluator = Evaluator(TABLE, pictures=1)
    unlabeled = np.full((4, 4), 255, np.uint8)
    evaluator.update(EvalSample("empty", unlabeled, np.zeros_like(unlabeled), None, None))
    assert evaluator.counts["empty"].confusion.sum() == 0
    assert evaluator.best_and_worst() == ([], [])


CARS = ClassTable(names=("road", "car"), colours=((0, 0, 0), (0, 0, 255)))


def touching(number: int) -> NDArray[np.uint16]:
    """Returns two cars that touch; the second one has this number."""
    numbers = np.zeros((10, 20), np.uint16)
    numbers[2:6, 2:8], numbers[2:6, 8:14] = 1, number
    return numbers


def numbered(folder: Path, size: tuple[int, int] = (10, 20)) -> InstanceMaps:
    return InstanceMaps({"a": folder / "a.png"}, {"a": size})


def test_true_things_are_those_of_the_instance_maps(tmp_path: Path) -> None:
    mask = (touching(2) > 0).astype(np.uint8)
    for instances, matched, found in ((InstanceMaps(), 1, 1), (numbered(tmp_path), 0, 0)):
        cv2.imwrite(str(tmp_path / "a.png"), touching(2))
        evaluator = Evaluator(CARS, None, instances=instances)
        evaluator.update(EvalSample("a", mask, mask, None, None))
        evaluator.sync()
        panoptic, objects = evaluator.panoptic(), evaluator.objects.compute()
        assert panoptic is not None and objects is not None
        assert panoptic["classes"]["car"]["matched"] == matched  # the one component is half of each car
        assert objects["classes"]["car"]["found"] == found
        assert panoptic["truth"] == ("instance maps" if instances else "connected components")
        assert panoptic["classes"]["car"]["missed"] == (2 if instances else 0)
        assert objects["classes"]["car"]["truth"] == (2 if instances else 1)
        assert (panoptic["pq_things"], panoptic["pq_stuff"]) == (matched, 1.0)


def test_pixels_of_a_thing_without_a_number_do_not_count(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), touching(0))
    mask = (touching(2) > 0).astype(np.uint8)
    evaluator = Evaluator(CARS, None, instances=numbered(tmp_path))
    evaluator.update(EvalSample("a", mask, mask, None, None))
    panoptic = evaluator.panoptic()
    assert panoptic is not None
    assert (panoptic["classes"]["car"]["pq"], panoptic["classes"]["car"]["matched"]) == (1.0, 1)


def test_a_thing_without_a_number_is_neither_found_nor_spurious(tmp_path: Path) -> None:
    truth, numbers = np.zeros((10, 20), np.uint8), np.zeros((10, 20), np.uint16)
    truth[2:6, 2:6] = truth[2:6, 10:14] = 1
    numbers[2:6, 2:6] = 1
    cv2.imwrite(str(tmp_path / "a.png"), numbers)
    evaluator = Evaluator(CARS, None, instances=numbered(tmp_path))
    evaluator.update(EvalSample("a", truth, truth, None, None))
    objects, panoptic = evaluator.objects.compute(), evaluator.panoptic()
    assert objects is not None and panoptic is not None
    car = objects["classes"]["car"]
    assert (car["map"], car["truth"], car["predicted"], car["found"]) == (1.0, 1, 1, 1)
    assert panoptic["classes"]["car"]["pq"] == 1
    assert evaluator.counts["a"].confusion[1, 1] == 32  # pixels count as ever


def test_pixels_without_a_true_class_divide_no_predicted_segment(tmp_path: Path) -> None:
    prediction = np.zeros((10, 20), np.uint8)
    prediction[2:6, 2:12] = 1
    truth, numbers = prediction.copy(), prediction.astype(np.uint16)
    truth[:, 6:8] = 255  # through the car
    cv2.imwrite(str(tmp_path / "a.png"), numbers)
    evaluator = Evaluator(CARS, None, instances=numbered(tmp_path))
    evaluator.update(EvalSample("a", truth, prediction, None, None))
    panoptic = evaluator.panoptic()
    assert panoptic is not None
    assert panoptic["classes"]["car"]["pq"] == 1
    truth[:] = 255
    truth[:, :4] = 0
    evaluator.update(EvalSample("a", truth, prediction, None, None))  # a car mostly where no class is known
    panoptic = evaluator.panoptic()
    assert panoptic is not None
    assert panoptic["classes"]["car"]["spurious"] == 0


def test_without_things_there_is_no_panoptic_quality() -> None:
    evaluator = Evaluator(TABLE, None)
    evaluator.update(sample("a", 3))
    assert evaluator.panoptic() is None


@pytest.mark.parametrize("told_apart", [False, True])
def test_things_that_were_merged_or_split_are_counted_and_kept(told_apart: bool, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), touching(2))
    mask = (touching(2) > 0).astype(np.uint8)
    quarters = np.repeat(np.arange(1, 6, dtype=np.uint16), 4)[None] * mask  # columns 2, 4, 8, 12, 14
    things = Things(mask, quarters) if told_apart else None
    reads: list[NDArray[np.uint8]] = []

    def read() -> NDArray[np.uint8]:
        reads.append(np.zeros((10, 20, 3), np.uint8))
        return reads[-1]

    evaluator = Evaluator(CARS, 1, instances=numbered(tmp_path))
    evaluator.update(EvalSample("a", mask, mask, None, read, things))
    evaluator.sync()
    panoptic = evaluator.panoptic()
    assert panoptic is not None
    components = {"truth": 2, "split": 0, "merged": 2, "missed": 0, "predicted": 1, "invented": 0}
    if told_apart:
        assert panoptic["components"]["things"]["car"] == components
        assert panoptic["things"]["car"] == {**components, "split": 2, "merged": 0, "predicted": 4}
    else:
        assert panoptic["things"]["car"] == components
    (crop,) = evaluator.worst_things.worst()  # the other car that was split is no worse
    assert (crop.error.kind, crop.name) == ("split" if told_apart else "merged", "a")
    assert crop.image is not None and len(reads) == 1  # for both pictures of the photograph
