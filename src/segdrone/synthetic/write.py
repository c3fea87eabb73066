"""Write a dataset of sample scenes in the folder layout of the Semantic Drone Dataset."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from segdrone.classes import DRONE
from segdrone.errors import DataError
from segdrone.synthetic.scene import check_size, find_style, render_scene
from segdrone.utils.atomic import atomic_write, file_lock, remove_stale_partials, sync_dir
from segdrone.utils.bounded import UnreadableError, read_json
from segdrone.utils.progress import progress_bar

RENDERER = 1  # increase it whenever a seed gives another image
IMAGES, MASKS, INSTANCES = "original_images", "label_images_semantic", "instances"
CLASSES, FINISHED, STARTED, LOCK = "class_dict_seg.csv", "scenes.json", "scenes.json.part", ".scenes.lock"

Request = dict[str, Any]  # arguments of `write_scenes`, as scenes.json holds them


def write_scenes(
    root: Path,
    *,
    count: int,
    height: int,
    width: int,
    seed: int,
    crowded: bool = False,
    region: str = "temperate",
    progress: bool = True,
) -> None:
    """Writes scenes as `original_images/000.jpg` with `label_images_semantic/000.png`, and so on.

    `instances/000.png`, 16 bits, numbers the things of a scene, as `Scene.instances`. `class_dict_seg.csv` lists the
    classes. `scenes.json`, written last, holds the arguments. A complete dataset of the same arguments is left
    unchanged, and an interrupted one is continued. If several processes write the same dataset, one does and the others
    wait.

    Args:
        root: Folder of the dataset; it is created if missing.
        count: Number of scenes, 1 or more.
        height: Image height in pixels, 64 to 12000.
        width: Image width in pixels, 64 to 12000.
        seed: An integer of 0 or more; scene i depends on (seed, i).
        crowded: As for `render_scene`.
        region: As for `render_scene`.
        progress: Whether to show a progress bar.

    Raises:
        DataError: An argument is out of range, or `root` holds another dataset or other files.
    """
    if count < 1:
        raise DataError(f"the number of sample scenes is {count}: choose 1 or more")
    if seed < 0:
        raise DataError(f"the seed of the sample scenes is {seed}: choose 0 or more")
    check_size(height, width)
    find_style(region)
    request: Request = {"renderer": RENDERER, "count": count, "height": height, "width": width, "seed": seed}
    if crowded:  # else the record of scenes that were written before there was a choice would be another
        request["crowded"] = 1
    if region != "temperate":
        request["region"] = region
    names = [f"{i:03d}" for i in range(count)]
    if root.exists() and not root.is_dir():
        raise DataError(f"{root} is a file: choose a folder for the sample scenes")
    try:
        is_free = _complete(root, names) and not (root / LOCK).exists()  # a killed process leaves the lock's file
        with nullcontext() if is_free else file_lock(root / LOCK):
            _check_folder(root, request)
            if not _complete(root, names):
                remove_stale_partials(root, deep=True)
                _write_set(root, request, names, progress)
    except OSError as error:
        raise DataError(
            f"{root} cannot be written to ({error.strerror}): free some disk space or choose another folder, "
            "and run again; finished scenes are kept"
        ) from error


def has_unfinished_scenes(root: Path) -> bool:
    """Returns whether `write_scenes` has not finished in a folder: it runs, or was interrupted."""
    return (root / STARTED).is_file()


def _complete(root: Path, names: list[str]) -> bool:
    return (root / FINISHED).exists() and all(path.exists() for name in names for path in _paths(root, name))


def _write_set(root: Path, request: Request, names: list[str], progress: bool) -> None:
    record = json.dumps(request, indent=2).encode() + b"\n"
    _write(root / STARTED, record)
    rows = [f"{name}, {r}, {g}, {b}\n" for name, (r, g, b) in zip(DRONE.names, DRONE.colours, strict=True)]
    _write(root / CLASSES, "".join(["name, r, g, b\n", *rows]).encode())
    for i, name in enumerate(progress_bar(names, desc="sample scenes", unit="scene", disable=not progress)):
        paths = _paths(root, name)
        if not all(path.exists() for path in paths):
            for path, content in zip(paths, _files(request, i), strict=True):
                _write(path, content)
    os.replace(root / STARTED, root / FINISHED)
    sync_dir(root)


def scene_seed(seed: int, index: int) -> int:
    """Returns the seed of `render_scene` for scene `index` of a dataset."""
    low, high = np.random.SeedSequence([seed, index]).generate_state(2)
    return int(low) | int(high) << 32


def _paths(root: Path, name: str) -> tuple[Path, Path, Path]:
    return root / IMAGES / f"{name}.jpg", root / MASKS / f"{name}.png", root / INSTANCES / f"{name}.png"


def _files(request: Request, index: int) -> tuple[bytes, bytes, bytes]:
    """Returns the JPEG and PNG files of scene `index`."""
    seed = scene_seed(request["seed"], index)
    style = {"crowded": "crowded" in request, "region": request.get("region", "temperate")}
    scene = render_scene(request["height"], request["width"], seed, **style)
    bgr = np.ascontiguousarray(scene.image[..., ::-1])
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    mask, instances = (cv2.imencode(".png", pixels)[1] for pixels in (scene.mask, scene.instances))
    return jpeg.tobytes(), mask.tobytes(), instances.tobytes()


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as partial:
        partial.write_bytes(content)


def _check_folder(root: Path, request: Request) -> None:
    """Raises DataError if `root` holds anything but scenes of this request."""
    records = [path for path in (root / FINISHED, root / STARTED) if path.exists()]
    for path in records:
        if _read_request(path) != request:
            raise DataError(
                f"{root} holds other sample scenes ({path.name} says {_read_request(path)}): "
                "choose another folder or remove this one"
            )
    foreign = next((path for path in root.iterdir() if path.name[0] != "."), None) if root.exists() else None
    if foreign is not None and not records:
        raise DataError(f"{root} holds files that are not sample scenes, e.g. {foreign.name}: choose an empty folder")


def _read_request(record: Path) -> object:
    try:
        return read_json(record)
    except UnreadableError:
        return "unreadable"
