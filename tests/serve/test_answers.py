"""The form of an answer by the Accept header."""

from __future__ import annotations

import pytest

from segdrone.serve.answers import ANSWERS, choose_answer
from segdrone.serve.problems import Problem


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", ""),
        ("*/*", ""),
        ("application/json", ""),
        ("APPLICATION/JSON; charset=utf-8", ""),
        ("application/*", ""),
        ("image/png", "masks"),
        ("image/*", "masks"),
        ("image/png, */*", "masks"),
        ("*/*;q=0.1, image/png", "masks"),
        ("image/jpeg;q=0.5, image/png;q=0.4", "overlays"),
        ("image/png;profile=colours", "colours"),
        ('image/png; profile="Colours"', "colours"),
        ("image/png;profile=confidence;q=0.3", "confidence"),
        ("image/png;profile=none, image/jpeg;q=0.1", "overlays"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", ""),
        ("application/geo+json", "regions"),
        ("application/vnd.coco+json", "objects"),
        ("image/png;q=0, image/jpeg", "overlays"),
        (",,;q=1,image/png", "masks"),
        ("image/png," * 700, "masks"),
        ("application/json;q=0, */*", "masks"),
        ("*/*, application/json;q=0", "masks"),
        ("application/json;q=0.1, */*;q=0.5", "masks"),
        ("image/*;q=0, */*;q=0.1", ""),
        ("application/json;q=nan, image/png", "masks"),
    ],
)
def test_the_preferred_answer(accept: str, kind: str) -> None:
    assert choose_answer(accept).kind == kind


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "image/png;profile=x",
        "image/png;q=0",
        "image/png;q=0, image/png;q=0",
        "*/*;q=0",
        "*/png",
        "image",
        "image/png;q=x",
        "\x00",
        "é/*",
        "a" * 60_000,
    ],
)
def test_no_answer_lists_those_that_there_are(accept: str) -> None:
    with pytest.raises(Problem) as caught:
        choose_answer(accept)
    assert caught.value.status == 406
    assert all(answer.accept in caught.value.detail for answer in ANSWERS)
