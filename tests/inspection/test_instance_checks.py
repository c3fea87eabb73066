from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segdrone.inspection.report import ERROR, OK, WARNING
from tests.helpers.small_dataset import MASKS, NAMES, check, get_check, mask, single_finding, write_set

ROOF = 2
CLASSES = "name,r,g,b,thing\ngrass,0,255,0,0\nroad,90,90,90,{road}\nroof,255,0,0,1\n"
Maps = dict[str, NDArray[np.uint16]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Photographs whose roofs are things, in two halves."""
    write_set(tmp_path / "set")
    (tmp_path / "set" / "classes.csv").write_text(
        "name,r,g,b,thing\ngrass,0,255,0,0\nroad,90,90,90,0\nroof,255,0,0,1\n"
    )
    return tmp_path / "set"


def halves() -> NDArray[np.uint16]:
    numbers = np.where(mask() == ROOF, 1, 0).astype(np.uint16)
    numbers[:, 72:] *= 2
    return numbers


def write(root: Path, change: Callable[[NDArray[np.uint16]], NDArray[np.uint16]] = lambda numbers: numbers) -> None:
    (root / "instances").mkdir()
    for name in NAMES:
        numbers = halves() if name != NAMES[3] else change(halves())
        Image.fromarray(numbers).save(root / "instances" / f"{name}.png")


def test_without_maps_nothing_is_wrong(root: Path) -> None:
    found = get_check(check(root), "instances")
    assert (found.status, found.findings) == (OK, [])
    assert "connected components" in found.summary


def test_things_are_counted(root: Path) -> None:
    write(root)
    found = get_check(check(root), "instances")
    assert (found.status, found.facts) == (OK, {"things": {"roof": 16}})
    assert found.summary == "16 things in 8 instance maps"


def on_stuff(numbers: NDArray[np.uint16]) -> NDArray[np.uint16]:
    numbers[5, 5] = 9
    return numbers


def unnumbered(numbers: NDArray[np.uint16]) -> NDArray[np.uint16]:
    numbers[numbers == 2] = 0
    return numbers


@pytest.mark.parametrize(
    ("change", "status", "text", "where"),
    [
        (
            lambda numbers: numbers[:-1],
            ERROR,
            "1 instance map that cannot be used",
            "96 x 63 pixels, and its mask 96 x 64",
        ),
        (on_stuff, WARNING, "numbers on classes that are no things", "003: 1"),
        (unnumbered, WARNING, "without a number at pixels of things", "003: 768 pixels"),
    ],
)
def test_what_is_wrong_is_listed(
    change: Callable[[NDArray[np.uint16]], NDArray[np.uint16]], status: str, text: str, where: str, root: Path
) -> None:
    write(root, change)
    found, message, files = single_finding(check(root), "instances")
    assert found == status
    assert text in message
    assert where in files[0]


@pytest.mark.parametrize("change", [unnumbered, lambda numbers: numbers])
def test_pixels_without_data_are_no_things(
    change: Callable[[NDArray[np.uint16]], NDArray[np.uint16]], root: Path
) -> None:
    write(root, change)
    opaque = Image.open(root / "images" / f"{NAMES[3]}.jpg").convert("RGBA")
    opaque.paste((0, 0, 0, 0), (72, 0, 96, 64))
    opaque.save(root / "images" / f"{NAMES[3]}.png")
    (root / "images" / f"{NAMES[3]}.jpg").unlink()
    found = get_check(check(root), "instances")
    assert (found.status, found.facts) == (OK, {"things": {"roof": 15}})


def test_numbers_that_cross_classes_are_listed(root: Path) -> None:
    (root / "classes.csv").write_text(CLASSES.format(road=1))
    write(root)
    for name in NAMES:
        Image.fromarray(np.where(mask() > 0, 7, 0).astype(np.uint16)).save(root / "instances" / f"{name}.png")
    status, text, files = single_finding(check(root), "instances")
    assert (status, len(files), files[0]) == (WARNING, 8, "000: 7")
    assert "several classes share" in text


def test_a_class_of_things_without_a_number_is_named(root: Path) -> None:
    (root / "instances").mkdir()
    for name in NAMES:
        Image.fromarray(np.zeros((64, 96), np.uint16)).save(root / "instances" / f"{name}.png")
    texts = {finding.text: finding.where for finding in get_check(check(root), "instances").findings}
    assert ["roof"] in [list(where) for where in texts.values()]


def test_a_missing_map_is_an_error(root: Path) -> None:
    write(root)
    (root / "instances" / "005.png").unlink()
    status, text, _ = single_finding(check(root), "instances")
    assert status == ERROR
    assert "1 of 8 photographs, 005 first, have no instance map" in text
    assert (root / MASKS).is_dir()
