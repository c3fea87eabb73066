from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segdrone.cli.size import parse_size
from segdrone.errors import ConfigError


@given(width=st.integers(0, 10**6), height=st.integers(0, 10**6), separator=st.sampled_from("xX"))
def test_width_is_written_first_and_height_comes_first(width: int, height: int, separator: str) -> None:
    assert parse_size(f"{width}{separator}{height}", "--size") == (height, width)


@pytest.mark.parametrize(
    "text", ["", "x", "64", "64x", "x64", "64x48x3", "6.4x48", "-64x48", "64 x 48", "64,48", "a x b"]
)
def test_other_texts_are_refused_with_the_option_and_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_size(text, "--window")
    assert str(error.value) == f"--window {text} must be WIDTHxHEIGHT in pixels, such as 1056x704"


@pytest.mark.parametrize("text", ["101x1", "1x101"])
def test_the_longest_side_is_checked(text: str) -> None:
    assert parse_size("100x100", "--size", largest=100) == (100, 100)
    with pytest.raises(ConfigError, match=f"^--size {text} is too large: no side may be longer than 100 pixels$"):
        parse_size(text, "--size", largest=100)
