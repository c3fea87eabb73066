"""`segdrone geo ...`: photographs and masks on the map. Everything is imported at run time, so that --help is fast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from segdrone.utils.console import one_line

commands = typer.Typer(no_args_is_help=True, help="Place photographs and masks on the map (extra geo).")

_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")]


@commands.command()
def footprints(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", help="Photographs, folders, or patterns in quotes.")],
    out: Annotated[Path, typer.Option(help="GeoJSON file to write; the table has its name and .csv.")] = Path(
        "flight.geojson"
    ),
    quiet: _Quiet = False,
) -> None:
    """Write where photographs were taken, and what ground each of them shows.

    For example:

        segdrone geo footprints flights/today
        segdrone geo footprints 'flights/**/DJI_*.JPG' --out today.geojson

    No pixel is read: the EXIF and XMP data of the drone say place, height,
    direction and focal length. OUT opens in QGIS and on geojson.io. It has a
    feature for each photograph: the outline of the ground that it shows, or
    the point where it was taken, with these properties, also in OUT.csv:

        file, time
        height_m        above takeoff, or above the ground: height_source says
        altitude_m      above the sea, or as the drone's firmware has it
        gsd_cm          ground sampling distance: the side of a pixel there
        gsd_source      by which height and focal length
        uncertainty     standard uncertainty of gsd_cm, as a share of it;
                        that of area_m2 is twice as much
        area_m2         area of the ground in the photograph
        yaw, pitch, roll  of the camera in degrees; pitch -90 is straight down
        reason          what is unknown or in doubt, and why

    The ground is taken as flat, and as high as the place of takeoff. A
    photograph that looks more than 20 degrees from straight down has no
    ground sampling distance, and no footprint if a corner looks less than
    15 degrees below the horizon. docs/flight.md has the formulas.

    Exit code 0; 1 if some files cannot be read, with one line on stderr for
    each; 2 if no photograph says where it was taken.
    """
    from segdrone.geo.flight import describe_flight, find_flight, read_flight, write_flight

    flight = read_flight(find_flight(inputs), progress=not quiet)
    for reason in flight.failed.values():
        print(f"error: {one_line(reason)}", file=sys.stderr)
    table = write_flight(flight, out)
    if not quiet:
        print("\n".join(map(one_line, describe_flight(flight))))
        print(f"written to {out} and {table}")
    raise typer.Exit(1 if flight.failed else 0)


@commands.command()
def mosaic(
    predicted: Annotated[Path, typer.Argument(metavar="PREDICTED", help="Folder written by segdrone predict.")],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="The photographs, given as to segdrone predict.")
    ],
    out: Annotated[Path, typer.Option(help="PNG to write, with .pgw and .prj, or GeoTIFF (.tif).")] = Path(
        "mosaic.png"
    ),
    quiet: _Quiet = False,
) -> None:
    """Draw the predicted masks of a flight together on the map, to look at.

    For example:

        segdrone predict best.ckpt flights/today --out today
        segdrone geo mosaic today flights/today --out today.png

    Each mask is warped by the footprint of its photograph (segdrone geo
    footprints), which is only as good as the drone's place, height and
    angles: masks may be apart by meters at their borders. Nothing is
    adjusted, and the ground is taken as flat. To measure, make an orthophoto
    by a photogrammetry program, and predict that.

    Where masks overlap, the one whose camera was nearest counts. OUT has at
    most 8000 pixels a side, in the colors of the classes, north up, in UTM;
    PNGs are transparent where no photograph was taken. QGIS asks for the
    coordinate system of a PNG, which is in the .prj file.

    Exit code 0; 1 if some masks cannot be placed, with one line on stderr
    for each; 2 if none can.
    """
    from segdrone.geo.mosaic import make_mosaic, write_mosaic

    found = make_mosaic(predicted, inputs, progress=not quiet)
    for path, reason in sorted(found.left_out.items()):
        print(f"error: {one_line(path)} is not on the map: {one_line(reason)}", file=sys.stderr)
    files = write_mosaic(found, out)
    if not quiet:
        (height, width), pixel = found.mask.shape, found.place.transform[0]
        print(
            f"{found.used} masks on {width} x {height} pixels of {100 * pixel:.1f} cm ({found.crs_name}), approximate: "
            "flat ground, nothing adjusted"
        )
        print(f"written to {', '.join(map(str, files))}")
    raise typer.Exit(1 if found.left_out else 0)
