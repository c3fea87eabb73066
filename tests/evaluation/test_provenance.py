from pathlib import Path

import torch

from segdrone.data.discovery.pairs import ImageMaskPair
from segdrone.evaluation.provenance import describe_run, fingerprint


def test_the_fingerprint_changes_with_the_files(tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    image.write_bytes(b"123")
    pair = ImageMaskPair("a", image, None, (1, 1))
    first = fingerprint([pair])
    assert fingerprint([pair]) == first
    image.write_bytes(b"1234")
    assert fingerprint([pair]) != first
    assert fingerprint([pair, pair]) != fingerprint([pair])


def test_a_run_is_described(tmp_path: Path) -> None:
    record = describe_run([], torch.device("cpu"), seed=0)
    assert (record["seed"], record["device"]) == (0, "cpu")
    assert record["packages"]["lightning"].startswith("2.")
    assert record["cpu_count"] >= 1
