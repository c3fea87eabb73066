"""Trials with photographs whose names are bytes that somebody's camera, archive or humor made."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

from benchmarks.torture.ground import CHECKPOINT, SCENES
from benchmarks.torture.outcome import check
from benchmarks.torture.process import Ended, run
from benchmarks.torture.promises import check_text
from benchmarks.torture.reference import Reference

NAMES = (
    b"\xff\xfe", b"caf\xe9", b"\x80" * 40, b"n" * 251, "🚁".encode() * 62, b"a\nb", b"a\rb", b"a\tb", b"\x1b[31mred",
    b"\x1b]0;title\x07", b" lead", b"trail ", b"-dash", b"--out", b"a'b\"c", b"a=b,c[d]{e}", b"100%s%d", b"${x}", b"*",
    b"?",
    b"[a]", b"a;b|c&d", b"\\back\\slash", "\u202ereversed".encode(), "u\u0308".encode(), "ü".encode(), b"a.jpg",
    b"a.png.b",
    b"#", b"~", b"NUL", b"a" * 127 + "é".encode() * 60, b"\x7f", b"\xc2\x9b31m", b"<b>&amp;", b"=1+1",
    b"masks",
)  # fmt: skip
_PLAIN = 3
_OUT = "named"


def odd_names(name: str, folder: Path, kept: Reference, replaced: bool, rng: random.Random) -> str:
    """Predicts, checks or counts photographs with odd names among plain ones, in a folder with an odd name.

    One bad name may cost one photograph. Control characters never reach the terminal.
    """
    odd = rng.sample(NAMES, rng.choice((1, 2, 5)))
    place = os.fsencode(folder) + b"/" + rng.choice((b"d", b"d", *(name for name in NAMES if len(name) < 60)))
    images, masks = place + b"/images", place + b"/masks"
    os.makedirs(images)
    os.makedirs(masks)
    files = sorted((folder / SCENES / "original_images").iterdir())
    for number, image in enumerate(files[: _PLAIN + len(odd)]):
        stem = b"plain%d" % number if number < _PLAIN else odd[number - _PLAIN]
        shutil.copy(os.fsencode(image), images + b"/" + stem + b".jpg")
        shutil.copy(
            os.fsencode(folder / SCENES / "label_images_semantic" / f"{image.stem}.png"), masks + b"/" + stem + b".png"
        )
    shutil.copy(os.fsencode(folder / SCENES / "class_dict_seg.csv"), place + b"/classes.csv")
    if name == "predict":
        _predict(folder, os.fsdecode(images))
        return "predicted"
    command = rng.choice(("stats", "check", "show"))
    out = {"stats": ["--out", _OUT], "check": [], "show": ["--out", "sheet.png"]}[command]
    ended = run(["data", command, os.fsdecode(place), *out], folder)
    check_text(ended) if command != "check" or ended.code == 2 else None
    _check_printed(ended)
    return f"{command}: exit code {ended.code}"


def _predict(folder: Path, images: str) -> None:
    ended = run(["predict", CHECKPOINT, images, "--out", _OUT, "--device", "cpu"], folder)
    check_text(ended)
    _check_printed(ended)
    check(ended.code != 2, f"one bad name cost all photographs: {ended.err[-200:]!a}")
    found = {os.fsencode(path.name) for path in (folder / _OUT / "masks").rglob("plain*.png")}
    check(len(found) == _PLAIN, f"{_PLAIN - len(found)} photographs with plain names are not predicted")
    again = run(["predict", CHECKPOINT, images, "--out", _OUT, "--device", "cpu"], folder)
    check(again.code == ended.code, f"exit code {again.code} the second time: {again.err[-200:]!a}")
    check("0 predicted" in again.out, f"predicted again: {again.out[-100:]!a}")


def _check_printed(ended: Ended) -> None:
    check("Traceback (most recent call last)" not in ended.err, f"traceback: {ended.err[-200:]!a}")
    printed = ended.out + ended.err
    raw = sorted({sign for sign in ("\x1b[31m", "\x1b]0;", "\x07", "\u202e", "\x9b", "\x7f") if sign in printed})
    check(not raw, f"control characters are printed as they are: {raw!a}")
