from __future__ import annotations

import os
from pathlib import Path

import pytest

from segdrone.annotations import write
from segdrone.annotations.shapes import Shape, box, rasterize
from segdrone.class_files import read_class_table
from segdrone.classes import ClassTable
from segdrone.errors import DataError
from tests.annotations.conftest import mask, photograph

MASK = rasterize([Shape("a", "here", [box(0, 0, 10, 20)])], (64, 96), {"a": 3}, 255)


def files(out: Path) -> list[str]:
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_pair_is_a_mask_and_a_hard_link(tmp_path: Path) -> None:
    source, out = photograph(tmp_path / "in" / "a.png"), tmp_path / "out"
    write.write_pair(MASK, source, "a", out)
    assert files(out) == ["images/a.png", "masks/a.png"]
    assert (out / "images" / "a.png").samefile(source)
    assert (mask(out) == 3).sum() == 200


def test_symbolic_link_becomes_the_photograph_itself(tmp_path: Path) -> None:
    source = photograph(tmp_path / "in" / "real.png")
    (tmp_path / "in" / "a.png").symlink_to(source)
    write.write_pair(MASK, tmp_path / "in" / "a.png", "a", tmp_path / "out")
    assert not (tmp_path / "out" / "images" / "a.png").is_symlink()
    assert (tmp_path / "out" / "images" / "a.png").samefile(source)


def test_photograph_is_copied_where_links_do_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    source, out = photograph(tmp_path / "in" / "a.png"), tmp_path / "out"
    monkeypatch.setattr(os, "link", no_link)
    write.write_pair(MASK, source, "a", out)
    assert not (out / "images" / "a.png").samefile(source)
    assert (out / "images" / "a.png").read_bytes() == source.read_bytes()


def test_full_disk_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:9])
        raise OSError(28, "No space left on device")

    source = photograph(tmp_path / "in" / "a.png")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"out cannot be written to \(No space left on device\): free some disk space"):
        write.write_pair(MASK, source, "a", tmp_path / "out")
    assert files(tmp_path / "out") == []


def test_split_lists_are_written_and_found(tmp_path: Path) -> None:
    write.write_split({"train": ["a", "b"], "val": ["c"], "test": []}, tmp_path)
    assert [(path.name, path.read_text()) for path in sorted(tmp_path.iterdir())] == [
        ("train.txt", "a\nb\n"),
        ("val.txt", "c\n"),
    ]
    assert write.split_lists(tmp_path) == ["train.txt", "val.txt"]


def test_class_table_can_be_read_back(tmp_path: Path) -> None:
    table = ClassTable(("paved, wet", 'a "b"', "ä"), ((1, 2, 3), (4, 5, 6), (7, 8, 9)))
    write.write_class_table(table, tmp_path / "out")
    assert read_class_table(tmp_path / "out" / "classes.csv") == table


@pytest.mark.parametrize("out", ["photos", "photos/images", "photos/masks", "photos/../photos", "link", "set"])
def test_out_that_would_mix_with_the_photographs_is_refused(tmp_path: Path, out: str) -> None:
    for folder in ("photos", "set/images"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    photographs = tmp_path / ("set/images" if out == "set" else "photos")
    with pytest.raises(DataError, match="would mix: choose another folder to write to"):
        write.check_folders(tmp_path / out, photographs.resolve())
    write.check_folders(tmp_path / "elsewhere", photographs.resolve())
    write.check_folders(tmp_path / "photos2", photographs.resolve())


def test_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(DataError, match="out is a file: give a folder to write to"):
        write.check_folders(tmp_path / "out", tmp_path / "photos")


@pytest.mark.parametrize("name", ["images/b.jpg", "masks/b.png", "images/a.jpg", "masks/a.tif"])
def test_files_of_another_import_are_refused(tmp_path: Path, name: str) -> None:
    source = photograph(tmp_path / "in" / "a.png")
    write.write_pair(MASK, source, "a", tmp_path / "out")
    write.check_no_other_import(tmp_path / "out", ["a.png"])
    photograph(tmp_path / "out" / name)
    with pytest.raises(DataError, match=f"{name} belongs to another import: remove"):
        write.check_no_other_import(tmp_path / "out", ["a.png"])
