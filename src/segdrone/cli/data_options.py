"""Options that the `segdrone data` commands share. Their help texts are the descriptions in DataConfig."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.data.config import DataConfig, describe
from segdrone.raster.channels import Channels

_KEYS = (  # of DataConfig, each an option of the same name
    "images", "masks", "layout", "classes", "class_groups", "mask_encoding",
    "colour_tolerance", "mask_threshold", "unknown", "bands", "stretch",
    "split_dir", "split_by", "split_distance", "allow_unpaired",
)  # fmt: skip
_CUT = (  # of `segdrone data cut` alone
    "labels", "class_attribute", "aoi", "block_m", "map_tile", "map_gsd", "test_share", "val_share", "split_seed",
)  # fmt: skip


def name_options(text: str, *, cut: bool = False, options: Collection[str] | None = None) -> str:
    r"""Replaces the configuration keys in a message by the options of a `segdrone data` command.

    Args:
        text: The message.
        cut: Whether the command is `segdrone data cut`, which has further options.
        options: The options that the command has: keys without one stay, and the message says that it lacks them.
            None is all.

    Example:
        >>> name_options("unknown class 7: give data.classes=FILE.csv, or data.allow_unpaired=true")
        'unknown class 7: give --classes FILE.csv, or --allow-unpaired'
        >>> name_options("data.root=scenes does not exist")
        'scenes does not exist'
        >>> name_options("give 'data.masks=\"labels/{id}_gt.png\"'")
        "give --masks 'labels/{id}_gt.png'"
        >>> name_options("choose one with data.layout=NAME", options=["--classes"])
        'choose one with data.layout=NAME (this command has no --layout: give it a dataset that needs none)'
    """
    lacking: list[str] = []

    def option(match: re.Match[str]) -> str:
        name = f"--{match[1].removeprefix('map_').replace('_', '-')}"
        if options is not None and name not in options:
            lacking.append(name)
            return match[0]
        return name + (" " if match[2] == "=" else "")

    text = re.sub(r"\bdata\.root=(?!data\.root=)", "", text)
    keys = "|".join((*_KEYS, *(_CUT if cut else ())))
    text = re.sub(rf"'(data\.(?:{keys})=)\"([^\"']*)\"'", r"\1'\2'", text)  # quotes of Hydra's inside those of a shell
    text = re.sub(rf"data\.({keys})\b(=true\b|=?)", option, text)
    if not lacking:
        return text
    return f"{text} (this command has no {' or '.join(dict.fromkeys(lacking))}: give it a dataset that needs none)"


def dataset_options(context: typer.Context) -> dict[str, Any]:
    """Returns the options of a command that are those of DataConfig, by their names there."""
    options = {key: context.params[key] for key in _KEYS if key in context.params}
    for key in ("bands", "stretch"):
        options[key] = _parse_numbers(options.get(key))
    return options


def parse_channels(bands: str | None, stretch: str | None) -> Channels:
    """Returns the bands and the stretch that a command is given.

    Raises:
        ConfigError: They are no such numbers.
    """
    return DataConfig(root=".", bands=_as_tuple(bands), stretch=_as_tuple(stretch)).channels


def _as_tuple(text: str | None) -> Any:
    numbers = _parse_numbers(text)
    return tuple(numbers) if isinstance(numbers, list) else numbers


def _parse_numbers(text: str | None) -> list[float] | str | None:
    """Returns the numbers of a text such as `[3,2,1]` or `0,4095`; the text itself if it holds something else."""
    if text is None:
        return None
    parts = text.strip("[] ").split(",")
    try:
        return [int(part) if part.strip().isdecimal() else float(part) for part in parts]
    except ValueError:
        return text


Root = Annotated[Path, typer.Argument(help=describe("root"))]
Images = Annotated[str | None, typer.Option(help=describe("images"))]
Masks = Annotated[str | None, typer.Option(help=describe("masks"))]
LayoutName = Annotated[str | None, typer.Option("--layout", help=describe("layout"))]
Classes = Annotated[str | None, typer.Option(help=describe("classes"))]
ClassGroups = Annotated[str | None, typer.Option(help=describe("class_groups"))]
Encoding = Annotated[str, typer.Option(help=describe("mask_encoding"))]
Tolerance = Annotated[float, typer.Option(min=0, max=441, help=describe("colour_tolerance"))]
Threshold = Annotated[int, typer.Option(min=0, max=65535, help=describe("mask_threshold"))]
Unknown = Annotated[str, typer.Option(help=describe("unknown"))]
Bands = Annotated[str | None, typer.Option(help=describe("bands"))]
Stretch = Annotated[str | None, typer.Option(help=describe("stretch"))]
Unpaired = Annotated[bool, typer.Option("--allow-unpaired", help=describe("allow_unpaired"))]
SplitDir = Annotated[str | None, typer.Option(help=describe("split_dir"))]
SplitBy = Annotated[str | None, typer.Option(help=describe("split_by"))]
SplitDistance = Annotated[float | None, typer.Option(help=name_options(describe("split_distance")))]
Workers = Annotated[int | None, typer.Option(min=1, help="Number of threads (default: one per core).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
