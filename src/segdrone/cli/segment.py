"""`segdrone segment`: segments of photographs by a classical method. Slow imports come at run time."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from segdrone.errors import ConfigError

_HELP = """Divide photographs into segments by a classical method, without training.

    For example:

        segdrone segment slic photograph.jpg --out segments
        segdrone segment watershed flights/ --out basins --set spacing=24
        segdrone segment threshold field.jpg --out green --set channel=exg

    Methods, and their options with defaults, each given by --set KEY=VALUE:

{methods}

    Folders are searched recursively. OUT has the same subfolders:

        outlines/sub/NAME.jpg  photograph with the outlines of its segments,
                               at the size at which the method sees it
        labels/sub/NAME.png    number of each pixel's segment, 16 bits, at the
                               photograph's own size; 0 where it has no data
        segments.csv           number of segments, their median size in pixels of
                               the labels, and the SHA-256 of the photograph
        segment.json           method and options

    To give each segment a class, train a model of the same method, as by
    segdrone train model=classic_slic_forest: see docs/classics.md. Methods
    need scikit-image and scikit-learn, the extra classic of segdrone.

    Exit code 0 if everything is segmented; 1 if some photographs failed, with
    one line on stderr for each; 2 if nothing can be segmented.
    """


class SegmentCommand(TyperCommand):
    """The command, whose help is made of the table of methods when it is asked for: importing them takes a while."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help."""
        self.help = _HELP.format(methods=_describe_methods())
        super().format_help(ctx, formatter)


def _describe_methods() -> str:
    """Returns the methods, each in a line, with their options below."""
    from segdrone.classic.methods import METHODS, describe_options

    lines = []
    for name, form in METHODS.items():
        lines.append(f"        {name:<16} {(form.__doc__ or '').splitlines()[0]}")
        for option, default, text in describe_options(form):
            shown = "null" if default is None else default
            lines.append(
                textwrap.fill(
                    f"{f'{option}={shown}':<20} {text}", 82, initial_indent=12 * " ", subsequent_indent=33 * " "
                )
            )
    return "\n".join(lines)


def segment(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="One of the methods above.")],
    inputs: Annotated[
        list[str], typer.Argument(metavar="PHOTOGRAPH...", help="Photographs, folders, or patterns in quotes.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Option of the method; can be given several times."),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option(help="Reduce larger photographs to so many pixels before the method.")
    ] = 1_000_000,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")] = False,
) -> None:
    """Divide photographs into segments by a classical method."""
    from segdrone.inference.inputs import find_inputs
    from segdrone.inference.segment_photographs import segment_photographs

    images = find_inputs(inputs, out)
    failed = segment_photographs(
        method, parse_options(options or []), images, out, max_pixels=max_pixels, progress=not quiet
    )
    if not quiet:
        print(f"{len(images) - len(failed)} segmented, {len(failed)} failed: see {out}")
    raise typer.Exit(1 if failed else 0)


def parse_options(texts: list[str]) -> dict[str, Any]:
    """Returns options given as KEY=VALUE; values are numbers, words, or lists such as [0.1,0.2].

    Raises:
        ConfigError: A text has another form, or a key is given twice.

    Example:
        >>> parse_options(["channel=exg", "thresholds=[0.1, 0.2]"])
        {'channel': 'exg', 'thresholds': [0.1, 0.2]}
    """
    from segdrone.utils.bounded import UnreadableError, parse_yaml

    parsed: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key or key in parsed:
            raise ConfigError(f"--set {text} must be KEY=VALUE, each KEY once")
        try:
            parsed[key] = parse_yaml(value)
        except UnreadableError as error:
            raise ConfigError(f"--set {text}: the value cannot be read ({error})") from None
    return parsed
