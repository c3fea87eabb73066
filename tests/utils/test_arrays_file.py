from pathlib import Path

import numpy as np
import pytest

from segdrone.utils.arrays_file import ArraysFile
from segdrone.utils.bounded import UnreadableError


def saved(folder: Path, numbers: list[int], dtype: str) -> Path:
    """A file with texts of the given code points, of which NumPy checks none."""
    texts = np.array(numbers, f"{dtype[0]}u4").view(dtype)
    np.savez(folder / "a.npz", texts=texts)
    return folder / "a.npz"


@pytest.mark.parametrize("dtype", ["<U1", ">U1", "<U3", ">U3"])
@pytest.mark.parametrize("number", [0x110000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_texts_beyond_unicode_are_refused(tmp_path: Path, dtype: str, number: int) -> None:
    with (
        ArraysFile(saved(tmp_path, [97, 98, number], dtype)) as file,
        pytest.raises(UnreadableError, match="texts holds texts with characters beyond Unicode"),
    ):
        file.read("texts", kinds="U", shape=(None,))


@pytest.mark.parametrize("dtype", ["<U3", ">U3"])
@pytest.mark.parametrize("number", [0x10FFFF, 0xDC80])
def test_every_character_that_python_has_is_read(tmp_path: Path, dtype: str, number: int) -> None:
    with ArraysFile(saved(tmp_path, [97, number, 98], dtype)) as file:
        (text,) = map(str, file.read("texts", kinds="U", shape=(None,)))
    assert text == f"a{chr(number)}b"


def test_no_texts_are_read(tmp_path: Path) -> None:
    with ArraysFile(saved(tmp_path, [], "<U3")) as file:
        assert file.read("texts", kinds="U", shape=(None,)).shape == (0,)
