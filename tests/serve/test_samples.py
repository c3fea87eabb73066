"""Sample scenes of the page."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.helpers.serving import detail


def test_a_sample_is_a_rendered_scene(client: TestClient) -> None:
    responses = [client.get("/page/samples/1.jpg") for _ in range(2)]
    assert [response.headers["content-type"] for response in responses] == ["image/jpeg"] * 2
    assert responses[0].content == responses[1].content
    image = Image.open(io.BytesIO(responses[0].content))
    assert image.size == (960, 640)
    assert len(image.getcolors(1 << 24) or ()) > 1000
    assert "max-age" in responses[0].headers["cache-control"]


@pytest.mark.parametrize("number", [0, 4, 10**30])
def test_there_is_no_other_sample(client: TestClient, number: int) -> None:
    assert "1 to 3" in detail(client.get(f"/page/samples/{number}.jpg"), 404)
