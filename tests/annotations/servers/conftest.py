from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.label_studio_server import LEGACY, LabelStudioState, label_studio


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, LabelStudioState]]:
    """Address and state of a server like Label Studio, whose token is in the environment."""
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", LEGACY)
    with label_studio() as server:
        yield server
