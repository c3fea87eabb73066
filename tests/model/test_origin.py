"""Where the weights of a model are from."""

from __future__ import annotations

from pathlib import Path

from segdrone.model.origin import describe_origin, trained_elsewhere
from segdrone.utils.digest import file_digest


def test_photographs_of_all_earlier_trainings_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "best.ckpt"
    file.write_bytes(b"weights")
    first = {"data": {"root": str(tmp_path / "a")}, "splits": {"train": ["1", "2"], "val": ["3"]}}
    origin = describe_origin(file, [first], None)
    assert origin is not None
    assert (origin["checkpoint"], origin["sha256"]) == (str(file), file_digest(file))
    second = {"data": {"root": str(tmp_path / "b")}, "splits": {"train": ["9"]}, "origin": origin}
    hparams = {"origin": describe_origin(file, [second], (str(tmp_path / "c"), ["5"]))}
    assert [trained_elsewhere(hparams, tmp_path / name) for name in "abcd"] == [{"1", "2"}, {"9"}, {"5"}, set()]


def test_what_a_teacher_was_trained_on_counts(tmp_path: Path) -> None:
    teachers = [{"data": {"root": str(tmp_path / name)}, "splits": {"train": [name]}} for name in "ab"]
    origin = describe_origin(None, teachers, None)
    assert origin is not None
    assert origin["checkpoint"] is None
    assert [trained_elsewhere({"origin": origin}, tmp_path / name) for name in "ab"] == [{"a"}, {"b"}]


def test_a_model_from_scratch_has_no_origin() -> None:
    assert describe_origin(None, [], None) is None
    assert trained_elsewhere({"origin": None}, "a") == trained_elsewhere({}, "a") == set()
