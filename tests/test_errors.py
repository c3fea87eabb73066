from __future__ import annotations

from typing import Any

import pytest
from torch.utils.data import DataLoader, Dataset

from segdrone.errors import CheckpointError, ConfigError, DataError, SegdroneError, user_message

TEXT = "photos/7.jpg cannot be decoded (image file is truncated: 12 bytes): copy it again or remove it"


class Broken(Dataset[Any]):
    def __init__(self, text: str) -> None:
        self.text = text

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        try:
            raise OSError("cause: of it")
        except OSError as error:
            raise DataError(self.text) from error


def from_worker(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        next(iter(DataLoader(Broken(text), num_workers=1)))
    assert "Traceback" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("kind", [SegdroneError, ConfigError, DataError, CheckpointError])
def test_the_message_of_an_error_is_its_text(kind: type[SegdroneError]) -> None:
    assert user_message(kind(TEXT)) == TEXT


@pytest.mark.parametrize("text", [TEXT, "two options:\n  one\n  two"])
def test_the_message_of_an_error_in_a_worker_has_no_traceback(text: str) -> None:
    assert user_message(from_worker(text)) == text


@pytest.mark.parametrize("kind", [ConfigError, DataError, CheckpointError])
def test_one_class_catches_all_errors(kind: type[SegdroneError]) -> None:
    with pytest.raises(SegdroneError, match=r"photos/7\.jpg"):
        raise kind(TEXT)
