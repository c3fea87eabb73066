import sys

import pytest

from segdrone.classic.libraries import check_installed, library
from segdrone.errors import ConfigError


def test_a_missing_package_is_found_before_photographs_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    check_installed()
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ConfigError, match="pip install"):
        check_installed()


def test_what_is_missing_is_named_with_its_extra() -> None:
    with pytest.raises(ConfigError, match=r"needs nowhere, which is missing: pip install 'segdrone\[classic\]'"):
        library("nowhere")
