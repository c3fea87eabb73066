"""`segdrone data audit`: labels that models doubt. Everything is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from segdrone.cli.data_options import Classes, Images, LayoutName, Masks, Quiet, Root, SplitDir, Unpaired
from segdrone.errors import ConfigError


def audit(
    root: Root,
    model: Annotated[
        list[Path],
        typer.Option(
            metavar="MODEL",
            help="Checkpoint, .onnx, .xml or .npz; several times for models of different photographs.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write to; created if it does not exist.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all photographs.")] = "all",
    min_area: Annotated[
        int | None,
        typer.Option(help="Leave out regions of fewer pixels (default: of less than 16 at the network's scale)."),
    ] = None,
    first: Annotated[int, typer.Option(min=1, max=200, help="Number of regions to draw.")] = 24,
    scale: Annotated[
        float | None, typer.Option(help="1: photographs at their own size, 0.5: at half of it (default: as trained).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1 (default: a GPU if there is one).")] = "auto",
    images: Images = None,
    masks: Masks = None,
    layout: LayoutName = None,
    classes: Classes = None,
    allow_unpaired: Unpaired = False,
    split_dir: SplitDir = None,
    quiet: Quiet = False,
) -> None:
    r"""Rank the labeled regions of a dataset by how much models doubt them.

    For example, with two models, each of one half of the photographs:

        segdrone train data.root=photos data.split_dir=half1 output_dir=one
        segdrone train data.root=photos data.split_dir=half2 output_dir=two
        segdrone data audit photos --out audited \
            --model one/checkpoints/best.ckpt --model two/checkpoints/best.ckpt

    half1/ and half2/ hold train.txt and val.txt: the photographs of one
    half, and those of the other. Each photograph is judged only by models
    that were not trained on it: a model finds its own wrong labels right.

    Regions are connected components of a class, and numbered things one by
    one. Their inside counts most. What the model confuses again and again
    is learned from the other photographs and doubts no label.

    OUT gets:

        audit.csv   all regions, the most doubtful first: place in pixels,
                    class, suggested class, probability that the class is
                    right (score), and the model's own (model)
        audit.png   the first regions in their photographs

    Go down the list until most labels are right.

    Exit code 0 if all is written; 2 and one line on stderr if nothing is.
    """
    from segdrone import figures
    from segdrone.audit import audit as run
    from segdrone.audit.report import print_summary, write_csv
    from segdrone.audit.sheet import draw_first
    from segdrone.utils.atomic import writable_dir
    from segdrone.utils.output_dir import exclusive_dir, staged_results

    if split not in ("train", "val", "test", "all"):
        raise ConfigError(f"--split {split} is unknown: choose one of train, val, test, all")
    named = {"images": images, "masks": masks, "layout": layout, "classes": classes, "split_dir": split_dir}
    options: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    if allow_unpaired:
        options["allow_unpaired"] = True
    with writable_dir(out), exclusive_dir(out), staged_results(out, ("audit.csv", "audit.png")) as results:
        found = run(
            root, model, split=split, min_area=min_area, device=device, scale=scale, progress=not quiet, **options
        )
        write_csv(found, results.path / "audit.csv")
        figures.save(draw_first(found, first), results.path / "audit.png")
        results.commit()
    print_summary(found)
    print(f"written to {out}")
