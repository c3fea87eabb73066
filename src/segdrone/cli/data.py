"""`segdrone data`: make, check and understand datasets.

What a command calls is imported when it runs, so that `--help` comes at once.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.errors import ConfigError

commands = typer.Typer(no_args_is_help=True, help="Make, check and understand datasets.")

# What the commands that read a dataset share; the same choices as in conf/data.
Root = Annotated[Path, typer.Argument(help="The dataset's folder, such as one with images/ and masks/.")]
Images = Annotated[str | None, typer.Option(help="Folder of photographs, where ROOT has none of the known layouts.")]
Masks = Annotated[str | None, typer.Option(help="Folder of masks, likewise.")]
Classes = Annotated[str, typer.Option(help="Class table: drone (23 classes), or a CSV file with name, r, g, b.")]
Groups = Annotated[str | None, typer.Option(help="Merge classes: drone12, landing_zone, or a YAML file.")]
Encoding = Annotated[str, typer.Option(help="How masks hold classes: ids, colours, binary, or auto.")]
Tolerance = Annotated[
    float, typer.Option(min=0, max=441, help="How far a mask's colour may lie from its class's, as a distance in RGB.")
]
Threshold = Annotated[int, typer.Option(min=0, max=65535, help="Last grey level of class 0 in binary masks.")]
Unpaired = Annotated[bool, typer.Option("--allow-unpaired", help="Leave out photographs without a mask, and reverse.")]
SplitDir = Annotated[Path | None, typer.Option(help="Folder of train.txt, val.txt, test.txt.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads; by itself, one a core.")]


@commands.command("sample")
def sample(
    out: Annotated[Path, typer.Argument(help="Folder to write to; made if need be.")],
    count: Annotated[int, typer.Option(help="Number of scenes.")] = 60,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT in pixels, 64x64 to 12000x12000.")] = "1056x704",
    seed: Annotated[int, typer.Option(help="The same seed renders the same scenes.")] = 0,
) -> None:
    """Render scenes as a drone might see them, with their masks.

    They come in the layout and the 23 classes of the Semantic Drone Dataset:
    original_images/, label_images_semantic/, class_dict_seg.csv. An
    interrupted run goes on where it stopped.

    Train on them: python train.py data.root=OUT
    """
    from segdrone.synthetic import write_scenes

    width, height = _size(size, "--size")
    write_scenes(out, count=count, height=height, width=width, seed=seed)


@commands.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A file that a labelling tool exported, or a folder of such files.")],
    out: Annotated[Path, typer.Argument(help="Folder to write to; made if need be.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of the photographs, if not beside the annotations.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--format", help="labelme, labelme-xml, coco, cvat or label-studio; by itself, seen from the content."
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="drone, or a CSV file with name, r, g, b; by itself, the labels found.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="Class of what no shape covers; by itself, it is ignored (id 255).")
    ] = None,
) -> None:
    """Turn the annotations of a labelling tool into a dataset to train on.

    OUT gets images/ (links to the photographs), masks/ and classes.csv.
    Shapes drawn later lie over earlier ones; CVAT's lie by z_order, COCO's
    with the larger below.

    Train on it: python train.py data=folder data.root=OUT data.classes=OUT/classes.csv
    """
    from segdrone.annotations import import_annotations, print_summary

    print_summary(
        import_annotations(source, out, images=images, annotation_format=kind, classes=classes, background=background)
    )


@commands.command("check")
def check(
    root: Root,
    images: Images = None,
    masks: Masks = None,
    classes: Classes = "drone",
    class_groups: Groups = None,
    mask_encoding: Encoding = "auto",
    colour_tolerance: Tolerance = 0.0,
    mask_threshold: Threshold = 127,
    allow_unpaired: Unpaired = False,
    split_dir: SplitDir = None,
    workers: Workers = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that was found as one JSON document.")] = False,
) -> None:
    """Decode every photograph and mask, and tell all that is wrong before training meets it.

    Nine checks: files, reading, sizes, channels, classes, labels, content,
    duplicates, splits. None stops the next.

    Exit code 1 if training would fail, 0 if all is well or there are only
    warnings; 2 and one line on stderr if there is nothing to check.
    """
    from segdrone.inspection.check import check_dataset
    from segdrone.inspection.report import print_report

    choices = _choices(
        images, masks, classes, class_groups, mask_encoding, colour_tolerance, mask_threshold, allow_unpaired
    )
    report = check_dataset(root, **choices, split_dir=split_dir, workers=workers)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2, allow_nan=False))
    else:
        print_report(report)
    raise typer.Exit(1 if report.failed else 0)


@commands.command("stats")
def stats(
    root: Root,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to; by itself ROOT/stats, where training looks.")
    ] = None,
    images: Images = None,
    masks: Masks = None,
    classes: Classes = "drone",
    class_groups: Groups = None,
    mask_encoding: Encoding = "auto",
    colour_tolerance: Tolerance = 0.0,
    mask_threshold: Threshold = 127,
    allow_unpaired: Unpaired = False,
    split_dir: SplitDir = None,
    workers: Workers = None,
) -> None:
    """Count the pixels, photographs and regions of each class, and suggest class weights.

    Prints them, and writes stats.json, classes.png and cooccurrence.png.
    Training reads the counts of its own photographs from stats.json for
    loss.class_weights=auto: give the --classes and --class-groups that you
    train with. 400 photographs of 24 megapixels take 3 minutes on two cores.
    """
    from segdrone.data.class_weights import STATS_FILE
    from segdrone.data.layout import find_folders
    from segdrone.inspection.stats import dataset_stats
    from segdrone.inspection.stats_report import print_stats, save_stats
    from segdrone.utils.atomic import writable_dir

    choices = _choices(
        images, masks, classes, class_groups, mask_encoding, colour_tolerance, mask_threshold, allow_unpaired
    )
    folder = out or root / STATS_FILE.parent
    find_folders(root, images, masks)  # before a folder is made in a place that is not there
    with writable_dir(folder):
        found = dataset_stats(root, **choices, split_dir=split_dir, workers=workers)
        print_stats(found)
        save_stats(found, folder)
    print(f"written to {folder}")


@commands.command("show")
def show(
    root: Root,
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("contact_sheet.png"),
    count: Annotated[int, typer.Option(help="Number of photographs.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="The same seed chooses and varies them alike.")] = 0,
    split: Annotated[str | None, typer.Option(help="train, val or test; by itself, all photographs.")] = None,
    augment: Annotated[
        str | None, typer.Option(help="Show variants too: a YAML file, or its name in conf/augment, such as strong.")
    ] = None,
    versions: Annotated[int, typer.Option(help="Variants of each photograph.")] = 3,
    image_size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT that training resizes to before it augments.")
    ] = None,
    images: Images = None,
    masks: Masks = None,
    classes: Classes = "drone",
    class_groups: Groups = None,
    mask_encoding: Encoding = "auto",
    colour_tolerance: Tolerance = 0.0,
    mask_threshold: Threshold = 127,
    allow_unpaired: Unpaired = False,
    split_dir: SplitDir = None,
) -> None:
    """Draw photographs on one sheet, with their masks laid over them and a legend.

    With --augment, each is shown as it is and as training varies it; pixels
    that are ignored are hatched.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the network at import
    from segdrone import figures
    from segdrone.inspection.contact_sheet import contact_sheet
    from segdrone.utils.atomic import writable_dir

    choices = _choices(
        images, masks, classes, class_groups, mask_encoding, colour_tolerance, mask_threshold, allow_unpaired
    )
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out} must be a PNG file, such as {out.with_suffix('.png')}")
    width_height = _size(image_size, "--image-size") if image_size is not None else None
    with writable_dir(out.parent):
        sheet = contact_sheet(
            root,
            **choices,
            count=count,
            seed=seed,
            split=split,
            split_dir=split_dir,
            augment=augment,
            versions=versions,
            image_size=width_height and width_height[::-1],
        )
        figures.save(sheet, out)
    print(f"written to {out}")


@commands.command("cache")
def cache(
    root: Annotated[Path | None, typer.Argument(help="Only what is kept of this folder.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove it.")] = False,
    info: Annotated[bool, typer.Option("--info", help="Tell what is kept, by folder (the default).")] = False,
    cache_dir: Annotated[
        Path | None, typer.Option(help="The cache; by itself, the user's own, or $SEGDRONE_CACHE.")
    ] = None,
) -> None:
    """Tell of the decoded pixels that training keeps on disk, or remove them.

    Nothing is lost by --clear but time: photographs are decoded again in the
    next epoch.
    """
    from segdrone.data import disk_cache
    from segdrone.data.cache import format_bytes

    if clear and info:
        raise ConfigError("--clear and --info do not go together: give one of them")
    folder = cache_dir or disk_cache.default_folder()
    if clear:
        files, nbytes = disk_cache.clear(folder, root)
        print(f"removed {files} files, {format_bytes(nbytes)}, from {folder}")
    else:
        disk_cache.print_info(folder, disk_cache.info(folder, root))


def _choices(
    images: str | None,
    masks: str | None,
    classes: str,
    groups: str | None,
    encoding: str,
    colour_tolerance: float,
    threshold: int,
    allow_unpaired: bool,
) -> dict[str, Any]:
    """The options that the commands share, as the functions of `segdrone.inspection` take them."""
    return locals()


def _size(text: str, option: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ConfigError(f"{option} {text} must be WIDTHxHEIGHT in pixels, such as 1056x704")
    width, height = (int(part) for part in parts)
    if max(width, height) > 12_000:
        raise ConfigError(f"{option} {text} must be 12000 pixels a side at most")
    return width, height
