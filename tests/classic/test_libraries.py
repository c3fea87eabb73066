import pytest

from segdrone.classic.libraries import library
from segdrone.errors import ConfigError


def test_what_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigError, match=r"needs nowhere, which is missing: pip install 'segdrone\[classic\]'"):
        library("nowhere")
