"""The options of `segdrone data import --onto`, which takes corrections into a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.data.config import DataConfig, describe
from segdrone.errors import ConfigError

_PANEL = "With --onto"


def _option(text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=_PANEL, **more)


Onto = Annotated[
    Path | None,
    typer.Option(
        help="Dataset whose masks the corrections replace, instead of writing a new one to OUT.", metavar="DATASET"
    ),
]
Prefer = Annotated[
    list[str] | None,
    _option(
        "Name of the person whose correction is taken where several people corrected a photograph; give it again for a "
        "second choice."
    ),
]
Merge = Annotated[
    str | None,
    _option(
        "majority: a pixel gets the class that more than half of those people give it; where none has so many, it is "
        "ignored."
    ),
]
OntoMasks = Annotated[str | None, _option(describe("masks"), "--masks")]
OntoLayout = Annotated[str | None, _option(describe("layout"), "--layout")]
OntoEncoding = Annotated[str, _option(describe("mask_encoding"), "--mask-encoding")]
OntoTolerance = Annotated[float, _option(describe("colour_tolerance"), "--colour-tolerance", min=0, max=441)]
OntoThreshold = Annotated[int, _option(describe("mask_threshold"), "--mask-threshold", min=0, max=65535)]
OntoUnknown = Annotated[str, _option(describe("unknown"), "--unknown")]
OntoBands = Annotated[str | None, _option(describe("bands"), "--bands")]
OntoStretch = Annotated[str | None, _option(describe("stretch"), "--stretch")]


def import_onto(
    sources: Sequence[Path],
    onto: Path,
    common: Mapping[str, Any],
    prefer: Sequence[str],
    merge: str | None,
    dataset_options: Mapping[str, Any],
    quiet: bool,
) -> None:
    """Takes corrections into a dataset, and prints what changed."""
    from segdrone.annotations.corrections import CorrectionOptions, import_corrections, print_corrections

    options = CorrectionOptions(**common, prefer=prefer, merge=merge)
    print_corrections(import_corrections(sources, onto, options, progress=not quiet, **dataset_options))


def check_without_onto(prefer: Sequence[str] | None, merge: str | None, dataset_options: Mapping[str, Any]) -> None:
    """Checks that no option is given that does nothing without --onto.

    Raises:
        ConfigError: One is.
    """
    defaults = DataConfig.model_fields
    given = [key for key, value in dataset_options.items() if value != defaults[key].default]
    if given := [*(["prefer"] if prefer else []), *(["merge"] if merge else []), *given]:
        raise ConfigError(
            f"--{given[0].replace('_', '-')} is for corrections of a dataset: give --onto, or leave it out"
        )
