"""Refuse VRTs that read files elsewhere, reach the network, run programs, or multiply their sources without end."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element

from segdrone.errors import ConfigError, DataError
from segdrone.raster.map_beside import check_beside
from segdrone.raster.map_file import map_driver
from segdrone.utils.bounded import UnreadableError, read_bytes, read_xml
from segdrone.utils.console import one_line

_MAX_DEPTH = 5  # of VRTs in VRTs
MAX_BANDS = 4096
_MAX_SOURCES = 1_000_000  # files read for the whole raster, each as often as it is named
_SOURCES = ("sourcefilename", "sourcedataset")
# What gdalbuildvrt, gdal_translate and gdalwarp write, in lower case: GDAL compares names without case. It takes
# attributes for elements, too, so everything else is refused: names of files must be nowhere else.
_ELEMENTS_TEXT = """
sourcefilename sourcedataset vrtdataset srs geotransform gcplist gcp metadata mdi overviewlist maskband overview
vrtrasterband description nodatavalue hidenodatavalue colorinterp colortable entry unittype offset scale
categorynames category histograms histitem histmin histmax bucketcount includeoutofrange approximate histcounts
simplesource complexsource averagedsource nodatafrommasksource kernelfilteredsource sourceband sourceproperties
srcrect dstrect nodata usemaskband scaleoffset scaleratio lut exponent srcmin srcmax dstmin dstmax clamp
colortablecomponent maskvaluethreshold remappedvalue kernel size coefs blockxsize blockysize gdalwarpoptions
warpmemorylimit resamplealg workingdatatype option transformer approxtransformer maxerror basetransformer
genimgprojtransformer srcgeotransform srcinvgeotransform dstgeotransform dstinvgeotransform reprojecttransformer
reprojectiontransformer sourcesrs targetsrs bandlist bandmapping srcnodatareal srcnodataimag dstnodatareal
dstnodataimag srcalphaband dstalphaband cutline cutlineblenddist multithread options srcgcptransformer
gcptransformer srctpstransformer tpstransformer order reversed refine minimumgcps tolerance
"""
_ELEMENTS = {*_ELEMENTS_TEXT.split()}
_ATTRIBUTES_TEXT = """
band blockxsize blockysize c1 c2 c3 c4 coordinateepoch dataaxistosrsaxismapping datatype domain dst format id info
key line name nodata normalized pixel projection rasterxsize rasterysize relativetovrt resampling shared src
subclass x xoff xsize y yoff ysize z
"""
_ATTRIBUTES = {*_ATTRIBUTES_TEXT.split()}
_SUBCLASSES = {None, "VRTWarpedDataset", "VRTWarpedRasterBand", "VRTSourcedRasterBand"}
_DOMAINS = ("overviews", "geolocation", "xml:")  # of metadata that name files
_OPTIONS_WITH_FILES = ("DEM", "COORDINATE", "GEOLOC", "FILE", "GRID")


def check_map(path: Path, *, remote: bool = False) -> str:
    """Refuses a file that would make GDAL read others, by what lies beside it or in it; returns its driver.

    Raises:
        DataError: As `check_beside`, `map_driver` and `check_vrt`.
        ConfigError: As `check_beside` and `check_vrt`.
    """
    check_beside(path, remote=remote)
    driver = map_driver(str(path))
    if driver == "VRT":
        check_vrt(path, remote=remote)
    return driver


def check_vrt(path: Path, *, remote: bool = False) -> None:
    """Refuses a VRT that reads files outside its own folder, or the network, unless `remote`.

    What is allowed is what gdalbuildvrt, gdal_translate and gdalwarp write, over files of the formats of maps, to which
    the same applies.

    Raises:
        DataError: It is no XML, lists itself, or reads what is no map.
        ConfigError: It reads what lies elsewhere, or has parts that may.
    """
    _count_sources(path, remote, (), {})


def _count_sources(path: Path, remote: bool, within: tuple[Path, ...], known: dict[Path, int]) -> int:
    """Checks a VRT, and returns how many files are read for the whole of it, at most."""
    if len(within) > _MAX_DEPTH:
        raise DataError(f"{path}: VRTs in VRTs, deeper than {_MAX_DEPTH}: give the files themselves")
    if path in known:
        return known[path]
    try:
        _check_encoding(path)
        root = read_xml(path)
    except UnreadableError as error:
        raise DataError(f"{path} is not a VRT ({error}): write it again with gdalbuildvrt") from None
    if root.tag != "VRTDataset":
        raise DataError(f"{path} is XML, but no VRT: give a map")
    if sum(1 for _ in root.iter("VRTRasterBand")) > MAX_BANDS:
        raise DataError(f"{path} has more than {MAX_BANDS} bands: give three of them")
    count = 0
    if remote:
        return count
    for node in root.iter():
        _check_part(path, node)
        if node.tag.lower() in _SOURCES:
            source = _source_of(path, node)
            is_vrt = map_driver(str(source)) == "VRT"
            check_beside(source)
            count += _count_sources(source, remote, (*within, path), known) if is_vrt else 1
            if count > _MAX_SOURCES:
                raise DataError(f"{path} reads more than {_MAX_SOURCES:,} files, one over another: give these files")
    known[path] = count
    return count


def _check_part(path: Path, node: Element) -> None:
    """Refuses an element that gdalbuildvrt and the others do not write."""
    given = {name.lower(): value for name, value in node.attrib.items()}
    unknown = [] if node.tag.lower() in _ELEMENTS else [node.tag]
    unknown += [f"{node.tag} {name}" for name in node.attrib if name.lower() not in _ATTRIBUTES]
    if given.get("subclass") not in _SUBCLASSES:
        unknown.append(f"a {given['subclass']}")
    if node.tag.lower() == "metadata" and given.get("domain", "").lower().startswith(_DOMAINS):
        unknown.append(f"metadata of {given['domain']}")
    if node.tag.lower() == "option":
        option = given.get("name", given.get("key", ""))
        unknown += [f"the option {option}"] if any(word in option.upper() for word in _OPTIONS_WITH_FILES) else []
    if node.tag.lower() == "pixelfunctioncode":
        raise ConfigError(f"{path} computes its pixels by a program: write them with gdal_translate, and give those")
    if unknown:
        raise ConfigError(
            f"{path} has {one_line(unknown[0])[:100]}, which may compute pixels by a program or read other files: "
            "write its pixels with gdal_translate and give those, or give --remote if you trust the file"
        )


def _source_of(path: Path, node: Element) -> Path:
    """Returns the file that a part of a VRT names, which must lie below the folder of the VRT."""
    name = node.text or ""
    relative = {value for key, value in node.attrib.items() if key.lower() == "relativetovrt"} or {"0"}
    source = path.parent / name if relative == {"1"} else Path(name).absolute()  # as GDAL does
    is_address = ":" in name.removeprefix(Path(name).drive) or "\n" in name or name.startswith(("<", "/vsi", "{"))
    is_plain = len(node) == 0 and relative in ({"0"}, {"1"}) and "\0" not in name and not is_address
    if not is_plain or not source.resolve().is_relative_to(path.parent.resolve()):
        raise ConfigError(
            f"{path} reads {one_line(name)[:200]}, which is not below its own folder: give --remote if you trust the "
            "file"
        )
    if not source.is_file():
        raise DataError(f"{path} reads {source}, which does not exist: copy it there, or write the VRT again")
    return source


def _check_encoding(path: Path) -> None:
    """Refuses an encoding in which GDAL, which knows none, reads other names than were checked."""
    declared = re.match(rb"[^>]*encoding\s*=\s*[\"']([^\"']*)", read_bytes(path)[:200])
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1"):
        raise UnreadableError("it is not in UTF-8")
