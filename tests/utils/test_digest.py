from pathlib import Path

import pytest

from segdrone.errors import CheckpointError
from segdrone.utils.digest import digest_of_model, file_digest


def test_a_digest_of_files_that_stay_is_theirs(tmp_path: Path) -> None:
    graph, weights = tmp_path / "a.xml", tmp_path / "a.bin"
    graph.write_bytes(b"graph")
    weights.write_bytes(b"weights")
    with digest_of_model(graph, weights) as digests:
        pass
    assert digests == [file_digest(graph), file_digest(weights)]


def test_a_file_that_is_replaced_while_it_is_read_is_refused(tmp_path: Path) -> None:
    graph, weights = tmp_path / "a.xml", tmp_path / "a.bin"
    graph.write_bytes(b"graph")
    weights.write_bytes(b"weights")
    with (
        pytest.raises(CheckpointError, match=r"a\.xml was replaced while it was read"),
        digest_of_model(graph, weights),
    ):
        weights.write_bytes(b"others!")


def test_errors_of_the_body_come_first(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), digest_of_model(tmp_path / "a.ckpt"):
        (tmp_path / "a.ckpt").read_bytes()
