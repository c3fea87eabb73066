from __future__ import annotations

import re

from segdrone import __version__
from tests.helpers.commands import REPO


def test_the_citation_has_the_version_of_the_package() -> None:
    cited = re.search(r"^version: (.*)$", (REPO / "CITATION.cff").read_text(), flags=re.M)
    assert cited is not None
    assert cited[1] == __version__
