"""Several people annotate a photograph: who they are, and whose annotation is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segdrone.annotations.corrections.versions import read_sources
from segdrone.errors import ConfigError, DataError
from segdrone.utils.digest import file_digest
from tests.annotations.conftest import document
from tests.annotations.corrections.conftest import (
    ALL_SOIL,
    CAR,
    ROAD,
    SIZE,
    SOIL,
    box,
    corrected,
    correction,
    read,
    refusal,
    stored_mask,
)


@pytest.fixture
def people(tmp_path: Path) -> list[Path]:
    """Three corrections of `a`, all soil, in which columns are roads: of anna 12 to 36, of ben 18 to 36, of eva none.

    Cars are where anna alone, or anna and ben, see them.
    """
    first, both = box("car", 0, 0, 4, 4), box("car", 8, 8, 12, 12)
    shapes = {
        "anna": [ALL_SOIL, box("road", 12, 0, 36, 24), first, both],
        "ben": [ALL_SOIL, box("road", 18, 0, 36, 24), both],
        "eva": [ALL_SOIL],
    }
    return [correction(tmp_path / name, "a", *drawn, file=name) for name, drawn in shapes.items()]


def of_majority() -> np.ndarray[Any, Any]:
    mask = np.full(SIZE, SOIL, np.uint8)
    mask[:, 18:] = ROAD
    mask[8:12, 8:12] = CAR
    return mask


def test_several_corrections_are_refused_without_a_choice(dataset: Path, people: list[Path]) -> None:
    text = refusal(people, dataset)
    assert "1 photographs, a.png first, have several corrections (anna, ben, eva): compare them with" in text
    assert "choose one with --prefer NAME, or --merge majority" in text


def test_two_corrections_in_one_folder_are_refused(dataset: Path, fixed: Path) -> None:
    correction(fixed, "a", ALL_SOIL, file="again")
    assert "have several corrections (annotation 1, annotation 2)" in refusal(fixed, dataset)
    assert corrected(fixed, dataset, prefer=["annotation 2"]).changed
    assert (read(dataset / "masks" / "a.png") == SOIL).all()


def test_a_person_is_preferred(dataset: Path, people: list[Path]) -> None:
    summary = corrected(people, dataset, prefer=["eva"])
    assert (read(dataset / "masks" / "a.png") == SOIL).all()
    assert summary.changed[0].by == ["eva"]
    assert {*summary.agreement.pairs} == {("anna", "ben"), ("anna", "eva"), ("ben", "eva")}


def test_the_first_preferred_person_who_corrected_a_photograph_is_taken(dataset: Path, people: list[Path]) -> None:
    for name in ("ben", "eva"):
        correction(people[0].parent.parent / name, "b", ALL_SOIL if name == "eva" else box("car", 0, 0, 36, 24))
    folders = [path.parent for path in people]
    assert "b.png first, have several corrections that --prefer does not decide (ben, eva)" in refusal(
        folders, dataset, prefer=["anna"]
    )
    corrected(folders, dataset, prefer=["anna", "ben"])
    assert read(dataset / "masks" / "a.png")[0, 0] == CAR
    assert (read(dataset / "masks" / "b.png") == CAR).all()


def test_the_majority_decides(dataset: Path, people: list[Path]) -> None:
    summary = corrected(people, dataset, merge="majority")
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), of_majority())
    assert summary.changed[0].by == ["anna", "ben", "eva"]


def test_two_people_who_differ_have_no_majority(dataset: Path, people: list[Path]) -> None:
    corrected(people[1:], dataset, merge="majority")
    expected = np.full(SIZE, SOIL, np.uint8)
    expected[:, 18:] = 255
    expected[8:12, 8:12] = 255
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), expected)


def test_nobody_of_that_name(dataset: Path, people: list[Path]) -> None:
    assert refusal(people, dataset, prefer=["Anna"]).endswith("choose from anna, ben, eva")


def test_given_names_replace_others(people: list[Path], dataset: Path) -> None:
    named = [Path(f"{name}={path}") for name, path in zip(("A. B.", "C", "D"), people, strict=True)]
    assert "(A. B., C, D)" in refusal(named, dataset)


def test_a_path_with_an_equals_sign_is_a_path(tmp_path: Path, dataset: Path) -> None:
    correction(tmp_path / "x=y", "a")
    ((by, source),) = read_sources([tmp_path / "x=y"], None)
    assert (by, source.path) == ("", tmp_path / "x=y")
    with pytest.raises(DataError, match=r"is no NAME=SOURCE: give a name and an annotation file"):
        read_sources([Path(f"={tmp_path / 'x=y'}")], None)
    with pytest.raises(DataError, match="missing.json does not exist"):
        read_sources([Path(f"anna={tmp_path / 'missing.json'}")], None)


def test_choices_that_do_not_go_together(dataset: Path, people: list[Path]) -> None:
    for options, text in (
        ({"merge": "vote"}, "--merge vote is unknown: give --merge majority, or --prefer NAME"),
        ({"merge": "majority", "prefer": ["anna"]}, "--merge and --prefer do not go together"),
        ({"merge": "majority", "instances": True}, "things have no majority"),
    ):
        with pytest.raises(ConfigError, match=text):
            corrected(people, dataset, **options)


def task(*annotations: dict[str, Any], image: str = "a.png") -> dict[str, Any]:
    return {"id": 1, "data": {"image": image}, "annotations": [*annotations]}


def annotation(by: Any, label: str, updated: str = "2024", **more: Any) -> dict[str, Any]:
    value = {"x": 0, "y": 0, "width": 100, "height": 100, "rotation": 0, "rectanglelabels": [label]}
    result = {"type": "rectanglelabels", "original_width": 36, "original_height": 24, "value": value}
    return {"id": 1, "completed_by": by, "updated_at": updated, "result": [result], **more}


def test_label_studio_says_who_annotated_a_task(dataset: Path, tmp_path: Path) -> None:
    anna, ben = annotation({"email": "anna@x.org", "id": 4}, "car"), annotation(7, "road")
    cancelled = annotation(9, "soil", was_cancelled=True)
    source = document(tmp_path / "tasks.json", [task(anna, ben, cancelled)])
    assert "have several corrections (anna@x.org, 7)" in refusal(source, dataset)
    summary = corrected(source, dataset, prefer=["7"])
    assert (read(dataset / "masks" / "a.png") == ROAD).all() and summary.changed[0].by == ["7"]


def test_two_annotations_of_one_person_are_numbered(dataset: Path, tmp_path: Path) -> None:
    source = document(tmp_path / "tasks.json", [task(annotation(7, "car", "2023"), annotation(7, "road", "2024"))])
    assert "have several corrections (7 1, 7 2)" in refusal(source, dataset)


def test_an_empty_annotation_counts_where_the_rest_is_background(dataset: Path, tmp_path: Path) -> None:
    source = document(tmp_path / "tasks.json", [task(annotation(1, "car"), annotation(2, "car", result=[]))])
    assert "have several corrections" in refusal(source, dataset, background="soil")
    corrected(source, dataset)  # says nothing without a background
    assert (read(dataset / "masks" / "a.png") == CAR).all()
    corrected(source, dataset, background="soil", prefer=["2"])
    assert (read(dataset / "masks" / "a.png") == SOIL).all()


def test_parts_of_a_project_that_list_all_photographs_are_no_other_opinion(dataset: Path, tmp_path: Path) -> None:
    one = document(
        tmp_path / "one.json", [task(annotation(1, "car")), task(annotation(1, "car", result=[]), image="b.png")]
    )
    other = document(
        tmp_path / "two.json", [task(annotation(2, "car", result=[])), task(annotation(2, "road"), image="b.png")]
    )
    corrected([one, other], dataset, background="soil")
    assert (read(dataset / "masks" / "a.png") == CAR).all() and (read(dataset / "masks" / "b.png") == ROAD).all()
    np.testing.assert_array_equal(read(dataset / "masks" / "c.png"), stored_mask())


def test_an_empty_photograph_of_a_named_person_is_all_background(
    dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {
        "anna": [task(annotation(1, "car")), task(annotation(1, "car", result=[]), image="b.png")],
        "ben": [task(annotation(1, "car", result=[])), task(annotation(1, "car", result=[]), image="b.png")],
    }
    sources = [Path(f"{by}={document(tmp_path / f'{by}.json', tasks)}") for by, tasks in files.items()]
    assert "2 photographs, a.png first, have several corrections (anna, ben)" in refusal(
        sources, dataset, background="soil"
    )
    caplog.clear()
    summary = corrected(sources, dataset, background="soil", prefer=["ben"])
    assert "3 annotations without a shape, a.png first, are taken as 'soil' throughout" in caplog.text
    assert (read(dataset / "masks" / "a.png") == SOIL).all() and (read(dataset / "masks" / "b.png") == SOIL).all()
    agreement = {name: pairs["anna", "ben"].pixel_agreement for name, pairs in summary.agreement.photographs.items()}
    assert agreement == {"a": 0, "b": 1}


def test_parts_of_one_named_person_are_one_opinion(dataset: Path, tmp_path: Path) -> None:
    empty = [task(annotation(1, "car", result=[]), image=image) for image in ("a.png", "b.png")]
    parts = [
        document(tmp_path / "1.json", [task(annotation(1, "car")), empty[1]]),
        document(tmp_path / "2.json", empty),
    ]
    corrected([Path(f"anna={part}") for part in parts], dataset, background="soil")
    assert (read(dataset / "masks" / "a.png") == CAR).all() and (read(dataset / "masks" / "b.png") == SOIL).all()


def test_shapes_of_a_second_annotation_are_missed_too(dataset: Path, tmp_path: Path) -> None:
    tasks = [task(annotation(1, "car")), task(annotation(1, "car"), annotation(2, "car", "2025", result=[]), image="z")]
    assert "1 corrected photographs are not in" in refusal(document(tmp_path / "tasks.json", tasks), dataset)


def test_numbers_of_people_differ_from_the_names_of_others(dataset: Path, tmp_path: Path) -> None:
    sources = [correction(tmp_path / folder, "a", ALL_SOIL, file=by) for folder, by in (("x", "7"), ("y", "7"))]
    sources.append(correction(tmp_path / "z", "a", box("car", 0, 0, 36, 24), file="7 1"))
    assert "(7 2, 7 3, 7 1)" in refusal(sources, dataset)
    corrected(sources, dataset, merge="majority")
    assert (read(dataset / "masks" / "a.png") == SOIL).all()


def test_files_of_equal_names_have_the_same_number_on_all_photographs(dataset: Path, tmp_path: Path) -> None:
    labels = {"anna": {"a": "soil", "c": "soil"}, "ben": {"a": "road", "b": "road"}, "eva": {"b": "car", "c": "car"}}
    sources = [
        document(
            tmp_path / by / "tasks.json",
            [task(annotation(None, label), image=f"{name}.png") for name, label in photographs.items()],
        )
        for by, photographs in labels.items()
    ]
    assert "have several corrections (tasks 1, tasks 2, tasks 3)" in refusal(sources, dataset)
    summary = corrected(sources, dataset, prefer=["tasks 2", "tasks 3"])
    assert [read(dataset / "masks" / f"{name}.png")[0, 0] for name in "abc"] == [ROAD, ROAD, CAR]
    assert {name: [*pairs] for name, pairs in summary.agreement.photographs.items()} == {
        "a": [("tasks 1", "tasks 2")], "b": [("tasks 2", "tasks 3")], "c": [("tasks 1", "tasks 3")],
    }  # fmt: skip


@pytest.mark.parametrize("is_one", [False, True])
def test_folders_of_equal_names_have_the_same_number_on_all_photographs(
    dataset: Path, tmp_path: Path, is_one: bool
) -> None:
    for by, names in {"anna": "ab", "ben": "abc", "eva": "bc"}.items():
        for name in names:
            correction(tmp_path / "all" / by / "json" / f"flight {name}", name, ALL_SOIL)
    sources = [tmp_path / "all"] if is_one else [tmp_path / "all" / by / "json" for by in ("anna", "ben", "eva")]
    name = "annotation" if is_one else "json"
    summary = corrected(sources, dataset, merge="majority")
    assert {*summary.agreement.photographs["c"]} == {(f"{name} 2", f"{name} 3")}
    assert {*summary.agreement.pairs} == {(f"{name} {i}", f"{name} {j}") for i, j in ((1, 2), (1, 3), (2, 3))}


def test_a_point_corrects_nothing(dataset: Path, tmp_path: Path) -> None:
    one = annotation(1, "car")
    one["result"][0] |= {"type": "keypointlabels", "value": {"x": 10, "y": 10, "width": 0.5, "keypointlabels": ["car"]}}
    assert "has no shape on any photograph" in refusal(document(tmp_path / "tasks.json", [task(one)]), dataset)
    np.testing.assert_array_equal(read(dataset / "masks" / "a.png"), stored_mask())


def test_points_of_another_person_are_no_other_opinion(dataset: Path, tmp_path: Path) -> None:
    point = annotation(2, "car", "2023")
    point["result"][0] |= {"type": "keypointlabels", "value": {"x": 9, "y": 9, "width": 1, "keypointlabels": ["car"]}}
    source = document(tmp_path / "tasks.json", [task(annotation(1, "car"), point)])
    corrected(source, dataset, merge="majority")
    assert (read(dataset / "masks" / "a.png") == CAR).all()


def test_another_photograph_of_the_same_name_than_was_pushed_is_refused(dataset: Path, tmp_path: Path) -> None:
    one = task(annotation(1, "car"))
    one["data"] = {"image": "/data/upload/1/x.png", "photograph": "a.png", "sha256": "0" * 64}
    source = document(tmp_path / "tasks.json", [one])
    assert "annotates another photograph than" in refusal(source, dataset)
    one["data"]["sha256"] = file_digest(dataset / "images" / "a.png")
    corrected(document(tmp_path / "tasks.json", [one]), dataset)
    assert (read(dataset / "masks" / "a.png") == CAR).all()
