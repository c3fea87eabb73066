"""Options of an evaluation."""

from dataclasses import replace

import pytest
from omegaconf import DictConfig

from segdrone.classes import ClassTable
from segdrone.data.masks.mask_encoding import MaskEncoding
from segdrone.evaluation.options import object_classes

CFG = DictConfig({"objects": None})
SOURCE = ClassTable(("road", "car", "truck", "tree"), ((1, 1, 1), (2, 2, 2), (3, 3, 3), (4, 4, 4)))
GROUPS = {"vehicle": ["car", "truck"], "rest": ["road", "tree"]}


@pytest.mark.parametrize(
    ("things", "expected"), [(None, None), (("car", "truck"), ["vehicle"]), (("car", "tree"), []), ((), [])]
)
def test_a_merged_class_is_a_thing_if_all_its_classes_are(
    things: tuple[str, ...] | None, expected: list[str] | None
) -> None:
    model = ClassTable(("rest", "sky", "vehicle"), ((1, 1, 1), (5, 5, 5), (2, 2, 2)))
    encoding = MaskEncoding(replace(SOURCE, things=things)).map_to(model, GROUPS, names=("the masks", "the model"))
    assert object_classes(CFG, model, encoding) == expected


def test_the_model_decides_what_things_are_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    model = ClassTable(("rest", "sky", "vehicle"), ((1, 1, 1), (5, 5, 5), (2, 2, 2)), things=("sky", "vehicle"))
    for things, warned in ((("car", "truck"), False), (("car",), True)):
        encoding = MaskEncoding(replace(SOURCE, things=things)).map_to(model, GROUPS, names=("the masks", "the model"))
        assert object_classes(CFG, model, encoding) is None
        assert ("as the model says" in caplog.text) == warned
