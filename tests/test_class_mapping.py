from __future__ import annotations

import pytest

from segdrone.class_mapping import ClassesDifferError, map_classes
from segdrone.classes import ClassTable

NAMES = ("the masks", "the model")


def table(*names: str) -> ClassTable:
    return ClassTable(names, tuple((10 * i, 0, 0) for i in range(len(names))))


@pytest.mark.parametrize(
    ("names", "target", "groups", "ids"),
    [
        (("road", "roof"), ("road", "roof"), None, [0, 1]),
        (("roof", "road"), ("road", "roof"), None, [1, 0]),  # another order
        (("roof",), ("road", "roof"), None, [1]),  # a class that does not occur here
        (("grass", "tree", "road"), ("plants", "road"), {"plants": ["grass", "tree"]}, [0, 0, 1]),
        (("road", "plants"), ("plants", "road"), {"plants": ["grass", "tree"]}, [1, 0]),  # merged before
        (("road", "dirt"), ("road",), {"ignored": ["dirt"]}, [0, 255]),
        # a group has the name of a class that another group merges
        (("grass", "vegetation"), ("grass", "other"), {"grass": ["vegetation"], "other": ["grass"]}, [1, 0]),
        (("other", "grass"), ("grass", "other"), {"grass": ["vegetation"], "other": ["grass"]}, [1, 0]),
    ],
)
def test_names_decide(
    names: tuple[str, ...], target: tuple[str, ...], groups: dict[str, list[str]] | None, ids: list[int]
) -> None:
    lookup = map_classes(table(*names), table(*target), groups, names=NAMES)
    assert lookup[: len(names)].tolist() == ids
    assert (lookup[len(names) :] == 255).all()


def test_a_class_that_is_called_ignored_is_not_ignored_in_silence() -> None:
    with pytest.raises(ClassesDifferError, match="the latter lack ignored$"):
        map_classes(table("road", "ignored"), table("road"), names=NAMES)


def test_other_names_are_refused_with_both_lists() -> None:
    with pytest.raises(ClassesDifferError) as caught:
        map_classes(table("road", "Roof ", "pool"), table("road", "roof"), {"roof": ["house"]}, names=NAMES)
    assert str(caught.value) == (
        "the classes of the masks are road, Roof , pool, those of the model are road, roof: "
        "the latter lack Roof , pool (Roof  is written roof there)"
    )
