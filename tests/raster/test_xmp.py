"""XMP data of drones, and of strangers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segdrone.raster.xmp import parse_xmp, read_xmp, xmp_number
from tests.helpers.capture import DJI, save_with_exif, xmp_packet

HEIGHT = "{http://www.dji.com/drone-dji/1.0}RelativeAltitude"
PACKET = xmp_packet(DJI, {"RelativeAltitude": "+20.10"})
BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;">' % (c, *[c - 1] * 8) for c in range(98, 123))
    + b"]>"
)


@pytest.mark.parametrize("elements", [False, True])
@pytest.mark.parametrize("prefix", ["drone-dji", "drone"])
def test_namespaces_count_and_prefixes_do_not(prefix: str, elements: bool) -> None:
    packet = xmp_packet(DJI, {"RelativeAltitude": "+20.10"}, prefix=prefix, elements=elements)
    assert parse_xmp(packet) == {HEIGHT: "+20.10"} | {
        name: value for name, value in parse_xmp(packet).items() if "rdf" in name
    }


def test_fields_of_structures_have_their_path() -> None:
    for inner in (
        '<s:Angles rdf:parseType="Resource"><s:Yaw>7.5</s:Yaw></s:Angles>',
        '<s:Angles s:Yaw="7.5"/>',
        '<s:Angles><rdf:Description s:Yaw="7.5"/></s:Angles>',
        "<s:Angles><rdf:Description><s:Yaw>7.5</s:Yaw></rdf:Description></s:Angles>",
    ):
        packet = xmp_packet("https://x.example/1.0/", {}, prefix="s").replace(
            b"></rdf:Desc", f">{inner}</rdf:Desc".encode()
        )
        assert parse_xmp(packet)["{https://x.example/1.0}Angles/Yaw"] == "7.5"


@pytest.mark.parametrize("suffix", ["jpg", "tif", "webp"])
def test_each_format_holds_them(tmp_path: Path, suffix: str) -> None:
    with Image.open(save_with_exif(tmp_path / f"a.{suffix}", height=20.1)) as image:
        assert read_xmp(image)[HEIGHT] == "+20.10"


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<",
        b"\0" * 100,
        PACKET[:-40],
        PACKET.replace(b"xmlns:drone-dji", b"xmlns:other"),
        BOMB + b"<x>&z;</x>",
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + PACKET,
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
        b"<a>" * 100_000,
        b"<a>" * 20_000 + b"</a>" * 20_000,
        PACKET + b" " * (1 << 20),
        "<a/>",
        ("not bytes",),
        None,
    ],
)
def test_what_is_no_such_xml_is_nothing(packet: object) -> None:
    assert parse_xmp(packet) == {}


def test_what_stands_around_the_packet_does_not_count() -> None:
    assert parse_xmp(b"xml:XMP=" + PACKET + b"\n\0\0")[HEIGHT] == "+20.10"  # GDAL, and Sony


def test_endless_values_are_left_out() -> None:
    packet = xmp_packet(DJI, {"RelativeAltitude": "1", "SelfData": "9" * 2000})
    assert parse_xmp(packet)[HEIGHT] == "1"
    assert not any("SelfData" in name for name in parse_xmp(packet))


@pytest.mark.parametrize(
    ("text", "number"),
    [("+20.10", 20.1), ("-3", -3), ("118/1", 118), ("201/10 (20.1)", 20.1), ("1e2", 100), ("34.5 m", 34.5)],
)
def test_numbers(text: str, number: float) -> None:
    assert xmp_number({"a": text}, "missing", "a") == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "x", "1/0", "nan", "inf", "1e999", "1e999999999", "--1", "1/", "9" * 400])
def test_no_numbers(text: str) -> None:
    assert xmp_number({"a": text}, "a") is None


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(PACKET)), st.integers(0, 40))
def test_damage_is_harmless(noise: bytes, start: int, length: int) -> None:
    parse_xmp(PACKET[:start] + noise + PACKET[start + length :])


def test_a_photograph_with_a_bomb_is_a_photograph(tmp_path: Path) -> None:
    path = save_with_exif(tmp_path / "a.jpg", xmp=BOMB + b"<x>&z;</x>")
    with Image.open(path) as image:
        assert read_xmp(image) == {}
        assert np.asarray(image).shape == (6, 9, 3)
