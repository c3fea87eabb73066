"""What the pages of benchmarks say of their results."""

import re

import pytest
from benchmarks import baseline
from benchmarks.learning_curve import NETWORK, Results, overtaken


@pytest.mark.parametrize(
    ("network", "model", "text"),
    [
        ((0.1, 0.3, 0.5), (0.2, 0.2, 0.2), "from 5 on"),
        ((0.3, 0.1, 0.5), (0.2, 0.2, 0.2), "from 20 on"),  # not from 1 on: with 5 photographs it is worse
        ((0.3, 0.3, 0.1), (0.2, 0.2, 0.2), "not up to 20"),
        ((0.3, 0.3, 0.3), (0.2, 0.2, 0.2), "from 1 on"),
    ],
)
def test_the_network_is_better_from_where_it_stays_better(
    network: tuple[float, ...], model: tuple[float, ...], text: str
) -> None:
    rows = {NETWORK: network, "forest": model}
    results: Results = {
        (name, count): {"miou": miou}
        for name, values in rows.items()
        for count, miou in zip((1, 5, 20), values, strict=True)
    }
    assert overtaken(results, "forest") == text
    assert overtaken(results, "another") == "not measured"


def test_variants_in_the_help_of_the_ablation_are_there() -> None:
    assert baseline.__doc__ is not None
    named = re.findall('--only "([^"]+)"', baseline.__doc__)
    assert named
    assert {*named} <= baseline.ABLATIONS.keys()
