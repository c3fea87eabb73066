"""`segdrone data`: make, check and understand datasets. Each command imports what it needs when it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from segdrone.cli.data_agreement import agreement
from segdrone.cli.data_audit import audit
from segdrone.cli.data_labels import export_labels
from segdrone.cli.data_make import cut, import_, sample
from segdrone.cli.data_options import (
    Bands,
    Classes,
    ClassGroups,
    Encoding,
    Images,
    LayoutName,
    Masks,
    Quiet,
    Root,
    SplitBy,
    SplitDir,
    SplitDistance,
    Stretch,
    Threshold,
    Tolerance,
    Unknown,
    Unpaired,
    Workers,
    dataset_options,
)
from segdrone.cli.data_pick import pick
from segdrone.cli.data_pull import pull
from segdrone.cli.size import parse_size
from segdrone.data.config import describe
from segdrone.errors import ConfigError

commands = typer.Typer(no_args_is_help=True, help="Make, check and understand datasets.")


commands.command("sample")(sample)
commands.command("import")(import_)
commands.command("cut")(cut)
commands.command("export-labels")(export_labels)
commands.command("pull")(pull)
commands.command("agreement")(agreement)
commands.command("pick")(pick)
commands.command("audit")(audit)


@commands.command("check")
def check(
    context: typer.Context,
    root: Root,
    images: Images = None,
    masks: Masks = None,
    layout: LayoutName = None,
    classes: Classes = None,
    class_groups: ClassGroups = None,
    mask_encoding: Encoding = "auto",
    colour_tolerance: Tolerance = 0.0,
    mask_threshold: Threshold = 127,
    unknown: Unknown = "error",
    bands: Bands = None,
    stretch: Stretch = None,
    allow_unpaired: Unpaired = False,
    split_dir: SplitDir = None,
    split_by: SplitBy = None,
    split_distance: SplitDistance = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON document.")] = False,
) -> None:
    """Decode every photograph and mask, and report all problems before training starts.

    Ten checks: files, reading, sizes, channels, classes, labels, content,
    instances, duplicates, splits. All of them run, even if one fails.

    Exit code 0 if there are no errors (warnings may remain); 1 if training
    would fail; 2 and one line on stderr if nothing can be checked.
    """
    from segdrone.inspection.check import check_dataset
    from segdrone.inspection.report import print_report

    options = dataset_options(context)
    report = check_dataset(root, **options, workers=workers, progress=not quiet)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        print_report(report)
    raise typer.Exit(1 if report.failed else 0)


@commands.command("stats")
def stats(
    context: typer.Context,
    root: Root,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to (default: ROOT/stats, where training reads it).")
    ] = None,
    images: Images = None,
    masks: Masks = None,
    layout: LayoutName = None,
    classes: Classes = None,
    class_groups: ClassGroups = None,
    mask_encoding: Encoding = "auto",
    colour_tolerance: Tolerance = 0.0,
    mask_threshold: Threshold = 127,
    unknown: Unknown = "error",
    bands: Bands = None,
    stretch: Stretch = None,
    allow_unpaired: Unpaired = False,
    split_dir: SplitDir = None,
    split_by: SplitBy = None,
    split_distance: SplitDistance = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Count pixels, photographs and connected components of each class, and suggest class weights.

    Prints them, and writes stats.json, classes.png and cooccurrence.png.
    With loss.class_weights=auto, training reads the counts of its own
    photographs from stats.json: use the same --classes and --class-groups
    for both. 400 photographs of 24 megapixels take 3 minutes on two cores.
    """
    from segdrone.data.class_weights import STATS_FILE
    from segdrone.data.discovery.find_dataset import find_dataset
    from segdrone.inspection.stats import dataset_stats
    from segdrone.inspection.stats_report import print_stats, save_stats
    from segdrone.utils.output_dir import exclusive_dir

    options = dataset_options(context)
    folder = out or root / STATS_FILE.parent
    find_dataset(root, images, masks, layout)  # raises before `folder` is created below a root that does not exist
    with exclusive_dir(folder):
        result = dataset_stats(root, **options, workers=workers, progress=not quiet)
        print_stats(result)
        save_stats(result, folder)
    print(f"written to {folder}")


@commands.command("show")
def show(
    context: typer.Context,
    root: Root,
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("contact_sheet.png"),
    count: Annotated[int, typer.Option(help="Number of photographs.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same photographs and variants.")] = 0,
    split: Annotated[str | None, typer.Option(help="train, val or test (default: all photographs).")] = None,
    augment: Annotated[
        str | None,
        typer.Option(help="Also show augmented variants: a YAML file, or the name of one in conf/augment (strong)."),
    ] = None,
    versions: Annotated[int, typer.Option(help="Variants of each photograph.")] = 3,
    image_size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT in pixels that photographs are resized to before augmentation.")
    ] = None,
    images: Images = None,
    masks: Masks = None,
    layout: LayoutName = None,
    classes: Classes = None,
    class_groups: ClassGroups = None,
    mask_encoding: Encoding = "auto",
    colour_tolerance: Tolerance = 0.0,
    mask_threshold: Threshold = 127,
    unknown: Unknown = "error",
    bands: Bands = None,
    stretch: Stretch = None,
    allow_unpaired: Unpaired = False,
    split_dir: SplitDir = None,
    split_by: SplitBy = None,
    split_distance: SplitDistance = None,
) -> None:
    """Draw photographs and their masks on one sheet, with a legend of the classes.

    With --augment, each photograph is shown unchanged and as training
    varies it. Ignored pixels are hatched.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network at import
    from segdrone import figures
    from segdrone.inspection.contact_sheet import contact_sheet
    from segdrone.utils.atomic import writable_dir

    options = dataset_options(context)
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out} must be a PNG file, such as {out.with_suffix('.png')}")
    with writable_dir(out.parent):
        sheet = contact_sheet(
            root,
            **options,
            count=count,
            seed=seed,
            split=split,
            augment=augment,
            versions=versions,
            image_size=None if image_size is None else parse_size(image_size, "--image-size", largest=12_000),
        )
        figures.save(sheet, out)
    print(f"written to {out}")


@commands.command("cache")
def cache(
    root: Annotated[Path | None, typer.Argument(help="Only the cache of this dataset.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove it.")] = False,
    info: Annotated[bool, typer.Option("--info", help="Show its size per dataset (the default).")] = False,
    cache_dir: Annotated[
        Path | None, typer.Option(help=f"{describe('cache_dir')[:-1]} (default: $SEGDRONE_CACHE or the user's cache).")
    ] = None,
) -> None:
    """Show or remove the decoded pixels that training keeps on disk.

    After --clear, the next epoch decodes the photographs again; nothing
    else is lost.
    """
    from segdrone.data.caching import cache_files
    from segdrone.data.caching.cache import format_bytes
    from segdrone.utils.cache_folder import cache_folder

    if clear and info:
        raise ConfigError("--clear and --info do not go together: give one of them")
    folder = cache_dir or cache_folder()
    if clear:
        files, nbytes = cache_files.clear(folder, root)
        print(f"removed {files} files, {format_bytes(nbytes)}, from {folder}")
    else:
        cache_files.print_info(folder, cache_files.info(folder, root), root)
