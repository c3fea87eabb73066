import os

import pytest

from segdrone.utils.silence import silent_stdout


def test_only_what_the_body_prints_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    print("before")
    with silent_stdout():
        os.write(1, b"below python")
        os.write(2, b"an error")
    print("after")
    assert capfd.readouterr() == ("before\nafter\n", "an error")


def test_output_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), silent_stdout():
        raise ValueError("x")
    print("after")
    assert capfd.readouterr() == ("after\n", "")
