"""Predict videos into a folder; after an interruption, continue without repeating finished ones."""

from __future__ import annotations

import errno
import json
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from segdrone import __version__
from segdrone.errors import ConfigError, DataError
from segdrone.inference.cleanup import Cleanup
from segdrone.inference.inputs import VIDEOS, InputImage
from segdrone.inference.output_places import check_place, clear_place
from segdrone.inference.photo_statistics import monitored_columns
from segdrone.inference.predict_folder import PredictSummary, check_things
from segdrone.inference.predict_video import VideoSummary, check_video_options, predict_video
from segdrone.inference.predictor import Predictor, Progress
from segdrone.inference.records import is_remnant
from segdrone.utils.atomic import is_too_long, remove_stale_partials, writable_dir, write_json
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.console import one_line
from segdrone.utils.digest import is_unchanged, measure_file
from segdrone.utils.output_dir import exclusive_dir

log = logging.getLogger(__name__)

_PREDICTED, _SKIPPED = "predicted", "done before"
_NO_CLEANUP = Cleanup()
_FULL = (errno.ENOSPC, errno.EDQUOT)  # a full disk, a full quota


def choose_videos(
    found: Sequence[InputImage], inputs: Sequence[str | Path], smooth: int, *, required: bool
) -> list[InputImage]:
    """Returns the videos to predict, and warns of those that no input names.

    Args:
        found: All videos of the inputs.
        inputs: What the user gave: files, folders, patterns.
        smooth: As for `predict_video`.
        required: Whether there is nothing else to predict.

    Raises:
        ConfigError: `smooth` is out of its range, or PyAV is not installed and a video was named or is `required`.
    """
    if not found:
        return []
    given = [Path(name).absolute() for name in inputs]
    unnamed = [video for video in found if video.file.absolute() not in given]
    try:
        check_video_options(smooth)
    except ConfigError as error:
        if required or len(unnamed) < len(found) or "PyAV" not in str(error):
            raise
        log.warning("%d videos are left out, such as %s: %s", len(found), found[0].path, error)
        return []
    if unnamed and not required:
        log.warning(
            "%d videos are predicted too, after the photographs, such as %s: a pattern such as 'FOLDER/**/*.jpg' "
            "leaves them out", len(unnamed), unnamed[0].path,
        )  # fmt: skip
    return [*found]


def predict_videos(
    predictor: Predictor,
    videos: Sequence[InputImage],
    out: str | Path,
    *,
    cleanup: Cleanup = _NO_CLEANUP,
    smooth: int = 1,
    things: Sequence[str] = (),
    redo: bool = False,
    progress: bool = True,
    on_progress: Progress | None = None,
) -> PredictSummary:
    """Writes for each video `films/NAME.mp4`, `.csv`, and `.json` with its settings, sizes, digests and statistics.

    The `.json` is written first, without sizes and digests, and last. A video is done when its files have these. One
    that cannot be read is reported, and the others are predicted.

    Args:
        predictor: The model.
        videos: The files, as `find_inputs` returns them.
        out: Output folder; created if needed.
        cleanup: Clean-up of each mask.
        smooth: As for `predict_video`.
        things: As for `predict_video`.
        redo: Predict finished videos again.
        progress: Whether to show progress bars and errors on stderr.
        on_progress: As for `predict_video`.

    Raises:
        ConfigError: A video was predicted with other settings, files of others are in the places of predictions, or an
            option is out of its range.
        DataError: The folder cannot be written to.
    """
    cleanup.check(predictor.table)
    check_video_options(smooth)
    out, things = Path(out), [*dict.fromkeys(things)]  # a class has one column, however often it is named
    settings = {
        "segdrone": __version__, "predictor": predictor.settings, "cleanup": cleanup.to_dict(), "smooth": smooth,
        **({"things": [*things]} if things else {}),
    }  # fmt: skip
    check_things(predictor, things, panoptic=bool(things))
    with writable_dir(out), exclusive_dir(out):
        remove_stale_partials(out / VIDEOS, deep=True)
        targets = [
            _Target(video, out, settings | {"film": video.file.name, "digest": video.digest}) for video in videos
        ]
        done = [target.is_done(redo=redo) for target in targets]  # refuses before anything is predicted
        _tell_earlier(out / VIDEOS, [target for target, is_done in zip(targets, done, strict=True) if not is_done])
        for target in targets if redo else ():
            target.reopen()
        shared: dict[str, Any] = {
            "cleanup": cleanup,
            "smooth": smooth,
            "things": things,
            "progress": progress,
            "on_progress": on_progress,
        }
        results = {
            target.video.path: _SKIPPED if is_done else _predict(predictor, target, **shared)
            for target, is_done in zip(targets, done, strict=True)
        }
    failed = {path: result for path, result in results.items() if result not in (_PREDICTED, _SKIPPED)}
    counts = Counter(results.values())
    return PredictSummary(counts[_PREDICTED], counts[_SKIPPED], failed)


class _Target:
    """The files of a video.

    Args:
        video: The video.
        out: Output folder.
        settings: All that they depend on, as plain values.
    """

    def __init__(self, video: InputImage, out: Path, settings: Mapping[str, Any]) -> None:
        self.video, self._out = video, out
        self._settings = json.loads(json.dumps(settings))
        self.film, self._table, self.manifest = (
            out / VIDEOS / (video.name + suffix) for suffix in (".mp4", ".csv", ".json")
        )
        self.is_too_long = any(map(is_too_long, (self.film, self._table, self.manifest)))

    def is_done(self, *, redo: bool) -> bool:
        """Whether the files are finished and unchanged; never with `redo`.

        Raises:
            ConfigError: They are of other settings and not to be replaced, or others have put files in their places.
        """
        if self.is_too_long:
            return False
        for file in (self.film, self._table, self.manifest):
            check_place(file, self._out)
            clear_place(file)
        content = self._read_manifest()
        if content is None:
            foreign = next((file for file in (self.film, self._table) if file.exists()), None)
            if foreign is not None:
                raise ConfigError(f"{foreign} was not written by segdrone predict: move it, or give another --out")
            return False
        if redo or "frames" not in content:
            return False
        facts = content.get("files", {})
        is_whole = all(is_unchanged(file, facts.get(file.suffix)) for file in (self.film, self._table))
        stands = self.film.exists() or self._table.exists() or not facts
        if stands and content["made_with"] != self._settings:
            raise ConfigError(
                f"{self.film} was predicted with other settings, or from another video: give another --out, or --redo "
                "to replace it"
            )
        return is_whole

    def reopen(self) -> None:
        """Marks files of an earlier prediction as unfinished, so that an interrupted `redo` continues without it."""
        if not self.is_too_long and self.manifest.exists():
            self.begin()

    def begin(self) -> None:
        """Marks the files as those of an unfinished prediction."""
        write_json({"made_with": self._settings}, self.manifest)

    def drop(self) -> None:
        """Removes the mark, if there are no files of an earlier prediction."""
        if not self.film.exists() and not self._table.exists():
            self.manifest.unlink(missing_ok=True)

    def finish(self, summary: VideoSummary, predictor: Predictor) -> None:
        """Records the finished files, and the statistics for monitoring: a list of each column, None where unknown."""
        frames: dict[str, Any] = {"frames": summary.frames, "missing_frames": summary.missing}
        frames |= {"things": summary.things} if summary.things else {}
        columns = ["seconds", *monitored_columns(predictor.table)]
        content = {
            "made_with": self._settings,
            **frames,
            "files": {file.suffix: measure_file(file) for file in (self.film, self._table)},
            "classes": predictor.table.to_dict(),
            "class_groups": predictor.backend.spec.class_groups,
            "statistics": {name: [frame.get(name) for frame in summary.statistics] for name in columns},
        }
        write_json(content, self.manifest)

    def _read_manifest(self) -> dict[str, Any] | None:
        if not self.manifest.exists():
            return None
        try:
            content = read_json(self.manifest)
            if isinstance(content, dict) and "made_with" in content and isinstance(content.get("files", {}), dict):
                return content
        except UnreadableError:
            if is_remnant(self.manifest, "made_with"):
                return {}
        raise ConfigError(f"{self.manifest} was not written by segdrone predict: move it, or give another --out")


def _tell_earlier(folder: Path, targets: Sequence[_Target]) -> None:
    """Warns of videos that an earlier call predicted under other names, such as one of their folder alone."""
    earlier: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.json")) if targets else ():
        with suppress(UnreadableError, KeyError, TypeError):
            earlier[str(read_json(file)["made_with"]["digest"])] = file
    again = [(target, earlier[target.video.digest]) for target in targets if target.video.digest in earlier]
    if others := [(target, file) for target, file in again if file != target.manifest]:
        target, file = others[0]
        log.warning(
            "%d videos were predicted before under other names, such as %s as %s, and count twice in segdrone monitor: "
            "give the same INPUT as then, or another --out", len(others), target.video.path, file.with_suffix(".mp4"),
        )  # fmt: skip


def _predict(predictor: Predictor, target: _Target, *, progress: bool, **options: Any) -> str:
    """Predicts a video; returns `_PREDICTED` or the reason for a failure."""
    source = target.video.file
    try:
        if target.is_too_long:
            raise DataError(f"{source}: the names of its files in {VIDEOS}/ would be too long: rename the video")
        target.begin()
        summary = predict_video(predictor, source, target.film, progress=progress, **options)
    except DataError as error:
        if not target.is_too_long:
            target.drop()
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
            raise  # nor is there room for the next one
        reason = str(error) if str(source) in str(error) else f"{source}: {error}"
        if progress:
            tqdm.write(f"error: {one_line(reason)}", file=sys.stderr)
        return reason
    target.finish(summary, predictor)
    return _PREDICTED
