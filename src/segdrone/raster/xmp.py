"""Read XMP data of a photograph: XML of unknown origin, as plain texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from PIL import Image

from segdrone.raster.numbers import finite_number
from segdrone.utils.bounded import UnreadableError, wrap_parse_errors

_TIFF_TAG = 700
_MAX_BYTES = 1 << 20  # a JPEG holds 64 KB; thousands of layers of an editor are no business of ours
_MAX_TEXT = 1000  # characters of a value
_MAX_VALUES = 10_000
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_BEFORE = re.compile(rb"\A[ -;=-~\s\0]+(?=<)")  # GDAL writes xml:XMP= before the packet
_NUMBER = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)(?:/(\d+(?:\.\d*)?))?(?:\s.*)?")

Xmp = Mapping[str, str]
"""Values by namespace and name, such as `{http://www.dji.com/drone-dji/1.0/}RelativeAltitude`.

Fields of a structure are named by their path: `{NAMESPACE}CameraOrientationNED/Yaw`. Namespaces are in lower case, and
have no slash at their end: cameras write both.
"""


def read_xmp(image: Image.Image) -> Xmp:
    """Returns the XMP data of an open image; empty if it has none, or it is not XML that can be trusted."""
    data = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or getattr(image, "tag_v2", {}).get(_TIFF_TAG)
    if isinstance(data, tuple):  # TIFF: numbers of 8 bits
        try:
            data = bytes(data)
        except (TypeError, ValueError):
            return {}
    return parse_xmp(data.encode("utf-8", "ignore") if isinstance(data, str) else data)


def parse_xmp(data: object) -> Xmp:
    """Returns the values of an XMP packet, as texts; empty if it is broken, larger than 1 MiB, or has a document type.

    Entities, which can make gigabytes of a few lines, need a document type. Nothing is read from anywhere else.

    Example:
        >>> dji = 'xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"'
        >>> rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        >>> packet = f'<rdf:RDF {rdf} {dji}><rdf:Description drone-dji:RelativeAltitude="+20.10"/></rdf:RDF>'
        >>> dict(parse_xmp(packet.encode()))
        {'{http://www.dji.com/drone-dji/1.0}RelativeAltitude': '+20.10'}
        >>> dict(parse_xmp(b"<broken"))
        {}
    """
    if not isinstance(data, bytes) or len(data) > _MAX_BYTES:
        return {}
    try:
        with wrap_parse_errors():
            root = fromstring(_BEFORE.sub(b"", data.rstrip(b"\0 \t\r\n")), forbid_dtd=True)
            values: dict[str, str] = {}
            for description in (
                found for rdf in root.iter(f"{_RDF}RDF") for found in rdf.iterfind(f"{_RDF}Description")
            ):
                for name, value in _properties(description):
                    if len(value) <= _MAX_TEXT and len(values) < _MAX_VALUES:
                        values.setdefault(name, value.strip())
            return values
    except UnreadableError:
        return {}


def xmp_number(xmp: Xmp, *names: str) -> float | None:
    """Returns the first of some values that is a number: `+20.10`, `201/10` or `201/10 (20.1)`.

    Example:
        >>> xmp_number({"a": "1/0", "b": "201/10 (20.1)"}, "a", "b")
        20.1
    """
    for name in names:
        match = _NUMBER.fullmatch(xmp.get(name, ""))
        if match is None:
            continue
        try:
            number = finite_number(float(match[1]) / float(match[2] or "1"))
        except ZeroDivisionError:
            continue
        if number is not None:
            return number
    return None


def _properties(description: Element) -> Iterator[tuple[str, str]]:
    """Yields the properties of a description: attributes, elements, and fields of structures."""
    for name, value in description.attrib.items():
        yield _plain(name), value
    for element in description:
        name = _plain(element.tag)
        if not len(element) and (element.text or "").strip():
            yield name, element.text or ""
        fields = [*element.attrib.items(), *((field.tag, field.text or "") for field in element)]
        for inner in element.iterfind(f"{_RDF}Description"):
            fields += [*inner.attrib.items(), *((field.tag, field.text or "") for field in inner)]
        for field, value in fields:
            if not field.startswith(_RDF):
                yield f"{name}/{field.rpartition('}')[2]}", value


def _plain(name: str) -> str:
    space, bracket, local = name.rpartition("}")
    return f"{space.rstrip('/').lower()}{bracket}{local}"
