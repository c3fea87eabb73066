from collections.abc import Iterator

import pytest


@pytest.fixture
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Checks that runtimes, which print in C++, are silent."""
    yield
    assert capfd.readouterr() == ("", "")
