from __future__ import annotations

import json
from pathlib import Path

import pytest

from segdrone.errors import ConfigError, DataError
from segdrone.inference import Predictor
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.predict_videos import is_video, predict_videos
from tests.helpers.video import pan, write
from tests.inference.test_predictor import module


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(module(), scale=1.0, device="cpu")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write(tmp_path / "flight.mov", pan(3))


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_film_is_predicted_once_and_again_by_choice(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert predict_videos(predictor, [film], out, progress=False)[:2] == (1, 0)
    made = _contents(out)
    assert [*made] == ["flight.csv", "flight.json", "flight.mp4"]
    (out / "films" / "flight.csv").write_text("spoilt")
    assert predict_videos(predictor, [film], out, progress=False)[:2] == (0, 1)
    assert predict_videos(predictor, [film], out, redo=True, progress=False)[:2] == (1, 0)
    assert _contents(out) == made


def test_one_that_a_killed_process_left_unfinished_is_predicted(
    predictor: Predictor, film: Path, tmp_path: Path
) -> None:
    predict_videos(predictor, [film], tmp_path / "out", progress=False)
    made = _contents(tmp_path / "out")
    (tmp_path / "out" / "films" / "flight.mp4").unlink()
    (tmp_path / "out" / "films" / ".flight.0123abcd.part.mp4").write_text("half")
    assert predict_videos(predictor, [film], tmp_path / "out", progress=False)[:2] == (1, 0)
    assert _contents(tmp_path / "out") == made


def test_other_settings_or_another_film_need_redo(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    predict_videos(predictor, [film], tmp_path / "out", progress=False)
    with pytest.raises(ConfigError, match=r"flight.mp4 was predicted with other settings.*--redo"):
        predict_videos(predictor, [film], tmp_path / "out", smooth=3, progress=False)
    with pytest.raises(ConfigError, match=r"flight.mp4 was predicted with other settings"):
        predict_videos(predictor, [film], tmp_path / "out", cleanup=Cleanup(min_area=9), progress=False)
    write(film, pan(4))
    with pytest.raises(ConfigError, match="or from another film"):
        predict_videos(predictor, [film], tmp_path / "out", progress=False)
    predict_videos(predictor, [film], tmp_path / "out", smooth=3, redo=True, progress=False)
    assert json.loads((tmp_path / "out" / "films" / "flight.json").read_text())["made_with"]["smooth"] == 3


def test_a_broken_film_is_told_and_the_rest_goes_on(
    predictor: Predictor, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("this is no film")
    predicted, skipped, failed = predict_videos(predictor, [broken, film], tmp_path / "out")
    assert (predicted, skipped) == (1, 0)
    assert [*failed] == [str(broken)]
    assert sum(line.startswith("error: ") for line in capsys.readouterr().err.splitlines()) == 1
    assert [*_contents(tmp_path / "out")] == ["flight.csv", "flight.json", "flight.mp4"]


def test_two_films_of_one_name_are_refused(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"flight.mov and .*flight.mp4 would both be predicted as"):
        predict_videos(predictor, [film, write(tmp_path / "flight.mp4", pan(2))], tmp_path / "out")


def test_small_regions_are_cleaned_from_every_frame(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    predict_videos(predictor, [film], tmp_path / "a", progress=False)
    predict_videos(predictor, [film], tmp_path / "b", cleanup=Cleanup(min_area=500), progress=False)
    assert _contents(tmp_path / "a")["flight.csv"] != _contents(tmp_path / "b")["flight.csv"]


def test_films_are_known_by_their_names() -> None:
    assert is_video("a/DJI_0001.MP4")
    assert not is_video("a/DJI_0001.JPG")


def test_a_folder_that_cannot_be_made_is_one_line(predictor: Predictor, film: Path) -> None:
    with pytest.raises(DataError, match="cannot be written to"):
        predict_videos(predictor, [film], film / "out")


def test_what_is_missing_of_a_film_is_kept_with_it(predictor: Predictor, tmp_path: Path) -> None:
    film = write(tmp_path / "cut.mp4", pan(12), index_first=True)
    film.write_bytes(film.read_bytes()[: int(0.6 * film.stat().st_size)])
    predict_videos(predictor, [film], tmp_path / "out", progress=False)
    kept = json.loads((tmp_path / "out" / "films" / "cut.json").read_text())
    assert kept["frames"] + kept["missing_frames"] == 12
    assert kept["missing_frames"] > 0


def test_a_choice_out_of_its_range_costs_no_finished_film(predictor: Predictor, film: Path, tmp_path: Path) -> None:
    predict_videos(predictor, [film], tmp_path / "out", progress=False)
    made = _contents(tmp_path / "out")
    with pytest.raises(ConfigError, match="smooth=0"):
        predict_videos(predictor, [film], tmp_path / "out", smooth=0, redo=True, progress=False)
    assert _contents(tmp_path / "out") == made
