from __future__ import annotations

import os
from pathlib import Path

import pytest

from segdrone.errors import ConfigError, DataError
from segdrone.inference.inputs import InputImage, find_files, find_inputs
from segdrone.utils.digest import file_digest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("photos/b.JPG", "photos/a.jpg", "photos/sub/deep/c.png", "photos/notes.txt", "photos/sub/c.srt"):
        make(tmp_path / name)
    return tmp_path


def make(path: Path, content: bytes = b"pixels") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(*inputs: str | Path, out: str = "out") -> dict[str, str]:
    return {image.path: image.name for image in find_inputs(inputs, out)}


def test_a_folder_is_searched_to_any_depth_and_other_files_are_skipped(folder: Path) -> None:
    assert list(names("photos").items()) == [("a.jpg", "a"), ("b.JPG", "b"), ("sub/deep/c.png", "sub/deep/c")]
    (image,) = find_inputs([folder / "photos" / "sub"], "out")
    assert image == InputImage(folder / "photos" / "sub" / "deep" / "c.png", "deep/c.png", "deep/c")
    assert image.digest == file_digest(folder / "photos/sub/deep/c.png")


def test_a_given_file_is_taken_whatever_its_suffix(folder: Path) -> None:
    assert names("photos/sub/deep/c.png", "photos/notes.txt") == {"c.png": "c", "notes.txt": "notes.txt"}
    make(folder / "photos" / "a.txt")
    assert names("photos/a.txt", "photos/a.jpg") == {"a.txt": "a.txt", "a.jpg": "a"}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("photos/*", ["a.jpg", "b.JPG", "sub/deep/c.png"]),
        ("photos/*.jpg", ["a.jpg"]),
        ("photos/**/*.png", ["sub/deep/c.png"]),
        ("photos/**", ["a.jpg", "b.JPG", "sub/deep/c.png"]),
        ("photos/sub/*/*", ["deep/c.png"]),
        ("*/[ab].*", ["photos/a.jpg", "photos/b.JPG"]),
        ("phot?s", ["photos/a.jpg", "photos/b.JPG", "photos/sub/deep/c.png"]),
    ],
)
def test_paths_of_a_pattern_are_relative_to_its_last_folder_without_wildcard(
    folder: Path, pattern: str, found: list[str]
) -> None:
    assert list(names(pattern)) == found
    assert list(names(folder / pattern)) == found


def test_brackets_in_an_existing_name_are_not_a_pattern(folder: Path) -> None:
    make(folder / "day[1]" / "x[2].jpg")
    assert names("day[1]") == names("day[1]/x[2].jpg") == {"x[2].jpg": "x[2]"}


def test_a_file_is_taken_once_by_its_first_input(folder: Path) -> None:
    assert list(names("photos", "photos/sub/deep/c.png", folder / "photos", "photos/*.jpg")) == list(names("photos"))


def test_images_are_sorted_by_path_whatever_the_order_of_inputs(folder: Path) -> None:
    for name in ("Z.jpg", "a-b.jpg", "sub.jpg", "é.jpg"):
        make(folder / "photos" / name)
    assert list(names("photos/sub", "photos/*.jpg")) == sorted(names("photos/*.jpg", "photos/sub"))
    assert list(names("photos")) == sorted(names("photos"))


def test_hidden_files_and_temporary_files_are_skipped(folder: Path) -> None:
    for name in (".x.jpg", "._a.jpg", ".a.0123abcd.part.jpg", ".trash/y.jpg"):
        make(folder / "photos" / name)
    assert names("photos") == names("photos/**/*") == names("photos/**") == {
        "a.jpg": "a", "b.JPG": "b", "sub/deep/c.png": "sub/deep/c",
    }  # fmt: skip


@pytest.mark.parametrize("given", ["photos", "photos/**/*", "photos/*", "./photos/../photos", "link"])
def test_the_output_folder_is_skipped(folder: Path, given: str) -> None:
    os.symlink(folder / "photos", folder / "link")
    expected = names("photos")
    make(folder / "photos" / "sub" / "out" / "masks" / "a.png")
    make(folder / "photos" / "sub" / "out2" / "d.png")
    assert names(given, out="photos/sub/out") == {**expected, "sub/out2/d.png": "sub/out2/d"}


def test_photographs_inside_the_output_folder_are_predicted(folder: Path) -> None:
    assert names("photos", out=".") == names("photos/*", out=".") == names("photos")


@pytest.mark.parametrize("given", ["photos", "photos/*.jpg"])
def test_the_output_folder_must_not_be_that_of_the_photographs(folder: Path, given: str) -> None:
    with pytest.raises(ConfigError, match="is the folder of the photographs: give one of its own"):
        names(given, out="photos")


def test_photographs_of_the_same_stem_keep_their_suffixes(folder: Path) -> None:
    for name in ("photos/a.png", "photos/B.png", "photos/sub/a.jpg"):
        make(folder / name)
    assert names("photos") == {
        "B.png": "B.png", "a.jpg": "a.jpg", "a.png": "a.png", "b.JPG": "b.JPG", "sub/a.jpg": "sub/a",
        "sub/deep/c.png": "sub/deep/c",
    }  # fmt: skip


def test_two_photographs_of_the_same_path_are_refused_by_name(folder: Path) -> None:
    make(folder / "other" / "a.jpg")
    with pytest.raises(ConfigError, match=r"^other/a\.jpg and photos/a\.jpg would both be predicted as a\.jpg"):
        names("photos", "other")
    for name in ("a.jpg.jpg", "a.png"):
        make(folder / "photos" / name)
    with pytest.raises(ConfigError, match=r"^photos/a\.jpg and photos/a\.jpg\.jpg would both"):
        names("photos")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gone.jpg", "gone.jpg does not exist"),
        ("photos/gone", "photos/gone does not exist"),
        ("photos/*.tif", r"photos/\*\.tif leads to no photographs"),
        ("gone/*", r"gone/\* leads to no photographs"),
        ("empty", "empty leads to no photographs"),
        ("photos/a**b", "not a pattern|leads to no photographs"),
    ],
)
def test_an_input_without_photographs_is_an_error(folder: Path, given: str, message: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises((DataError, ConfigError), match=message) as caught:
        names("photos", given)
    assert "\n" not in str(caught.value)


def test_links_to_photographs_are_followed_and_links_to_folders_are_not(folder: Path) -> None:
    os.symlink(folder / "photos" / "a.jpg", folder / "photos" / "link.jpg")
    os.symlink(folder / "photos" / "gone.jpg", folder / "photos" / "broken.jpg")
    os.symlink(folder / "photos", folder / "photos" / "sub" / "circle")
    assert list(names("photos")) == ["a.jpg", "b.JPG", "broken.jpg", "link.jpg", "sub/deep/c.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_read_permission_is_reported(folder: Path) -> None:
    make(folder / "photos" / ".trash" / "d.jpg").parent.chmod(0)
    assert "a.jpg" in names("photos")
    (folder / "photos" / "sub").chmod(0)
    try:
        with pytest.raises(DataError, match=r"photos/sub cannot be read \(Permission denied\)"):
            names("photos")
    finally:
        (folder / "photos" / "sub").chmod(0o755)


def test_predictions_of_other_runs_are_skipped(folder: Path) -> None:
    made = folder / "photos" / "predicted"
    make(made / "predict.json")
    make(made / "masks" / "a.png")
    assert list(names("photos")) == ["a.jpg", "b.JPG", "sub/deep/c.png"]
    assert list(names("photos/**")) == ["a.jpg", "b.JPG", "sub/deep/c.png"]


def test_maps_and_films_of_other_runs_are_skipped(folder: Path) -> None:
    for name in ("maps/a/ortho_mask.tif", "maps/a/ortho_confidence.tif", "films/flight.mp4"):
        make(folder / "photos" / "old" / name)
    for name in ("my_mask.tif", "flight.mp4"):
        make(folder / "photos" / "own" / name)
    make(folder / "photos" / "own" / "flight.json", b'{"telemetry": []}')
    make(folder / "photos" / "old" / "maps" / "a" / "ortho_record.json", b'{"stages": {}}')
    make(folder / "photos" / "old" / "films" / "flight.json", b'{"made_with": {}}')
    for given in ("photos", "photos/**"):
        found = find_files([given], "out")
        assert [image.path for image in found.photographs] == ["a.jpg", "b.JPG", "own/my_mask.tif", "sub/deep/c.png"]
        assert [video.path for video in found.videos] == ["own/flight.mp4"]


def test_masks_of_a_dataset_are_skipped(folder: Path) -> None:
    for name in ("original_images/a.jpg", "label_images_semantic/a.png"):
        make(folder / "dataset" / name)
    assert names("dataset") == {"a.jpg": "a"}
    assert names("dataset", out=".") == {"a.jpg": "a"}
    with pytest.raises(ConfigError, match="is the folder of the photographs"):
        names("dataset", out="dataset")


def test_films_of_other_runs_in_a_dataset_are_skipped(folder: Path) -> None:
    for name in ("original_images/a.jpg", "label_images_semantic/a.png", "flight.mp4", "._flight.mp4"):
        make(folder / "dataset" / name)
    for name in ("predict.json", "films/flight.mp4"):
        make(folder / "dataset" / "predicted" / name)
    assert [video.path for video in find_files(["dataset"], "out").videos] == ["flight.mp4"]


def test_the_folder_of_a_given_photograph_is_not_written_to(folder: Path) -> None:
    with pytest.raises(ConfigError, match="is the folder of the photographs"):
        find_inputs(["photos/a.jpg"], "photos")
    with pytest.raises(DataError, match="an INPUT is empty"):
        find_inputs([""], "out")


def test_a_different_file_of_the_same_size_has_another_digest(folder: Path) -> None:
    content = bytearray(300_000)
    digests = set()
    for offset in (None, 5, 90_000, 150_000, 299_999):
        if offset is not None:
            content[offset] = 1
        digests.add(file_digest(make(folder / "x.tif", bytes(content))))
    digests.add(file_digest(make(folder / "x.tif", bytes(content) + b"0")))
    assert len(digests) == 6
    assert file_digest(folder / "absent.tif") == ""


def test_videos_are_found_beside_photographs(folder: Path) -> None:
    for name in ("photos/b.MP4", "photos/sub/d.mov", "films/e.mp4", "photos/.f.mp4", "photos/a.mp4"):
        make(folder / name)
    found = find_files(["photos"], "out")
    assert [image.name for image in found.photographs] == ["a", "b", "sub/deep/c"]
    assert [(video.path, video.name) for video in found.videos] == [
        ("a.mp4", "a"), ("b.MP4", "b"), ("sub/d.mov", "sub/d"),
    ]  # fmt: skip
    assert names("photos") == {"a.jpg": "a", "b.JPG": "b", "sub/deep/c.png": "sub/deep/c"}
    assert [video.path for video in find_files(["films"], "out").videos] == ["e.mp4"]
    assert [video.path for video in find_files(["*/*.mp4", "photos/b.MP4"], "out").videos] == [
        "b.MP4",
        "films/e.mp4",
        "photos/a.mp4",
    ]
    with pytest.raises(DataError, match="no photographs .* only videos"):
        find_inputs(["films"], "out")


def test_masks_beside_their_photographs_are_not_predicted(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    flight = folder / "flight"
    for name in ("a.jpg", "a_mask.png", "b.jpg", "c.jpg", "d.jpg", "house_mask.jpg"):
        make(flight / name)
    found = find_inputs([flight], folder / "out")
    assert [image.path for image in found] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "house_mask.jpg"]
    assert "1 files in" in caplog.text
    assert "a_mask.png: give a pattern to predict them" in caplog.text
    assert len(find_inputs([str(flight / "*")], folder / "out")) == 6


def test_photographs_of_other_formats_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("photos/a.dng", "photos/b.MP4", "photos/b.lrv", "photos/c.txt", "photos/.d.heic"):
        make(folder / name)
    assert len(names("photos")) == 3
    assert caplog.text == ""  # raw files beside their photographs are not missed
    for name in ("photos/IMG_1.HEIC", "photos/sub/a.dng", "photos/predicted/predict.json", "photos/predicted/x.heic"):
        make(folder / name)
    assert len(names("photos")) == 3
    assert "passed over in photos: 1 raw photograph (a.dng): develop" in caplog.text
    assert "1 HEIC photograph (IMG_1.HEIC): convert" in caplog.text


def test_photographs_beside_those_of_a_dataset_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    flights = folder / "flights"
    for name in ("images/a.jpg", "images/b.jpg", "masks/a.png", "masks/b.png", "instances/a.png", "colors/a.png"):
        make(flights / name)
    assert [image.path for image in find_inputs([flights], folder / "out")] == ["a.jpg", "b.jpg"]
    assert caplog.text == ""
    for name in ("day2/c.png", "day2/a.jpg", "day3/images/d.jpg", "segments/outlines/e.jpg", "segments/segment.json"):
        make(flights / name)
    assert [image.path for image in find_inputs([flights], flights / "day3")] == ["a.jpg", "b.jpg"]
    assert f"2 images in {flights} are none of the photographs of the dataset there and not predicted" in caplog.text
    assert len(find_inputs([flights], folder / "out")) == 2
    assert f"3 images in {flights} are none" in caplog.text
    assert len(find_inputs([str(flights / "day*/**")], folder / "out")) == 3


@pytest.mark.parametrize("mask", ["a.png", "a_mask.png"])
def test_all_masks_beside_their_photographs_are_told(folder: Path, mask: str, caplog: pytest.LogCaptureFixture) -> None:
    make(folder / "flight" / "a.jpg")
    make(folder / "flight" / mask)
    assert [image.path for image in find_inputs([folder / "flight"], folder / "out")] == ["a.jpg"]
    assert f"not predicted, such as {mask}: give a pattern to predict them" in caplog.text


def test_equal_names_of_a_dataset_are_predicted_apart(folder: Path) -> None:
    for tile in ("Tile 1", "Tile 2"):
        make(folder / "tiles" / tile / "images" / "a.jpg")
        make(folder / "tiles" / tile / "masks" / "a.png")
    make(folder / "tiles" / "Tile 2" / "images" / "film.mp4")
    found = find_files([folder / "tiles"], folder / "out")
    assert [image.name for image in found.photographs] == ["Tile 1/a", "Tile 2/a"]
    assert [video.name for video in found.videos] == ["Tile 2/images/film"]
