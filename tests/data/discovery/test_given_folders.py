"""Folders and patterns that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from segdrone.data.discovery.find_dataset import find_dataset
from tests.helpers.dataset_folders import numbered, write_pairs
from tests.helpers.discovery import masks_by_id, refusal


@pytest.mark.parametrize(
    ("images", "masks", "expected"),
    [
        ("f*/rgb/{id}.jpg", "f*/lab/{id}_x.png", {"f0/0": "f0/lab/0_x.png", "f1/0": "f1/lab/0_x.png"}),
        ("{group}/rgb/{id}", "{group}/lab/{id}_x", {"f0/0": "f0/lab/0_x.png", "f1/0": "f1/lab/0_x.png"}),
        ("f0/rgb/*.jpg", "f0/lab/*_x.png", {"0": "f0/lab/0_x.png"}),
        ("f0/rgb", "f0/lab/{id}_x.png", {"0": "f0/lab/0_x.png"}),
        ("**/rgb/{id}.jpg", "**/lab/{id}_?.png", {"f0/0": "f0/lab/0_x.png", "f1/0": "f1/lab/0_x.png"}),
    ],
)
def test_patterns_name_files(tmp_path: Path, images: str, masks: str, expected: dict[str, str]) -> None:
    write_pairs(tmp_path, ("f0/rgb/0.jpg", "f0/lab/0_x.png"), ("f1/rgb/0.jpg", "f1/lab/0_x.png"))
    files = find_dataset(tmp_path, images, masks)
    assert masks_by_id(files) == expected
    assert find_dataset(Path("/nowhere"), *(files.given or ())).pairs == files.pairs


@pytest.mark.parametrize(("images", "masks"), [(None, None), ("images", "masks"), ("images/*/{id}", "masks/*/{id}")])
def test_accents_apart_from_their_letters_are_the_same(tmp_path: Path, images: str | None, masks: str | None) -> None:
    apart, joined = "a\u0308", "\u00e4"
    write_pairs(
        tmp_path, (f"images/{apart}/{apart}.jpg", f"masks/{joined}/{joined}.png"), ("images/b/c.jpg", "masks/b/c.png")
    )
    assert masks_by_id(find_dataset(tmp_path, images, masks)) == {
        "c": "masks/b/c.png",
        joined: f"masks/{joined}/{joined}.png",
    }


@pytest.mark.parametrize(
    ("images", "masks", "parts"),
    [
        ("images/{id}.jpg", "masks/{id}_x.png", ("data.masks={id}_x.png matches no image file",)),
        ("images/{name}.jpg", "masks/{id}.png", ("unknown field {name}", "{id}, {group}, {split}")),
        ("images/{id}_0.jpg", "masks/{id}_1.png", ("has the id of a photograph", "put {id} where the names agree")),
        ("imgs/{id}.jpg", "masks/{id}.png", ("has no folder imgs",)),
        ("images", "lables", ("data.masks=lables is not a folder", "fix the path")),
        ("imgs", "masks", ("data.images=imgs is not a folder", "fix the path")),
        ("images", "empty", ("empty holds no images", "no files at all")),
        ("images", "texts", ("texts holds no images", "1 .txt", "segdrone data import")),
    ],
)
def test_folders_and_patterns_that_do_not_fit_are_refused(
    tmp_path: Path, images: str, masks: str, parts: Sequence[str]
) -> None:
    write_pairs(tmp_path, ("images/a_0.jpg", "masks/b_1.png"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("0 0 0 1 1")
    text = refusal(tmp_path, images, masks)
    for part in parts:
        assert part in text


def test_one_folder_is_completed_or_the_others_are_named(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("images/{}.jpg", "labels_v2/{}.png"))
    assert find_dataset(tmp_path, None, "labels_v2").images == tmp_path / "images"
    assert find_dataset(tmp_path, "images").masks == tmp_path / "labels_v2"
    write_pairs(tmp_path, *numbered("images/{}.jpg", "labels_v1/{}.png"))
    text = refusal(tmp_path, "images")
    assert f"data.masks=FOLDER beside it; folders with images there: {tmp_path / 'labels_v1'}" in text


def test_folders_are_named_below_the_root_and_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pairs(tmp_path / "root", *numbered("rgb/{}.jpg", "semantic/{}.png"))
    monkeypatch.chdir(tmp_path)
    for masks in ("semantic", str(tmp_path / "root" / "semantic"), "root/semantic"):
        assert find_dataset(tmp_path / "root", "rgb", masks).masks.resolve() == tmp_path / "root" / "semantic"


def test_photographs_and_masks_in_one_named_folder(tmp_path: Path) -> None:
    write_pairs(tmp_path, *numbered("{}_sat.jpg", "{}_mask.png"))
    assert masks_by_id(find_dataset(tmp_path, ".", "."))["0_sat"] == "0_mask.png"
