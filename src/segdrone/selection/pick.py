"""Choose photographs, or windows of them, to label next: uncertain ones that differ."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from segdrone import __version__
from segdrone.data.discovery.file_tree import PICKS
from segdrone.errors import ConfigError, DataError
from segdrone.inference.inputs import InputImage
from segdrone.inference.predict_folder import read_photograph
from segdrone.inference.predictor import Predictor
from segdrone.inference.threads import submit_ahead
from segdrone.raster.channels import Channels
from segdrone.selection.candidates import Candidates
from segdrone.selection.compare import compare
from segdrone.selection.diverse import Choice, k_center_greedy, shortlist
from segdrone.selection.labeled import Labeled, count_classes, open_labeled, rare_weights
from segdrone.selection.outputs import LIST, SCORES, SHEET, TABLE, Pick, write_table
from segdrone.selection.pool import Pool, build_pool
from segdrone.selection.score_store import ScoreStore
from segdrone.selection.scores import Scores, score_photograph
from segdrone.selection.sheet import write_sheet
from segdrone.selection.uncertainty import DEFAULT_WAY, WAYS
from segdrone.utils.atomic import writable_dir
from segdrone.utils.console import one_line
from segdrone.utils.output_dir import claim_dir, exclusive_dir, staged_results
from segdrone.utils.progress import progress_bar
from segdrone.windows import Size

log = logging.getLogger(__name__)

_COUNTED = 1_000_000  # pixels of a photograph, for the weights of classes by predicted shares


class PickSummary(NamedTuple):
    """What was chosen.

    Attributes:
        picks: The photographs or windows, in the order to label them.
        candidates: How many there were to choose from.
        labeled: Names of the photographs that were left out, as they are labeled.
        failed: Why each unreadable photograph was left out, by path, one line each.
    """

    picks: list[Pick]
    candidates: int
    labeled: list[str]
    failed: dict[str, str]

    def lines(self, count: int, out: Path) -> list[str]:
        """Returns what to print, if `count` were wanted and `out` has the files."""
        lines = []
        if self.labeled:
            lines.append(f"{len(self.labeled)} photographs are left out: labeled already, or near duplicates of those")
        if len(self.picks) < count:
            wanted = (
                f"all that there are, fewer than the {count} of --count"
                if len(self.picks) == self.candidates
                else (f"not {count}: the others are near duplicates of these")
            )
            lines.append(f"{len(self.picks)} are picked, {wanted}")
        lines.append(f"{len(self.picks)} of {self.candidates} picked, {len(self.failed)} failed: see {out}")
        return lines


def pick_photographs(
    predictor: Predictor,
    images: Sequence[InputImage],
    out: str | Path,
    *,
    count: int,
    by: str = DEFAULT_WAY,
    window: Size | None = None,
    labeled: Path | None = None,
    progress: bool = True,
) -> PickSummary:
    """Chooses photographs that teach a model most, and writes them to a folder.

    The most uncertain candidates are a shortlist (`segdrone.selection.diverse.SHORTLIST`), from which those are taken
    that differ most from one another and from what is labeled (k-Center-Greedy). Near duplicates are not taken.

    Args:
        predictor: The model.
        images: The photographs to choose from, as `find_inputs` returns them.
        out: Output folder; created if needed.
        count: How many to choose; all, if there are fewer.
        by: A key of `WAYS`.
        window: Height and width in pixels, to choose windows; None chooses photographs.
        labeled: Dataset of what is labeled.
        progress: Whether to show progress.

    Raises:
        ConfigError: An option is out of its range, or the folder holds something else.
        DataError: The labeled dataset cannot be opened, there is nothing left to choose from, or the folder cannot be
            written to.

    Example:
        >>> predictor = Predictor.from_file("best.ckpt")  # doctest: +SKIP
        >>> images = find_inputs(["flights"], "next")  # doctest: +SKIP
        >>> pick_photographs(predictor, images, "next", count=20).picks[0].reason  # doctest: +SKIP
        '3 of 284 by margin, mostly about fence and dirt'
    """
    check_options(predictor, count, by, window)
    out, spec = Path(out), predictor.backend.spec
    known = None if labeled is None else open_labeled(labeled, spec)
    settings: dict[str, object] = {"segdrone": __version__, **predictor.settings, "count": count, "by": by}
    settings |= {"window": window and [*window], "labeled": labeled and str(labeled.resolve())}
    with writable_dir(out), exclusive_dir(out):
        claim_dir(out, PICKS, settings, (TABLE, LIST, SHEET, SCORES), "segdrone data pick")
        files = [] if known is None else [pair.image for pair in known.pairs]
        pool = build_pool(images, files, Channels(spec.bands, spec.stretch), progress=progress)
        for reason in pool.failed.values() if progress else ():
            print(f"error: {one_line(reason)}", file=sys.stderr)
        store = ScoreStore(out / SCORES, len(predictor.table))
        scored = _score_all(predictor, pool, store, window, flips=by == "disagreement", progress=progress)
        if not sum(len(scores.parts) for _, scores in scored):
            raise DataError(_nothing_left(images, pool))
        candidates = Candidates.join(scored)
        weights = _class_weights(predictor, candidates, known, by, progress=progress)
        picks = _choose(predictor, candidates, pool, files, weights, count, by, window is None, progress=progress)
        with staged_results(out, [TABLE, LIST, SHEET]) as results:
            write_table(picks, results.path)
            write_sheet(predictor, picks, results.path / SHEET, by, weights, progress=progress)
            results.commit()
    return PickSummary(picks, len(candidates.owner), pool.labeled, pool.failed)


def check_options(predictor: Predictor, count: int, by: str, window: Size | None) -> None:
    """Checks options before any photograph is read.

    Raises:
        ConfigError: One is out of its range, or the model does not fit.
    """
    if count < 1:
        raise ConfigError(f"--count {count} must be 1 or more")
    if by not in WAYS:
        raise ConfigError(f"--by {by} is unknown: choose one of {', '.join(WAYS)}")
    if window is not None and min(window) < 1:
        raise ConfigError("--window must have sides of 1 pixel or more")
    if len(predictor.table) < 2:
        raise ConfigError("the model has a single class, of which it is always sure: give one with two classes or more")


def _score_all(
    predictor: Predictor, pool: Pool, store: ScoreStore, window: Size | None, *, flips: bool, progress: bool
) -> list[tuple[InputImage, Scores]]:
    """Scores the photographs that are not scored yet; those that fail are added to the pool's failures."""
    scored: dict[str, Scores] = {}
    todo = []
    for image in pool.images:
        if (scores := store.read(image.digest)) is None:
            todo.append(image)
        else:
            scored[image.name] = scores
    bar = progress_bar(
        desc="predicting", total=len(pool.images), initial=len(scored), unit="photograph", disable=not progress
    )
    with bar, ThreadPoolExecutor(1) as threads:  # the next photograph is decoded while one is predicted
        for image, reading in submit_ahead(threads, lambda one: read_photograph(one, predictor.open), todo, ahead=1):
            try:
                source, _ = reading.result()
                scored[image.name] = score_photograph(predictor, source, window, flips=flips)
                store.write(image.digest, scored[image.name])
            except DataError as error:
                pool.failed[image.path] = " ".join(str(error).split())
                if progress:
                    tqdm.write(f"error: {one_line(pool.failed[image.path])}", file=sys.stderr)
            bar.update()
    return [(image, scored[image.name]) for image in pool.images if image.name in scored]


def _class_weights(
    predictor: Predictor, candidates: Candidates, known: Labeled | None, by: str, *, progress: bool
) -> NDArray[np.float64]:
    """Returns the weights of the classes, `[C]`: 1, and for `rare` by how rare they are in what is labeled."""
    if by != "rare":
        return np.ones(len(predictor.table))
    if known is not None:
        return rare_weights(count_classes(known, predictor.table, progress=progress))
    log.warning("which classes are rare is taken from the predictions: give --labeled to count them in its masks")
    return rare_weights(np.rint(candidates.scores.shares * _COUNTED).astype(np.int64))


def _choose(
    predictor: Predictor,
    candidates: Candidates,
    pool: Pool,
    labeled: Sequence[Path],
    weights: NDArray[np.float64],
    count: int,
    by: str,
    whole: bool,
    *,
    progress: bool,
) -> list[Pick]:
    values = candidates.scores.by(by, weights)
    order = np.argsort(-values, kind="stable").astype(np.int64)
    first = order[: shortlist(len(order), count)]
    features, centers = compare(predictor, candidates, first, labeled, progress=progress)
    choices = k_center_greedy(features, centers, count, candidates.conflicts(order, pool.similar), len(order))
    return [_pick(predictor, candidates, order, choice, weights, by, whole) for choice in choices]


def _pick(
    predictor: Predictor,
    candidates: Candidates,
    order: NDArray[np.int64],
    choice: Choice,
    weights: NDArray[np.float64],
    by: str,
    whole: bool,
) -> Pick:
    index, scores = int(order[choice.place]), candidates.scores
    found = {way: float(scores.by(way, weights)[index]) for way in WAYS if way != "rare" or by == "rare"}
    found = {name: value for name, value in {**found, "distance": choice.distance}.items() if np.isfinite(value)}
    doubtful = np.argsort(-scores.entropy[index] * weights, kind="stable")[:2]
    reason = f"{choice.place + 1} of {len(order)} by {by}, mostly about "
    reason += " and ".join(predictor.table.names[i] for i in doubtful)
    if "distance" in found:
        reason += f"; {found['distance']:.2f} from the nearest labeled or picked"
    return Pick(candidates.image(index), None if whole else candidates.part(index), found, reason)


def _nothing_left(images: Sequence[InputImage], pool: Pool) -> str:
    return (
        f"none of {len(images)} photographs is left to choose from: {len(pool.labeled)} are labeled, "
        f"{len(pool.failed)} cannot be read, and others have no data: give more photographs"
    )
