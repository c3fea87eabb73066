"""The files of conf/model that describe networks."""

from __future__ import annotations

from tests.helpers.commands import REPO

NETWORK_FILES = sorted(
    path for path in (REPO / "conf" / "model").glob("*.yaml") if not path.stem.startswith("classic_")
)
