"""Write small valid files of every kind, for mutations to change."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segdrone.class_files import load_class_table
from segdrone.classes import DRONE

SIZE = (48, 64)  # height, width
_FORMATS = ("jpg", "jpg", "png", "png", "tif", "tif", "webp", "webp", "bmp", "gif")  # the last two are refused


def photograph(folder: Path, rng: random.Random) -> Path:
    """Writes a photograph of a random format, mode and compression."""
    pixels = np.random.default_rng(rng.randrange(1 << 30)).integers(0, 256, (*SIZE, 4), dtype=np.uint8)
    suffix = rng.choice(_FORMATS)
    mode = rng.choice({"jpg": ["RGB", "L", "CMYK"], "png": ["RGB", "RGBA", "L", "P", "LA"], "tif": ["RGB", "RGBA", "L"],
                       "webp": ["RGB", "RGBA"], "bmp": ["RGB", "L", "P"], "gif": ["P", "L"]}[suffix])  # fmt: skip
    if suffix in ("tif", "png") and rng.random() < 0.3:
        return _deep(folder / f"a.{suffix}", pixels, rng)
    image = Image.fromarray(pixels).convert(mode)
    exif = Image.Exif()
    exif.update({0x0112: rng.randrange(1, 9), 0x0132: "2024:05:01 12:00:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 7.5), 3: "E", 4: (11.0, 34.0, 1.0), 6: 560.5})
    options: dict[str, dict[str, Any]] = {
        "jpg": {"quality": 90, "progressive": rng.random() < 0.5, "exif": exif},
        "tif": {"compression": rng.choice(["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])},
        "webp": {"lossless": rng.random() < 0.5, "exif": exif},
        "png": {"exif": exif} if mode == "RGB" else {},
    }
    image.save(folder / f"a.{suffix}", **options.get(suffix, {}))
    return folder / f"a.{suffix}"


def _deep(path: Path, pixels: NDArray[np.uint8], rng: random.Random) -> Path:
    """Writes a file of 16 bits per channel, or of more bands than Pillow knows, as cameras for fields do."""
    import cv2

    values = pixels.astype(np.uint16) * 257
    channels = rng.choice((1, 3)) if path.suffix == ".png" else rng.choice((1, 3, 4))
    cv2.imwrite(str(path), values[..., 0] if channels == 1 else values[..., :channels])
    return path


def mask(folder: Path, rng: random.Random) -> Path:
    """Writes a mask of the drone table as gray ids, palette or colors."""
    ids = np.random.default_rng(rng.randrange(1 << 30)).integers(0, len(DRONE), SIZE, dtype=np.uint8)
    suffix, form = rng.choice(_FORMATS), rng.choice(("ids", "palette", "colours", "binary"))
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(DRONE)] = DRONE.colours
    image = Image.fromarray(palette[ids]) if form == "colours" else Image.fromarray(ids)
    if form == "palette" and suffix != "jpg":
        image.putpalette(palette.tobytes())
    if form == "binary":
        image = Image.fromarray((ids > 9).astype(np.uint8) * 255).convert("1" if suffix in ("png", "tif") else "L")
    image.convert("RGB").save(folder / "m.webp", lossless=True) if suffix == "webp" else image.save(
        folder / f"m.{suffix}"
    )
    return folder / f"m.{suffix}"


def video(folder: Path, rng: random.Random) -> Path:
    """Writes a video of a few frames with a title."""
    from tests.helpers.video import pan, write

    path = write(folder / "v.mp4", pan(6), index_first=rng.random() < 0.5)
    return path


def class_table(folder: Path, rng: random.Random) -> Path:
    """Writes a class table as CSV, JSON, `labelmap.txt` or a list of names."""
    table, form = load_class_table("drone"), rng.choice(("classes.csv", "classes.json", "labelmap.txt", "names.txt"))
    rows = list(zip(table.names, table.colours, strict=True))
    text = {
        "classes.csv": table.to_csv(),
        "classes.json": json.dumps([{"id": i, "name": name, "color": color} for i, (name, color) in enumerate(rows)]),
        "labelmap.txt": "# label:color_rgb:parts:actions\n" + "\n".join(f"{n}:{c[0]},{c[1]},{c[2]}::" for n, c in rows),
        "names.txt": "\n".join(table.names),
    }[form]  # fmt: skip
    (folder / form).write_text(text, encoding="utf-8")
    return folder / form


def class_groups(folder: Path, rng: random.Random) -> Path:
    """Writes class groups as YAML."""
    (folder / "groups.yaml").write_text(
        "plants: [grass, tree, vegetation]\nignored: [unlabeled]\ncars: [car, bicycle]\n"
    )
    return folder / "groups.yaml"


def split_list(folder: Path, rng: random.Random) -> Path:
    """Writes the lists of a split of `IDS`."""
    for name, ids in (("train", IDS[:6]), ("val", IDS[6:8]), ("test", IDS[8:])):
        (folder / f"{name}.txt").write_text("".join(f"{id}\n" for id in ids))
    return folder / f"{rng.choice(('train', 'val', 'test'))}.txt"


IDS = [f"{number:03d}" for number in range(12)]


def export(folder: Path, rng: random.Random) -> Path:
    """Writes an export of one of the formats with its photographs, and returns one of its files."""
    from tests.annotations.conftest import photograph as plain
    from tests.helpers.annotation_exports import EXPORTS

    kind = rng.choice(list(EXPORTS))
    names = ("a.jpg", "frame_000000.png") if kind == "coco-panoptic" else ("a.png", "frame_000000.png")
    for name in names:
        plain(folder / "photographs" / name)
    EXPORTS[kind](folder / "export")
    files = sorted(path for path in (folder / "export").rglob("*") if path.is_file())
    return rng.choice(files)


def copied(source: Path, folder: Path, name: str = "") -> Path:
    """Copies a file of the ground."""
    return Path(shutil.copy(source, folder / (name or source.name)))
