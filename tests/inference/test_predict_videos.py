from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from segdrone.errors import ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.inputs import InputImage, find_files
from segdrone.inference.predict_videos import choose_videos, predict_videos
from tests.helpers.local_network import local_backend
from tests.helpers.video import pan, write


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(local_backend(), scale=1.0)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write(tmp_path / "flight.mov", pan(3))


def files(*inputs: Path) -> list[InputImage]:
    return find_files(inputs, "no folder").videos


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_video_is_predicted_once_and_again_with_redo(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict_videos(predictor, files(video), out, progress=False)[:2] == (1, 0)
    before = _contents(out)
    assert [*before] == ["flight.csv", "flight.json", "flight.mp4"]
    assert predict_videos(predictor, files(video), out, progress=False)[:2] == (0, 1)
    assert predict_videos(predictor, files(video), out, redo=True, progress=False)[:2] == (1, 0)
    assert _contents(out) == before


def test_a_video_that_a_killed_process_left_unfinished_is_predicted(
    predictor: Predictor, video: Path, tmp_path: Path
) -> None:
    predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    before = _contents(tmp_path / "out")
    (tmp_path / "out" / "films" / "flight.mp4").unlink()
    (tmp_path / "out" / "films" / ".flight.0123abcd.part.mp4").write_text("half")
    assert predict_videos(predictor, files(video), tmp_path / "out", progress=False)[:2] == (1, 0)
    assert _contents(tmp_path / "out") == before


@pytest.mark.parametrize("name", ["flight.mp4", "flight.csv", "flight.json"])
def test_a_spoilt_file_is_made_again(predictor: Predictor, video: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    predict_videos(predictor, files(video), out, progress=False)
    before, path = _contents(out), out / "films" / name
    for content in (b"", before[name][:-9], before[name][:9], before[name][:-1] + b"?", bytes(len(before[name]))):
        path.write_bytes(content)
        assert predict_videos(predictor, files(video), out, progress=False)[:2] == (1, 0)
        assert _contents(out) == before
    path.unlink()
    path.mkdir()
    if name == "flight.json":  # whose are the others?
        with pytest.raises(ConfigError, match=r"flight.mp4 was not written by segdrone predict: move it"):
            predict_videos(predictor, files(video), out, redo=True, progress=False)
    else:
        assert predict_videos(predictor, files(video), out, progress=False)[:2] == (1, 0)
        assert _contents(out) == before


@pytest.mark.parametrize("name", ["flight.mp4", "flight.csv", "flight.json"])
def test_files_of_others_are_refused_before_anything_is_predicted(
    predictor: Predictor, video: Path, tmp_path: Path, name: str
) -> None:
    write(tmp_path / "a.mov", pan(2))
    (tmp_path / "out" / "films").mkdir(parents=True)
    (tmp_path / "out" / "films" / name).write_text('{"mine": 1}')
    for redo in (False, True):
        with pytest.raises(ConfigError, match=rf"{name} was not written by segdrone predict: move it, or"):
            predict_videos(predictor, files(tmp_path / "a.mov", video), tmp_path / "out", redo=redo, progress=False)
    assert _contents(tmp_path / "out") == {name: b'{"mine": 1}'}


def test_other_settings_or_another_video_need_redo(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    with pytest.raises(ConfigError, match=r"flight.mp4 was predicted with other settings.*--redo"):
        predict_videos(predictor, files(video), tmp_path / "out", smooth=3, progress=False)
    with pytest.raises(ConfigError, match=r"flight.mp4 was predicted with other settings"):
        predict_videos(predictor, files(video), tmp_path / "out", cleanup=Cleanup(min_area=9), progress=False)
    write(video, pan(4))
    with pytest.raises(ConfigError, match="or from another video"):
        predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    predict_videos(predictor, files(video), tmp_path / "out", smooth=3, redo=True, progress=False)
    assert json.loads((tmp_path / "out" / "films" / "flight.json").read_text())["made_with"]["smooth"] == 3


def test_a_table_is_not_replaced_where_its_video_was_removed(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    (tmp_path / "out" / "films" / "flight.mp4").unlink()
    before = _contents(tmp_path / "out")
    write(video, pan(4))
    with pytest.raises(ConfigError, match="or from another video"):
        predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    assert _contents(tmp_path / "out") == before
    (tmp_path / "out" / "films" / "flight.csv").unlink()
    assert predict_videos(predictor, files(video), tmp_path / "out", progress=False)[:2] == (1, 0)


def test_a_redo_that_was_interrupted_continues_without_redo(
    predictor: Predictor, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    write(tmp_path / "second.mp4", pan(2))
    videos = files(video, tmp_path / "second.mp4")
    predict_videos(predictor, videos, tmp_path / "out", progress=False)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("segdrone.inference.predict_videos.predict_video", interrupt)
        predict_videos(predictor, videos, tmp_path / "out", smooth=3, redo=True, progress=False)
    assert predict_videos(predictor, videos, tmp_path / "out", smooth=3, progress=False)[:2] == (2, 0)


def test_a_broken_video_is_reported_and_the_others_are_predicted(
    predictor: Predictor, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("this is not a video")
    predicted, skipped, failed = predict_videos(predictor, files(broken, video), tmp_path / "out")
    assert (predicted, skipped) == (1, 0)
    assert [*failed] == ["broken.mp4"]
    assert sum(line.startswith("error: ") for line in capsys.readouterr().err.splitlines()) == 1
    assert [*_contents(tmp_path / "out")] == ["flight.csv", "flight.json", "flight.mp4"]


def test_videos_of_one_name_keep_their_folders_or_suffixes(predictor: Predictor, tmp_path: Path) -> None:
    for name in ("a/one.mov", "a/one.mp4", "b/one.mp4"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "in" / name, pan(2))
    assert predict_videos(predictor, files(tmp_path / "in"), tmp_path / "out", progress=False)[:2] == (3, 0)
    found = sorted(
        path.relative_to(tmp_path / "out" / "films").as_posix() for path in (tmp_path / "out").rglob("*.mp4")
    )
    assert found == ["a/one.mov.mp4", "a/one.mp4.mp4", "b/one.mp4"]


def test_a_video_that_was_predicted_under_another_name_is_told(
    predictor: Predictor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "in" / "day").mkdir(parents=True)
    video = write(tmp_path / "in" / "day" / "a.mp4", pan(2))
    for _ in range(2):
        predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    assert caplog.text == ""
    predict_videos(predictor, files(tmp_path / "in"), tmp_path / "out", progress=False)
    earlier = tmp_path / "out" / "films" / "a.mp4"
    assert f"1 videos were predicted before under other names, such as day/a.mp4 as {earlier}" in caplog.text


def test_a_video_whose_files_would_have_too_long_names_is_reported(predictor: Predictor, tmp_path: Path) -> None:
    videos = files(write(tmp_path / f"{'l' * 251}.mp4", pan(2)), write(tmp_path / f"{'k' * 250}.mp4", pan(2)))
    predicted, _, failed = predict_videos(predictor, videos, tmp_path / "out", progress=False)
    assert predicted == 1
    assert "rename the video" in failed[f"{'l' * 251}.mp4"]


def test_videos_that_no_input_names_are_told(
    predictor: Predictor, video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = files(tmp_path)
    assert choose_videos(found, [str(video)], 1, required=False) == found
    assert choose_videos(found, [str(tmp_path)], 1, required=True) == found
    assert caplog.text == ""
    assert choose_videos(found, [str(tmp_path)], 1, required=False) == found
    assert "1 videos are predicted too, after the photographs, such as flight.mov" in caplog.text


def test_small_components_are_removed_from_every_frame(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    predict_videos(predictor, files(video), tmp_path / "a", progress=False)
    predict_videos(predictor, files(video), tmp_path / "b", cleanup=Cleanup(min_area=500), progress=False)
    assert _contents(tmp_path / "a")["flight.csv"] != _contents(tmp_path / "b")["flight.csv"]


def test_a_folder_that_cannot_be_created_is_one_line(predictor: Predictor, video: Path) -> None:
    with pytest.raises(DataError, match="cannot be written to"):
        predict_videos(predictor, files(video), video / "out")


def test_a_full_disk_ends_the_command_which_continues_when_there_is_room(
    predictor: Predictor, video: Path, tmp_path: Path
) -> None:
    class Full(Predictor):
        def __init__(self) -> None:
            vars(self).update(vars(predictor))

        def __call__(self, *args: object, **options: object) -> object:  # type: ignore[override]
            raise OSError(errno.ENOSPC, "No space left on device")

    write(tmp_path / "second.mp4", pan(2))
    videos, out = files(video, tmp_path / "second.mp4"), tmp_path / "out"
    with pytest.raises(DataError, match=r"flight.mp4 cannot be written \(No space left on device\): free some disk"):
        predict_videos(Full(), videos, out, progress=False)
    assert _contents(out) == {}
    assert predict_videos(predictor, videos, out, progress=False)[:2] == (2, 0)


def test_the_number_of_missing_frames_is_kept(predictor: Predictor, tmp_path: Path) -> None:
    video = write(tmp_path / "cut.mp4", pan(12), index_first=True)
    video.write_bytes(video.read_bytes()[: int(0.6 * video.stat().st_size)])
    predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    manifest = json.loads((tmp_path / "out" / "films" / "cut.json").read_text())
    assert manifest["frames"] + manifest["missing_frames"] == 12
    assert manifest["missing_frames"] > 0


def test_an_option_out_of_its_range_removes_no_video(predictor: Predictor, video: Path, tmp_path: Path) -> None:
    predict_videos(predictor, files(video), tmp_path / "out", progress=False)
    before = _contents(tmp_path / "out")
    with pytest.raises(ConfigError, match="smooth=0"):
        predict_videos(predictor, files(video), tmp_path / "out", smooth=0, redo=True, progress=False)
    assert _contents(tmp_path / "out") == before
